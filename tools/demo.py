#!/usr/bin/env python3
"""The demonstration: every flight that left New York City in 2013, through the broker into a table, killed on the way.

Everything happens in a temporary directory and on a free port of the loopback; nothing runs when it ends.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLIGHTS, DISTANCE = 336_776, 350_217_607
TOPIC = "flights"
KILLS = 5
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


class Show:
    """Says what happens, with the seconds since the beginning."""

    def __init__(self):
        self.began = time.monotonic()

    def step(self, text: str) -> None:
        print(f"\n{paint('1', text)}", flush=True)

    def line(self, text: str, code: str = "") -> None:
        print(f"  {paint('2', f'{time.monotonic() - self.began:5.1f} s')}  {paint(code, text) if code else text}", flush=True)

    def command(self, *words) -> None:
        self.line(paint("36", "$ sluice " + " ".join(str(w) for w in words)))


class Failed(Exception):
    pass


class Demo:
    def __init__(self, sluice: pathlib.Path, work: pathlib.Path, keep: bool):
        self.sluice, self.work, self.keep, self.show = sluice, work, keep, Show()
        self.lake, self.port, self.running = work / "lake", 0, []
        self.random = random.Random(2013)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    # ---- processes ----

    def start(self, name: str, *arguments) -> subprocess.Popen:
        with (self.work / f"{name}.out").open("wb") as out, (self.work / f"{name}.err").open("ab") as err:
            process = subprocess.Popen([self.sluice, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.running.append(process)
        return process

    def run(self, *arguments, ok=(0,), quiet: bool = False) -> subprocess.CompletedProcess:
        if not quiet:
            self.show.command(*arguments)
        done = subprocess.run([self.sluice, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode not in ok:
            raise Failed(f"sluice {arguments[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def wait(self, condition, what: str, seconds: float = 60):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise Failed(f"did not happen within {seconds:.0f} s: {what}")
            time.sleep(0.005)
        return value

    def kill(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(30)
        self.running.remove(process)

    def clean_up(self) -> None:
        for process in list(self.running):
            self.kill(process)
        if not self.keep:
            shutil.rmtree(self.work, ignore_errors=True)

    # ---- the steps ----

    def start_broker(self) -> subprocess.Popen:
        arguments = ["broker", "--listen", self.address, "--data-dir", self.work / "broker", "--create", f"{TOPIC}:4"]
        process = self.start("broker", *arguments)

        def ready():
            if process.poll() is not None:
                raise Failed(f"the broker did not start: {(self.work / 'broker.err').read_text()[-2000:]}")
            return re.search(r"^ready kafka://\S+?:(\d+) .*$", (self.work / "broker.out").read_text(), re.M)

        match = self.wait(ready, "the broker's ready line", 20)
        if not self.port:
            self.show.command("broker", "--create", f"{TOPIC}:4", "--data-dir", "DIR")
        self.port = int(match[1])
        self.show.line(match[0])
        return process

    def produce(self) -> None:
        self.show.step("336,776 real flights go in, over the Kafka protocol, acknowledged when they are on the disk")
        flights = self.work / "flights.ndjson"
        self.show.line("unpacking them (the first time they are downloaded)")
        subprocess.run([sys.executable, ROOT / "tools/nycflights-ndjson", flights], check=True)
        first = flights.open(encoding="utf-8").readline()
        self.show.line(first[:100].rstrip() + "...")
        done = self.run("produce", TOPIC, flights, "--bootstrap-server", self.address)
        self.show.line((done.stdout + done.stderr).strip().splitlines()[-1])

    def commits(self) -> int:
        return sum(1 for _ in (self.lake / TOPIC / "_sluice/commits").glob("*/*/*"))

    def ingest_arguments(self) -> list:
        return ["ingest", "run", "--bootstrap-server", self.address, "--topic", TOPIC, "--lake", self.lake, "--partition-by",
                "month", "--roll-records", "4000", "--until", "end"]

    def ingest(self, broker: subprocess.Popen) -> None:
        self.show.step("Into a Parquet table, one directory a month, while worker and broker are killed with kill -9")
        arguments = self.ingest_arguments()
        self.show.command(*arguments)
        worker = self.start("worker", *arguments)
        goal = 0
        for kill in range(KILLS):
            goal = max(goal, self.commits()) + self.random.randint(5, 11)
            self.wait(lambda: self.commits() >= goal or worker.poll() is not None, f"{goal} commits")
            if worker.poll() is not None and kill % 2 == 0:
                raise Failed(f"the worker ended by itself with {worker.returncode}: {(self.work / 'worker.err').read_text()[-2000:]}")
            commits = self.commits()
            if kill % 2 == 0:
                self.kill(worker)
                self.show.line(f"kill -9 worker {worker.pid} after {commits} commits; started again", "31")
                worker = self.start("worker", *arguments)
            else:
                self.kill(broker)
                self.show.line(f"kill -9 broker {broker.pid} after {commits} commits; started again", "31")
                broker = self.start_broker()
        worker = self.finish(worker, arguments)

    def finish(self, worker: subprocess.Popen, arguments: list) -> subprocess.Popen:
        for _ in range(KILLS):  # what a supervisor does
            if worker.wait(120) == 0:
                break
            self.running.remove(worker)
            self.show.line(f"worker {worker.pid} gave up while the broker was gone; started again", "33")
            worker = self.start("worker", *arguments)
        else:
            raise Failed(f"the worker did not reach the end: {(self.work / 'worker.err').read_text()[-2000:]}")
        files = sum(1 for _ in (self.lake / TOPIC).rglob("*.parquet"))
        self.show.line(f"the worker is at the end of the topic: {self.commits()} commits, {files} files", "32")
        return worker

    def audit(self) -> str:
        self.show.step("Proof: every record of the topic against every row of the table, by a witness that shares no code")
        done = self.run("audit", "run", "--bootstrap-server", self.address, "--topic", TOPIC, "--lake", self.lake, ok=(0, 3, 4))
        for line in done.stdout.strip().splitlines():
            self.show.line(line)
        report = json.loads(self.run("audit", "run", "--bootstrap-server", self.address, "--topic", TOPIC, "--lake", self.lake,
                                     "--json", ok=(0, 3, 4), quiet=True).stdout)
        if (report["records"], report["missing"], report["duplicate"], report["altered"]) != (FLIGHTS, 0, 0, 0):
            raise Failed(f"the audit found {report}")
        return f"missing {report['missing']} duplicate {report['duplicate']}"

    def ask(self) -> None:
        self.show.step("The table is plain Parquet. DuckDB answers from it: who flew how far, and how late?")
        import duckdb

        table = f"read_parquet('{self.lake}/{TOPIC}/*/*.parquet', hive_partitioning=true)"
        with duckdb.connect() as connection:
            count, distinct, distance = connection.execute(
                f"select count(*), count(distinct (time_hour, carrier, flight)), sum(distance) from {table}").fetchone()
            answer = connection.execute(
                f"select carrier, count(*), sum(distance), round(avg(dep_delay), 1) from {table} group by 1 order by 2 desc "
                "limit 5").fetchall()
        self.show.line(f"{'carrier':8}{'flights':>10}{'miles':>14}{'late, min':>11}")
        for carrier, flights, miles, late in answer:
            self.show.line(f"{carrier:8}{flights:>10,}{miles:>14,}{late:>11}")
        self.show.line(f"{count:,} rows, {distinct:,} different flights, {distance:,} miles")
        if (count, distinct, distance) != (FLIGHTS, FLIGHTS, DISTANCE):
            raise Failed(f"the source has {FLIGHTS:,} flights and {DISTANCE:,} miles")

    def play(self) -> None:
        self.show.step("A broker: one process, any Kafka client")
        broker = self.start_broker()
        self.produce()
        self.ingest(broker)
        verdict = self.audit()
        self.ask()
        self.show.step(paint("32", verdict))
        print(f"""
Next:
  build/release/sluice broker --data-dir data --create events:4     a broker of your own
  build/release/sluice produce events FILE.ndjson                   lines of JSON into it
  build/release/sluice ingest run --topic events --lake lake        into a table, exactly once
  build/release/sluice audit run --topic events --lake lake         and the proof""")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "build/release/sluice")
    parser.add_argument("--keep", metavar="DIR", type=pathlib.Path, help="work in DIR and leave everything there")
    args = parser.parse_args()
    work = args.keep or pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    work.mkdir(parents=True, exist_ok=True)
    demo = Demo(args.sluice.resolve(), work, keep=args.keep is not None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.play()
        return 0
    except Failed as failure:
        print(f"\n{paint('31', 'the demonstration failed:')} {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        demo.clean_up()


if __name__ == "__main__":
    sys.exit(main())
