#!/usr/bin/env python3
"""No file over 800 lines, no function over 60 lines of body: in C++, Python and shell, but not in generated code."""
import ast
import pathlib
import re
import subprocess
import sys

FILE_LINES_MAX = 800
BODY_LINES_MAX = 60
GENERATED = "/generated/"
SUFFIXES = {".cc", ".h", ".py", ".sh"}
# A brace after one of these opens something that may be long.
NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum)\b|\bextern\s*\"C\"\s*$|=\s*$|\breturn\b|\brequires\s*$")
NOT_A_VALUE = re.compile(r"\b(namespace|class|struct|union|enum|if|for|while|switch|catch|else|do|try)\b")
CONTROL = re.compile(r"\b(if|for|while|switch|catch)\s*(constexpr)?\s*\($|\b(else|do|try)\s*$")


def blanked(text: str) -> str:
    """The source with comments, strings and character literals turned into blanks; lines stay where they are."""
    out, at = [], 0
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^ ()\\\t\n]{0,16})\(|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    while match := token.search(text, at):
        begin, end = match.span()
        if match[0].startswith("'") and begin and text[begin - 1].isalnum():  # 1'000'000
            out.append(text[at : begin + 1])
            at = begin + 1
            continue
        if match[1] is not None:
            close = text.find(f'){match[1]}"', end)
            end = len(text) if close < 0 else close + len(match[1]) + 2
        out.append(text[at:begin] + re.sub(r"[^\n]", " ", text[begin:end]))
        at = end
    return "".join(out) + text[at:]


def opens_function(head: str) -> bool:
    """Whether a brace after this text (since the last ; { or }) begins the body of a function or of a lambda."""
    head = head.strip()
    if CONTROL.search(head) or re.match(r"(?:\}?\s*else\s+)?(if|for|while|switch|catch)\b", head):
        return False
    if head.endswith(("=", ",", "(", "return")) or not head:
        return False
    if re.search(r"\)\s*(const|noexcept|override|final|mutable|&&?|->[^{};]*|\s)*$", head):
        return not re.match(r"(template\s*<.*>\s*)?(namespace|class|struct|union|enum)\b[^()]*$", head)
    return head.endswith("}") and ")" in head and not NOT_A_FUNCTION.search(head.split("(")[0])


def is_value(head: str) -> bool:
    """Whether a brace after this text holds a value, as in `b_{}` of a constructor: what was begun goes on after it."""
    return bool(re.search(r"[\w>=,(]\s*$", head)) and not NOT_A_VALUE.search(head)


def long_functions(text: str) -> list[tuple[int, int]]:
    """(line, body lines) of every function of C++ source whose body is longer than the limit."""
    text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m[0]), blanked(text), flags=re.M)
    stack, found, head_begin, line = [], [], 0, 1
    for at, char in enumerate(text):
        if char == "\n":
            line += 1
        elif char == "{":
            head = text[head_begin:at]
            function = opens_function(head)
            stack.append((line, function, head_begin if not function and is_value(head) else None))
            head_begin = at + 1
        elif char == "}":
            begin, function, value_head = stack.pop() if stack else (line, False, None)
            if function and line - begin - 1 > BODY_LINES_MAX:
                found.append((begin, line - begin - 1))
            head_begin = at + 1 if value_head is None else value_head
        elif char == ";" and text.count("(", head_begin, at) <= text.count(")", head_begin, at):
            head_begin = at + 1
    return found


def long_python(text: str) -> list[tuple[int, int]]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno
            if lines > BODY_LINES_MAX:
                found.append((node.lineno, lines))
    return found


def long_shell(text: str) -> list[tuple[int, int]]:
    found, begin, heredoc = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        if heredoc:
            heredoc = None if line.strip() == heredoc else heredoc
        elif match := re.search(r"<<-?\s*'?(\w+)'?", line):
            heredoc = match[1]
        if re.match(r"\w+\(\) \{$", line):
            begin = number
        elif line == "}" and begin and not heredoc:
            if number - begin - 1 > BODY_LINES_MAX:
                found.append((begin, number - begin - 1))
            begin = None
    return found


def is_script(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        line = file.readline(80)
    if line.startswith(b"#!"):
        return ".py" if b"python" in line else ".sh" if b"sh" in line else ""
    return ""


def problems(path: pathlib.Path, name: str) -> list[str]:
    kind = path.suffix or is_script(path)
    if kind not in SUFFIXES or GENERATED in f"/{name}":
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    found = [f"{name}: {lines} lines, {FILE_LINES_MAX} at most"] if lines > FILE_LINES_MAX else []
    look = {".py": long_python, ".sh": long_shell}.get(kind, long_functions)
    return found + [f"{name}:{line}: a body of {n} lines, {BODY_LINES_MAX} at most" for line, n in look(text)]


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, check=True, text=True).stdout.split("\0")
    found = [p for name in sorted(set(names)) if name and (root / name).is_file() for p in problems(root / name, name)]
    print("\n".join(found) or "every file and function is short enough")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
