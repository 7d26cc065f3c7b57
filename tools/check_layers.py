#!/usr/bin/env python3
"""Holds the #includes under src/ against the layers: who may include whom.

The design's table stands below; the sluice_folder lines of CMakeLists.txt have to say the same, so a new edge between two
folders is decided in two places. Arrow is seen by lake and audit alone; include/sluice sees nothing but the standard library.
"""
import pathlib
import re
import sys

LAYERS = {
    "base": "",
    "env": "base",
    "sim": "base env",
    "wire": "base",
    "record": "base",
    "log": "base env record",
    "broker": "base env wire record log",
    "client": "base env wire record",
    "positions": "base env client",
    "produce": "base env record log client",
    "table": "base env",
    "lake": "base env record table",
    "ingest": "base env record client positions table lake",
    "offsets": "base env client positions table",
    "guard": "base env client positions table",
    "audit": "base env table",
    "http": "base env",
}
# The witness: these may share no code with what it judges, not even through another folder.
NEVER = {"audit": {"ingest", "client", "record", "lake"}}
ARROW_FOLDERS = {"lake", "audit"}
TOP_FOLDERS = {"cli"}  # may include everything
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ARROW = re.compile(r"^(arrow|parquet)/")


def cmake_layers(text: str) -> dict[str, set[str]]:
    """Folder to the folders it may include, from lines like `sluice_folder(log USES base env record)`."""
    layers = {}
    for name, rest in re.findall(r"^sluice_folder\((\w+)([^)]*)\)", text, re.M):
        _, _, uses = rest.partition("USES")
        layers[name] = {word for word in uses.split() if word.islower()}
    return layers


def cmake_problems(layers: dict[str, set[str]]) -> list[str]:
    problems = []
    for name, uses in sorted(layers.items()):
        if name not in LAYERS:
            problems.append(f"CMakeLists.txt: the folder {name} is not in the layer table of tools/check_layers.py")
        elif uses - set(LAYERS[name].split()):
            extra = " ".join(sorted(uses - set(LAYERS[name].split())))
            problems.append(f"CMakeLists.txt: {name} may not use {extra}")
    return problems


def reachable(layers: dict[str, set[str]], name: str) -> set[str]:
    found, todo = set(), [name]
    while todo:
        for other in layers.get(todo.pop(), set()) - found:
            found.add(other)
            todo.append(other)
    return found


def file_problems(path: str, folder: str, text: str, folders: set[str], allowed: set[str]) -> list[str]:
    """The includes of one file that break its layer."""
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match[2].split("/")[0]
        if match[1] == '"' and target in folders and target != folder and target not in allowed:
            problems.append(f"{path}:{number}: {folder} may not include {target}")
        if ARROW.match(match[2]) and folder not in ARROW_FOLDERS:
            problems.append(f"{path}:{number}: {folder} may not see Arrow; {' and '.join(sorted(ARROW_FOLDERS))} may")
    return problems


def public_problems(root: pathlib.Path) -> list[str]:
    problems = []
    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and "/" in match[2] and not match[2].startswith("sluice/"):
                where = f"{path.relative_to(root)}:{number}"
                problems.append(f"{where}: public headers include the standard library alone")
    return problems


def source_problems(root: pathlib.Path, layers: dict[str, set[str]]) -> list[str]:
    problems = []
    folders = set(LAYERS) | TOP_FOLDERS
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        relative = str(path.relative_to(root))
        folder = path.relative_to(root / "src").parts[0]
        allowed = folders if folder in TOP_FOLDERS else set(layers.get(folder, set()))
        if folder not in layers and folder not in TOP_FOLDERS:
            problems.append(f"{relative}: CMakeLists.txt does not know the folder {folder}")
            continue
        if path.stem.endswith(("_test", "_bench", "_fixture")):
            allowed.add("sim")
        problems += file_problems(relative, folder, path.read_text(), folders, allowed)
    return problems


def check(root: pathlib.Path) -> list[str]:
    layers = cmake_layers((root / "CMakeLists.txt").read_text())
    problems = cmake_problems(layers)
    for name, never in NEVER.items():
        for other in sorted(reachable(layers, name) & never):
            problems.append(f"CMakeLists.txt: {name} reaches {other}, which it has to judge")
    return problems + source_problems(root, layers) + public_problems(root)


def main() -> int:
    problems = check(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(problems) or "every include keeps to its layer")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
