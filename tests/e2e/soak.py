#!/usr/bin/env python3
"""The very long proof: kills under load with a new seed each time, for as long as it is told, added up over all its runs.

Each round is one line of docs/results/soak.jsonl, so it may be stopped and gone on with at any time; docs/results/soak.md
says what the lines add up to.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES = ROOT / "docs/results/soak.jsonl"
PAGE = ROOT / "docs/results/soak.md"
ROUND_LIMIT_S = 1800


def commit() -> str:
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def round_of(seed: int, sluice: str) -> dict:
    """Runs the kill tests with that seed; what they counted."""
    tally = ROOT / "build/logs" / f"soak-{seed}.json"
    tally.parent.mkdir(parents=True, exist_ok=True)
    tally.unlink(missing_ok=True)
    environment = {**os.environ, "SLUICE_SEED": str(seed), "SLUICE_LONG": "1", "SLUICE_TALLY": str(tally)}
    command = [sys.executable, ROOT / "tests/e2e/run.py", "--sluice", sluice, "kill"]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ROUND_LIMIT_S, check=False)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:])
    counts = [json.loads(line) for line in tally.read_text().splitlines()] if tally.exists() else []
    return {"at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit(),
            "seed": seed, "ok": done.returncode == 0, "seconds": round(time.monotonic() - began),
            **{key: sum(c[key] for c in counts) for key in ("kills", "records", "commits")}}


def write_page(rounds: list[dict]) -> None:
    good = [r for r in rounds if r["ok"]]
    total = {key: sum(r[key] for r in good) for key in ("kills", "records", "commits", "seconds")}
    text = (f"# Soak\n\n{len(good)} rounds without a record missing, doubled or altered, {len(rounds) - len(good)} with; in them "
            f"{total['kills']:,} kill -9 of worker and broker under load, {total['records']:,} records, {total['commits']:,} "
            f"commits, {total['seconds'] / 3600:.1f} hours. Each round ends with an audit, and with DuckDB and pyarrow counting "
            "the table against what was produced.\n\nWritten by `./dev soak`, from `soak.jsonl`.\n")
    bad = [r for r in rounds if not r["ok"]]
    if bad:
        text += "\nRounds that failed:\n\n" + "".join(f"- seed {r['seed']} at {r['commit']}\n" for r in bad)
    PAGE.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default="build/release/sluice")
    parser.add_argument("--seconds", type=int, default=3600)
    args = parser.parse_args()
    LINES.parent.mkdir(parents=True, exist_ok=True)
    rounds = [json.loads(line) for line in LINES.read_text(encoding="utf-8").splitlines()] if LINES.exists() else []
    deadline, failed = time.monotonic() + args.seconds, 0
    while time.monotonic() < deadline:
        result = round_of(max((r["seed"] for r in rounds), default=0) + 1, args.sluice)
        rounds.append(result)
        failed += not result["ok"]
        with LINES.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        write_page(rounds)
        print(json.dumps(result), flush=True)
    print(f"{len(rounds)} rounds so far, {failed} of this run failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
