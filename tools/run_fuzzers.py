#!/usr/bin/env python3
"""Runs every libFuzzer target of a build tree for some seconds, several at a time; ends with "N passed, N failed".

The corpus grows in TREE/corpus/TARGET (begun from fuzz/corpus and fuzz/regressions); what is found stays in TREE/findings.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RSS_MIB_MAX = 2048
INPUT_BYTES_MAX = 65536


def targets(tree: pathlib.Path, only: str | None) -> list[pathlib.Path]:
    found = [p for p in tree.rglob("fuzz_*") if p.is_file() and os.access(p, os.X_OK) and "." not in p.name]
    return sorted(p for p in found if not only or only in (p.name, p.name.removeprefix("fuzz_")))


def run(path: pathlib.Path, tree: pathlib.Path, seconds: int) -> tuple[str, int, str]:
    corpus = tree / "corpus" / path.name
    findings = tree / "findings" / path.name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    names = {path.name, path.name.removeprefix("fuzz_")}
    seeds = [str(d) for kind in ("corpus", "regressions") for name in sorted(names)
             if (d := ROOT / "fuzz" / kind / name).is_dir()]
    command = [str(path.resolve()), f"-max_total_time={seconds}", f"-rss_limit_mb={RSS_MIB_MAX}", "-timeout=10",
               f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix={findings}/", "-print_final_stats=1", str(corpus), *seeds]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          timeout=seconds + 300, check=False)
    return path.name, done.returncode, done.stdout.decode("utf-8", "replace")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only")
    args = parser.parse_args()
    tree = args.tree.resolve()
    found = targets(tree, args.only)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, status, output in pool.map(lambda p: run(p, tree, args.seconds), found):
            executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
            print(f"{name}: {'no finding' if status == 0 else 'FOUND something'}, "
                  f"{int(executed[1]) if executed else 0:,} inputs", flush=True)
            if status:
                print("\n".join(output.splitlines()[-60:]))
            passed, failed = passed + (status == 0), failed + (status != 0)
    if not found:
        print("there is no such target")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
