#!/usr/bin/env python3
"""The end-to-end tests, against the real binary, real files and real kills. Ends with "N passed, N failed".

run.py [--sluice BIN] [--long] [NAME...]   NAME is a module (kill), or module.Class.test
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """Says how long each test took."""

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.stream.write(f"{time.monotonic() - self.began:5.1f} s  ")
        super().addSuccess(test)


def modules(long: bool) -> list[str]:
    names = sorted(p.stem for p in HERE.glob("*_test.py"))
    return names + (sorted(p.stem for p in HERE.glob("*_long.py")) if long else [])


def become_root_of_a_namespace() -> None:
    """Some tests mount a small disk. Who is not root may do so in a user namespace, if the kernel has them."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount"]
    if os.geteuid() and shutil.which("unshare") and subprocess.run([*prefix, "true"], check=False).returncode == 0:
        os.execvp(prefix[0], [*prefix, sys.executable, *sys.argv])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default="build/release/sluice")
    parser.add_argument("--long", action="store_true", help="what takes minutes, Java or big downloads as well")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    become_root_of_a_namespace()
    os.environ["SLUICE_BINARY"] = str(pathlib.Path(args.sluice).resolve())
    if args.long:
        os.environ["SLUICE_LONG"] = "1"
    sys.path.insert(0, str(HERE))
    wanted = []
    for name in args.names or modules(args.long):
        first, dot, rest = name.partition(".")
        module = next((m for m in (first, f"{first}_test", f"{first}_long") if (HERE / f"{m}.py").exists()), None)
        if module is None:
            parser.error(f"there is no {first}_test.py")
        wanted.append(module + dot + rest)
    suite = unittest.defaultTestLoader.loadTestsFromNames(wanted)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result, stream=sys.stdout).run(suite)
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors + result.skipped}
    failed = len(bad)  # a subtest counts with its test, and nothing here may be skipped
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
