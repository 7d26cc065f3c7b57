#!/usr/bin/env python3
"""Runs the GoogleTest programs of a build tree, several at a time, and ends with "N passed, N failed".

The slow ones are split into shards, so that no processor idles at the end. Output is shown for what failed alone.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SHARDED = {"crash_test": 4, "log_test": 4, "ingest_test": 2}  # the slow ones, and they start first
LIMIT_S = 900


def programs(tree: pathlib.Path) -> list[pathlib.Path]:
    found = [p for p in tree.rglob("*_test") if p.is_file() and os.access(p, os.X_OK)]
    found += [p for p in tree.rglob("*_regressions") if p.is_file() and os.access(p, os.X_OK)]
    return sorted(found, key=lambda p: (p.name not in SHARDED, p.name))


def shards(path: pathlib.Path) -> list[tuple[pathlib.Path, int, int]]:
    count = SHARDED.get(path.name, 1)
    return [(path, index, count) for index in range(count)]


def run(job: tuple[pathlib.Path, int, int]) -> tuple[str, int, int, float, str]:
    """(name, passed, failed, seconds, output)"""
    path, index, count = job
    name = path.name if count == 1 else f"{path.name} {index + 1}/{count}"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        report = pathlib.Path(work) / "report.json"
        environment = {**os.environ, "GTEST_TOTAL_SHARDS": str(count), "GTEST_SHARD_INDEX": str(index), "TMPDIR": work}
        command = [str(path.resolve()), "--gtest_brief=1", f"--gtest_output=json:{report}"]
        try:
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
            output, status = done.stdout.decode("utf-8", "replace"), done.returncode
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"").decode("utf-8", "replace") + f"\n{name} did not end within {LIMIT_S} s"
            status = 1
        passed, failed = counts(report)
    if status != 0 and failed == 0:
        failed = 1
        output += f"\n{name} ended with {status} before its report was written"
    return name, passed, failed, time.monotonic() - started, output


def counts(report: pathlib.Path) -> tuple[int, int]:
    if not report.exists():
        return 0, 0
    suites = json.loads(report.read_text(encoding="utf-8"))
    ran = [t for s in suites.get("testsuites", []) for t in s["testsuite"] if t.get("result") == "COMPLETED"]
    failed = sum(1 for t in ran if t.get("failures"))
    return len(ran) - failed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    jobs = [job for path in programs(args.tree) for job in shards(path)]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, good, bad, seconds, output in pool.map(run, jobs):
            passed += good
            failed += bad
            print(f"{name}: {good} passed, {bad} failed, {seconds:.1f} s", flush=True)
            if bad:
                print(output)
    if not jobs:
        print(f"{args.tree} holds no test program")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
