#!/usr/bin/env python3
"""The very long proof: kills under load with a new seed each time, for as long as it is told, added up over all its runs.

Each round is one line of docs/results/soak.jsonl, so it may be stopped and gone on with at any time; docs/results/soak.md
says what the lines add up to. The other part, transactions, has its own: soak-transactions.jsonl and .md.
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
RESULTS = ROOT / "docs/results"
ROUND_LIMIT_S = 1800
KILLS_A_ROUND = 40  # of transactions; the other part has its own count


class Part:
    """What is killed, and where its rounds are written down."""

    def __init__(self, name: str, file: str, command: str, good: str, counts: dict, end: str):
        self.name, self.lines, self.page = name, RESULTS / f"{file}.jsonl", RESULTS / f"{file}.md"
        self.command, self.good, self.counts, self.end = command, good, counts, end

    def rounds(self) -> list[dict]:
        if not self.lines.exists():
            return []
        return [json.loads(line) for line in self.lines.read_text(encoding="utf-8").splitlines()]

    def seed(self) -> int:
        return max((r["seed"] for r in self.rounds()), default=0) + 1


KILL = Part("kill", "soak", "./dev soak", "without a record missing, doubled or altered",
            {"kills": "kill -9 of worker and broker under load", "records": "records", "commits": "commits"},
            "Each round ends with an audit, and with DuckDB and pyarrow counting the table against what was produced.")
TRANSACTIONS = Part(
    "transactions_kill", "soak-transactions", "./dev soak transactions", "without a record or a position lost or given twice",
    {"kills": "kill -9 of the broker with transactions and groups of both protocols in flight", "records": "records",
     "commits": "transactions committed"},
    "In each round a source writes idempotently, two copiers copy it in transactions with their positions (one in a classic group, "
    "one in a consumer group of KIP-848), and two groups of two members each, which join again and again, read what is committed. At "
    "the end every record lies at the offset that its producer was told, no offset was told twice, the copies under read_committed "
    "hold every record once, each group has read every one of them, and no group ever found a position before the one whose commit "
    "it was told.")
PARTS = {"kill": KILL, "transactions": TRANSACTIONS}


def commit() -> str:
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def round_of(part: Part, seed: int, sluice: str) -> dict:
    """Runs the part's tests with that seed; what they counted."""
    tally = ROOT / "build/logs" / f"soak-{part.name}-{seed}.json"
    tally.parent.mkdir(parents=True, exist_ok=True)
    tally.unlink(missing_ok=True)
    environment = {**os.environ, "SLUICE_SEED": str(seed), "SLUICE_LONG": "1", "SLUICE_TALLY": str(tally),
                   "SLUICE_KILLS": str(KILLS_A_ROUND)}
    command = [sys.executable, ROOT / "tests/e2e/run.py", "--sluice", sluice, part.name]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ROUND_LIMIT_S, check=False)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:])
    counts = [json.loads(line) for line in tally.read_text().splitlines()] if tally.exists() else []
    return {"at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit(),
            "seed": seed, "ok": done.returncode == 0, "seconds": round(time.monotonic() - began),
            **{key: sum(c[key] for c in counts) for key in part.counts}}


def write_page(part: Part, rounds: list[dict]) -> None:
    good = [r for r in rounds if r["ok"]]
    counts = "".join(f"{sum(r[key] for r in good):,} {what}, " for key, what in part.counts.items())
    hours = sum(r["seconds"] for r in good) / 3600
    text = (f"# Soak\n\n{len(good)} rounds {part.good}, {len(rounds) - len(good)} with; in them {counts}{hours:.1f} hours. {part.end}"
            f"\n\nWritten by `{part.command}`, from `{part.lines.name}`.\n")
    bad = [r for r in rounds if not r["ok"]]
    if bad:
        text += "\nRounds that failed:\n\n" + "".join(f"- seed {r['seed']} at {r['commit']}\n" for r in bad)
    part.page.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default="build/release/sluice")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--part", choices=PARTS, default="kill")
    args = parser.parse_args()
    part = PARTS[args.part]
    RESULTS.mkdir(parents=True, exist_ok=True)
    rounds = part.rounds()
    deadline, failed = time.monotonic() + args.seconds, 0
    while time.monotonic() < deadline:
        result = round_of(part, part.seed(), args.sluice)
        rounds.append(result)
        failed += not result["ok"]
        with part.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        write_page(part, rounds)
        print(json.dumps(result), flush=True)
    print(f"{len(rounds)} rounds so far, {failed} of this run failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
