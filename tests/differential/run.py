#!/usr/bin/env python3
"""Differential test: the same requests to ours and to Apache Kafka, the answers compared. Ends with "N passed, N failed".

run.py live     --sluice BIN --kafka TOOL [--requests N] [--seed S] [--theme T] [--jobs N] [--report FILE] [--findings FILE]
run.py record   --sluice BIN --kafka TOOL --requests N [--seed S]
run.py replay   --sluice BIN
run.py recheck  --sluice BIN --kafka TOOL [--report FILE]
run.py page     [--report FILE] [--add FILE]...

live    new sequences; each difference is put into a class, one with a reason in explained.txt is told and passes, any
        other fails. --report adds what was found to FILE (JSON), --findings writes the shortest requests that show a class.
record  sequences with Kafka's answers into corpus.jsonl.xz, each as far as ours answers alike.
replay  the recorded sequences against ours alone.
recheck the report's classes without a reason; those that were mended are taken out.
page    docs/compat/differences.md from the report.
"""
import argparse
import contextlib
import json
import lzma
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import codec
import compare
import generate
import jobs
import page
import play
import servers
import shorten
import side

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus.jsonl.xz"
TABLE = HERE / "explained.txt"
SAVE_SECONDS = 20  # a run that is cut off loses no more
RECORDED_MIN = 8  # requests of a sequence that is worth keeping


class Arena:
    """The brokers of one run, and a fresh prefix for each sequence."""

    def __init__(self, args, with_kafka):
        self.schema = codec.load()
        self.table = compare.Table(TABLE)
        self.stack = contextlib.ExitStack()
        self.work = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-differential-"))
        self.sluice = servers.Sluice(args.sluice, self.work)
        self.stack.callback(self.sluice.stop)
        self.kafka = self.settle = None
        if with_kafka:
            self.kafka = servers.Running(args.running) if args.running else servers.Kafka(args.kafka, self.work)
            self.stack.callback(self.kafka.stop)
            self.settle = side.Settler(self.kafka, self.schema)
        self.versions = shared_versions(self)
        self.count = random.randrange(1_000_000)  # groups outlive the run in a broker that goes on running

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stack.close()

    def player(self, recorded=False):
        self.count += 1
        prefix = f"d{self.count % 1_000_000:06d}-"
        ours = side.Side(self.sluice, self.schema, prefix)
        other = play.Recorded() if recorded else side.Side(self.kafka, self.schema, prefix, self.settle)
        return play.Player(ours, other, self.schema[2], self.table)

    def live(self, seed, theme=None):
        player = self.player()
        try:
            return play.live(player, generate.Generator(seed, self.schema[0], self.versions, theme))
        finally:
            self.clean(player)

    def replay(self, steps, recorded):
        player = self.player(recorded)
        try:
            return play.replay(player, steps if recorded else map(play.bare, steps))
        finally:
            self.clean(player)

    @staticmethod
    def clean(player):
        """Ends a sequence: nobody waits, its topics are gone."""
        for one in (player.ours, player.other):
            one.close()
            if not one.is_recorded:
                one.settle = None
                names = ["~t0", "~t1", "~t2", "~missing", "~none", "~x"]
                step = {"lane": 0, "key": 20, "version": 5, "body": {"topic_names": names, "timeout_ms": 30000}}
                one.send(step)
                one.receive(step)
                one.close()


def advertised(server, schema):
    """{key: (first, last)} that a broker tells."""
    one = side.Side(server, schema, "")
    step = {"lane": 0, "key": 18, "version": 0, "body": {}}
    one.send(step)
    answer = one.receive(step)
    one.close()
    return {api["api_key"]: (api["min_version"], api["max_version"]) for api in answer["api_keys"]}


def shared_versions(arena):
    told = [advertised(server, arena.schema) for server in (arena.sluice, arena.kafka) if server is not None]
    shared = {}
    for key, message in arena.schema[0].items():
        ranges = [one[key] for one in told if key in one] + [(message.versions.first, message.versions.last)]
        if len(ranges) == len(told) + 1:
            first, last = max(r[0] for r in ranges), min(r[1] for r in ranges)
            if first <= last:
                shared[key] = (first, last)
    return shared


def warm_up(arena):
    """Coordinators that have loaded, and code that has been run: the first sequences are not compared."""
    for seed in range(4):
        with contextlib.suppress(AssertionError, codec.Malformed):
            arena.live(seed, "groups" if seed % 2 else "transactions")


def live(args):
    if args.jobs > 1:
        return jobs.live(args)
    report, passed, failed, asked = page.Report(args.report), 0, 0, 0
    dice, began = random.Random(args.seed), time.monotonic()
    saved = began
    shown = set()
    with Arena(args, True) as arena:
        warm_up(arena)
        while asked < args.requests:
            seed = dice.getrandbits(48)
            outcome = arena.live(seed, args.theme)
            asked += len(outcome.steps)
            bad = outcome.unexplained()
            passed, failed = passed + (not bad), failed + bool(bad)
            report.add(outcome, arena.schema[2], seed)
            report.requests += len(outcome.steps)
            if time.monotonic() - saved > SAVE_SECONDS:
                report.save()
                saved = time.monotonic()
            for name, what in bad.items():
                if name not in shown:
                    shown.add(name)
                    print(f"{name}\n    seed {seed} step {what['step']} v{what['version']} {what['path']}: "
                          f"ours {what['ours']!r}, Kafka {what['kafka']!r}"[:400], flush=True)
                    if args.findings and not play.HARMLESS.search(what["path"]):
                        shorten.tell(arena, outcome, name, args.findings)
        report.save()
    print(f"{asked} requests in {time.monotonic() - began:.0f} s, {len(shown)} classes without a reason")
    return passed, failed


def record(args):
    """Sequences written with Kafka's answers."""
    asked, dice, sequences = 0, random.Random(args.seed), []
    with Arena(args, True) as arena:
        warm_up(arena)
        while asked < args.requests:
            seed = dice.getrandbits(48)
            outcome = arena.live(seed)
            known = min([what["step"] for what in outcome.unexplained().values()], default=len(outcome.steps))
            if known >= RECORDED_MIN:  # what comes before the first difference without a reason
                sequences.append(outcome.steps[:known])
                asked += known
    lines = [json.dumps(steps, separators=(",", ":")) for steps in sequences]
    CORPUS.write_bytes(lzma.compress("\n".join(lines).encode()))
    print(f"{asked} requests in {len(lines)} sequences, {CORPUS.stat().st_size} bytes")
    return len(lines), 0


def replay(args):
    passed = failed = asked = 0
    with Arena(args, False) as arena:
        for line in lzma.decompress(CORPUS.read_bytes()).decode().splitlines():
            steps = json.loads(line)
            outcome = arena.replay(steps, True)
            bad = outcome.unexplained()
            asked += len(outcome.steps)
            passed, failed = passed + (not bad), failed + bool(bad)
            for name, what in bad.items():
                print(f"sequence {passed + failed}: {name}\n    step {what['step']} v{what['version']} {what['path']}: "
                      f"ours {what['ours']!r}, Kafka {what['kafka']!r}\n    asked {json.dumps(steps[what['step']])[:1500]}")
    print(f"{asked} requests against recorded answers")
    return passed, failed


def recheck(args):
    """Sequences that showed a difference without a reason once more: a class that they do not show any longer was mended."""
    report, passed, failed = page.Report(args.report), 0, 0
    with Arena(args, True) as arena:
        warm_up(arena)
        for name in [one for one in report.classes if arena.table.reason(one) is None]:
            found = arena.live(report.classes[name]["seed"], args.theme).unexplained()
            print(f"{'is there still' if name in found else 'mended'}: {name}", flush=True)
            passed, failed = passed + (name not in found), failed + (name in found)
            if name not in found:
                del report.classes[name]
    report.save()
    return passed, failed


def write_page(args):
    report = page.Report(args.report)
    for other in args.add or []:
        report.merge(other)
    if args.add:
        report.save()
    page.write(report, compare.Table(TABLE))
    return 1, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("live", "record", "replay", "recheck", "page"))
    parser.add_argument("--sluice", default="build/release/sluice")
    parser.add_argument("--kafka", default="tools/apache-kafka")
    parser.add_argument("--running", help="HOST:PORT of an Apache Kafka that runs already, with the properties of servers.py")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="live: runs side by side against one Apache Kafka")
    parser.add_argument("--theme", choices=sorted(generate.THEMES))
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--findings", type=pathlib.Path)
    parser.add_argument("--add", type=pathlib.Path, action="append", help="another run's report, to be added to --report")
    args = parser.parse_args()
    passed, failed = {"live": live, "record": record, "replay": replay, "recheck": recheck, "page": write_page}[args.what](args)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
