#!/usr/bin/env python3
"""What the texts say is there is there, and what is there is said.

Every folder of src/ stands in docs/ARCHITECTURE.md and the reverse; links between our pages lead somewhere; X-numbers in code
and tests exist in docs/EXACTLY_ONCE.md; no committed text holds a path of somebody's machine, a private key or a
leftover reminder.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
X_NUMBER = re.compile(r"\bX(\d{1,2})\b")
FORBIDDEN = [
    (re.compile(r"(?<![\w.$}/~-])/(?:work|root|home/[a-z]\w*|Users/\w+)/[\w.]"), "a path of somebody's machine"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b(?:TODO|FIXME|XXX)\b"), "a leftover reminder"),
]
SELF = "tools/check_texts.py"
BINARY = {".png", ".gz", ".zst", ".parquet", ".bin", ".snapshot"}


def committed() -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def read(name: str) -> str | None:
    """The text of a file, None for one that holds bytes."""
    if pathlib.Path(name).suffix in BINARY or name.startswith("fuzz/regressions/"):
        return None
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def folder_problems() -> list[str]:
    page = ROOT / "docs/ARCHITECTURE.md"
    said = set(re.findall(r"^\|\s*`src/(\w+)`", page.read_text(), re.M)) if page.exists() else set()
    there = {p.name for p in (ROOT / "src").iterdir() if p.is_dir() and any(p.rglob("*.*"))}
    return [f"docs/ARCHITECTURE.md does not tell about src/{name}" for name in sorted(there - said)] + [
        f"docs/ARCHITECTURE.md tells about src/{name}, which is not there" for name in sorted(said - there)]


def link_problems(name: str, text: str) -> list[str]:
    here = (ROOT / name).parent
    return [f"{name}: a link to {target}, which is not there" for target in LINK.findall(text)
            if not (here / target).exists()]


def number_problems(texts: dict[str, str]) -> list[str]:
    page = texts.get("docs/EXACTLY_ONCE.md")
    if page is None:
        return ["docs/EXACTLY_ONCE.md is missing"]
    stated = set(X_NUMBER.findall(page))
    code = {n: t for n, t in texts.items() if n.startswith(("src/", "tests/"))}
    return [f"{name}: X{number} is not stated in docs/EXACTLY_ONCE.md"
            for name, text in code.items() for number in sorted(set(X_NUMBER.findall(text)) - stated)]


def forbidden_problems(name: str, text: str) -> list[str]:
    if name == SELF:
        return []
    return [f"{name}:{number}: {what}" for number, line in enumerate(text.splitlines(), 1)
            for pattern, what in FORBIDDEN if pattern.search(line)]


def main() -> int:
    texts = {name: text for name in committed() if (text := read(name)) is not None}
    problems = folder_problems() + number_problems(texts)
    for name, text in texts.items():
        problems += forbidden_problems(name, text)
        if name.endswith(".md"):
            problems += link_problems(name, text)
    print("\n".join(problems) or f"{len(texts)} texts are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
