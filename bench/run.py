#!/usr/bin/env python3
"""Sluice against others, on this machine, in interleaved rounds; every output is checked by a reader we did not write.

ingest   bench/baseline.cc (librdkafka, simdjson and Arrow, tuned by hand, without exactly-once) and `sluice ingest run` read
         the same topic of JSON line items and write the same columns with the same codec. Reported: CPU of the whole process.
broker   produce with acks=all into sluice (which fsyncs before it answers) and, with --kafka, into Apache Kafka 4.3.1 with its
         defaults (which does not), after a warm-up. Reported: CPU of the broker's process for each MB of record values.
start    from exec to the ready line, and the memory of a broker that nobody uses.
"""
import argparse
import datetime
import json
import pathlib
import platform
import sys
import tempfile

import build
import contests

ROOT = pathlib.Path(__file__).resolve().parent.parent
PARTS = ("ingest", "broker", "start")


def machine() -> list[str]:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), platform.machine())
    cores = sum(1 for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("processor"))
    memory = int(open("/proc/meminfo", encoding="utf-8").readline().split()[1]) // 1024
    return [f"{cores} x {cpu}, {memory} MiB, Linux {platform.release()}",
            "versions: " + ", ".join(f"{name} {version}" for name, version in build.versions().items())]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="ingest, broker, start (all)")
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "build/release/sluice")
    parser.add_argument("--records", type=int, default=2_000_000, help="of the ingest contest (2,000,000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kafka", action="store_true", help="Apache Kafka beside our broker (needs Java and Maven)")
    parser.add_argument("--warm-up", type=int, default=20_000_000, metavar="RECORDS", help="for Apache Kafka (20,000,000)")
    parser.add_argument("--broker-records", type=int, default=2_000_000, help="a round of the broker contest (2,000,000)")
    parser.add_argument("--write", action="store_true", help="write docs/results/bench-DATE.md")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no {' '.join(sorted(unknown))}; there are: {' '.join(PARTS)}")
    return args


def main() -> int:
    args = arguments()
    args.sluice = args.sluice.resolve()
    programs = build.programs()
    lines = [f"bench of {datetime.date.today()}", *machine()]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as work:
        for part in args.parts or PARTS:
            contest = getattr(contests, part)
            for line in contest(args, programs, pathlib.Path(work)):
                lines.append(line)
                print(line, flush=True)
    if args.write:
        page = ROOT / f"docs/results/bench-{datetime.date.today()}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("# " + lines[0] + "\n\n```\n" + "\n".join(lines[1:]) + "\n```\n\nOptions: `"
                        + json.dumps({k: v for k, v in vars(args).items() if k != "sluice"}) + "`\n", encoding="utf-8")
        print(f"wrote {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
