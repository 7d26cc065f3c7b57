"""Several live runs at a time: each with a broker of ours, all with one Apache Kafka, in which each sequence has its names.

Most of a run is waiting, for Kafka's controller above all: a few runs side by side use the time.
"""
import contextlib
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import page
import servers

TOTAL = re.compile(r"(\d+) passed, (\d+) failed")


def live(args):
    """--requests shared out among --jobs processes; what they found is added to the report, also when they are cut off."""
    report, passed, failed = page.Report(args.report), 0, 0
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-differential-")))
        kafka = servers.Running(args.running) if args.running else servers.Kafka(args.kafka, work)
        stack.callback(kafka.stop)
        parts = [work / f"{i}.json" for i in range(args.jobs)]
        stack.callback(take_over, report, parts)
        dice = random.Random(args.seed)
        runs = [start(args, kafka.address, dice.getrandbits(31), part) for part in parts]
        for run in runs:
            stack.callback(end, run)
        for run in runs:
            told, _ = run.communicate()
            print(told, end="", flush=True)
            total = TOTAL.search(told)
            passed, failed = passed + (int(total[1]) if total else 0), failed + (int(total[2]) if total else 1)
    return passed, failed


def start(args, address, seed, part):
    command = [sys.executable, pathlib.Path(__file__).with_name("run.py"), "live", "--sluice", args.sluice, "--running", address,
               "--requests", str(-(-args.requests // args.jobs)), "--seed", str(seed), "--report", part]
    for name in ("theme", "findings"):
        if getattr(args, name):
            command += [f"--{name}", str(getattr(args, name))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end(run):
    if run.poll() is None:
        run.terminate()
        run.wait()


def take_over(report, parts):
    for part in parts:
        if part.exists():
            report.merge(part)
    report.save()
