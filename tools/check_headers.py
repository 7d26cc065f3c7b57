#!/usr/bin/env python3
"""Every header compiles alone.

A source file that includes its own header first proves that by being compiled (foo.cc or foo_test.cc for foo.h; generated
messages likewise). The other headers are compiled here, syntax only, with the flags of a build tree.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)


def first_include(path: pathlib.Path) -> str:
    match = FIRST_INCLUDE.search(path.read_text(encoding="utf-8"))
    return match[1] if match else ""


def unproven(root: pathlib.Path) -> list[pathlib.Path]:
    """The headers that no source file includes first."""
    proven = {first_include(path) for path in (root / "src").rglob("*.cc")}
    headers = sorted((root / "src").rglob("*.h")) + sorted((root / "include").rglob("*.h"))
    return [h for h in headers if str(h.relative_to(root / h.relative_to(root).parts[0])) not in proven]


def flags_of(commands: list[dict], folder: str) -> list[str]:
    """The compiler and its flags for that folder of src/, without input and output; of any folder if it has no source."""
    mine = [c for c in commands if f"/src/{folder}/" in c["file"]]
    command = shlex.split((mine or commands)[0]["command"])
    while command and not re.search(r"(g\+\+|clang\+\+|c\+\+)[-0-9.]*$", command[0]):
        command.pop(0)  # ccache
    kept, skip = [], False
    for word in command:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif word not in ("-c", "-MD", "-MMD") and not word.endswith(".cc") and not word.startswith("-fsanitize"):
            kept.append(word)
    return kept


def compile_alone(header: pathlib.Path, commands: list[dict]) -> tuple[pathlib.Path, str]:
    folder = header.relative_to(ROOT / header.relative_to(ROOT).parts[0]).parts[0]
    source = f'#include "{header}"\n'
    command = flags_of(commands, folder) + ["-fsyntax-only", "-x", "c++", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
    return header, "" if done.returncode == 0 else done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile-commands", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    commands = json.loads(args.compile_commands.read_text())
    headers, bad = unproven(ROOT), 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for header, problem in pool.map(lambda h: compile_alone(h, commands), headers):
            if problem:
                bad += 1
                print(f"{header.relative_to(ROOT)} does not compile alone:\n{problem}")
    print(f"{len(headers)} headers compiled alone, {bad} of them failed; the others are their source file's first include")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
