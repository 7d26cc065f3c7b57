"""The contests of run.py: each yields the lines of its report."""
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import time

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPIC = "lineitem"
CHECK = "count(*), sum(l_orderkey), sum(l_quantity), round(sum(l_extendedprice), 2), count(distinct (_partition, _offset)), " \
        "min(l_shipdate)::varchar, sum(length(l_comment))"
TICKS = os.sysconf("SC_CLK_TCK")


class Broker:
    """A sluice broker of its own directory on a free port."""

    def __init__(self, sluice: pathlib.Path, data: pathlib.Path, *arguments):
        began = time.monotonic()
        command = [sluice, "broker", "--listen", "127.0.0.1:0", "--data-dir", data, *arguments]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.popen.stdout.readline()
        self.ready_ms = (time.monotonic() - began) * 1e3
        match = re.match(r"ready kafka://(\S+:\d+) .*\((\d+(?:\.\d+)?) ms\)", line)
        if not match:
            raise SystemExit(f"bench: the broker did not start: {line}")
        self.address, self.said_ms = match[1], float(match[2])

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(60)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(command: list, environment: dict | None = None) -> dict:
    """Runs a command to its end: CPU and wall seconds, peak MiB and output."""
    began = time.monotonic()
    popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                             env={**os.environ, **(environment or {})})
    output = popen.stdout.read()
    _, status, usage = os.wait4(popen.pid, 0)
    popen.returncode = os.waitstatus_to_exitcode(status)
    if popen.returncode:
        raise SystemExit(f"bench: {command[0]} ended with {popen.returncode}\n{output[-3000:]}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - began, "mib": usage.ru_maxrss / 1024,
            "output": output}


def spread(values: list[float], form: str = ".0f") -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}}-{max(values):{form}}]"


# ---- ingest ----


def contestants(args, programs: pathlib.Path, address: str, lake: pathlib.Path) -> dict:
    common = ["--bootstrap-server", address, "--topic", TOPIC, "--lake", lake, "--until", "end", "--codec", "zstd:1"]
    return {
        "baseline": ([programs / "baseline", f"--bootstrap={address}", f"--topic={TOPIC}", f"--out={lake / TOPIC}"],
                     {"MIMALLOC_PURGE_DELAY": "-1"}),
        "sluice": ([args.sluice, "ingest", "run", *common, "--roll-records", "4194304", "--roll-bytes", "1073741824",
                    "--roll-interval", "1h"], {}),
    }


def checked(table: pathlib.Path) -> tuple[tuple, int]:
    """What a reader finds in the table, and its bytes."""
    files = [p for p in table.rglob("*.parquet") if not any(part.startswith("_") for part in p.relative_to(table).parts)]
    with duckdb.connect() as connection:
        found = connection.execute(f"select {CHECK} from read_parquet(?)", [[str(p) for p in files]]).fetchone()
    return found, sum(p.stat().st_size for p in files)


def ingest(args, programs: pathlib.Path, work: pathlib.Path):
    broker = Broker(args.sluice, work / "ingest-broker", "--create", f"{TOPIC}:4")
    try:
        load = measured([programs / "produce", broker.address, TOPIC, str(args.records), "--codec=lz4", "--batch-records=2000"])
        yield f"\ningest: {args.records:,} line items, 4 partitions, lz4, 2,000-record batches ({load['output'].strip()})"
        results, seen = {"baseline": [], "sluice": []}, set()
        for number in range(args.rounds):
            names = list(results)
            random.Random(number).shuffle(names)
            for name in names:
                lake = work / f"lake-{name}"
                shutil.rmtree(lake, ignore_errors=True)
                command, environment = contestants(args, programs, broker.address, lake)[name]
                result = measured(command, environment)
                found, result["bytes"] = checked(lake / TOPIC)
                seen.add(found)
                results[name].append(result)
        if len(seen) != 1 or next(iter(seen))[0] != args.records:
            raise SystemExit(f"bench: the outputs differ: {seen}")
        yield f"  both outputs: {next(iter(seen))}"
        yield from ingest_report(results, args.records)
    finally:
        broker.stop()


def ingest_report(results: dict, records: int):
    yield f"  {'':10}{'ns CPU/record':>22}{'M rec/CPU-s':>14}{'M rec/s':>10}{'peak MiB':>10}{'B/record':>10}"
    for name, runs in results.items():
        cpu = [r["cpu"] / records * 1e9 for r in runs]
        wall = statistics.median(records / r["wall"] / 1e6 for r in runs)
        yield (f"  {name:10}{spread(cpu):>22}{1e3 / statistics.median(cpu):>14.2f}{wall:>10.2f}"
               f"{statistics.median(r['mib'] for r in runs):>10.0f}{runs[0]['bytes'] / records:>10.1f}")
    ratios = [b["cpu"] / s["cpu"] for b, s in zip(results["baseline"], results["sluice"])]
    yield f"  sluice does {spread(ratios, '.2f')} times the baseline's records for each CPU second (floor 1.0)"


# ---- broker ----

LOADS = [(codec, size) for codec in ("none", "lz4") for size in (16384, 131072)]


class Librdkafka:
    """bench/produce.cc: idempotent, five requests in flight, each with one batch of one partition."""

    title = "librdkafka: a request is one batch of one partition, five in flight"

    def __init__(self, programs: pathlib.Path, work: pathlib.Path):
        self.program = programs / "produce"

    def send(self, address: str, codec: str, size: int, records: int, topic: str) -> float:
        """Produces; returns MB of record values."""
        done = measured([self.program, address, topic, str(records), f"--codec={codec}", "--batch-records=1000000",
                         f"batch.size={size}", "linger.ms=50", "acks=all"])
        return int(re.search(r"json (\d+) B", done["output"])[1]) / 1e6


class ProducerPerformance:
    """Kafka's own load generator, with which the figures people quote of Kafka are made."""

    title = "Kafka's ProducerPerformance: a request has a batch of each partition, five in flight"
    lines = 200_000

    def __init__(self, programs: pathlib.Path, work: pathlib.Path):
        self.file = work / "lines.ndjson"
        made = measured([programs / "produce", "--lines", self.file, str(self.lines)])
        self.bytes_each = int(re.search(r"json (\d+) B", made["output"])[1]) / self.lines

    def send(self, address: str, codec: str, size: int, records: int, topic: str) -> float:
        kafka = [ROOT / "tools/apache-kafka", "run"]
        measured([*kafka, "topics", "--bootstrap-server", address, "--create", "--topic", topic, "--partitions", "4"])
        done = measured([*kafka, "producer-perf", "--topic", topic, "--num-records", str(records), "--throughput", "-1",
                         "--payload-file", self.file, "--command-property", f"bootstrap.servers={address}", "acks=all",
                         f"batch.size={size}", "linger.ms=50", f"compression.type={codec}"])
        if not re.search(rf"^{records} records sent", done["output"], re.MULTILINE):
            raise SystemExit(f"bench: ProducerPerformance did not send all\n{done['output'][-2000:]}")
        return records * self.bytes_each / 1e6  # it takes lines at random: their mean


class ApacheKafka:
    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        tool = ROOT / "tools/apache-kafka"
        done = subprocess.run([tool, "start", directory, "--port", "19092"], stdout=subprocess.PIPE, text=True, check=True)
        self.address = done.stdout.strip()
        self.pid = int((directory / "node-1/pid").read_text(encoding="ascii"))

    def stop(self) -> None:
        subprocess.run([ROOT / "tools/apache-kafka", "stop", self.directory], check=True)


def broker_rounds(args, generator, name: str, address: str, pid: int, results: dict, number: int) -> None:
    for codec, size in LOADS:
        os.sync()  # what the others wrote is not written back on this one's time
        before = cpu_seconds(pid)
        megabytes = generator.send(address, codec, size, args.broker_records,
                                   f"{type(generator).__name__}-{codec}-{size}-{number}")
        results.setdefault((name, codec, size), []).append((cpu_seconds(pid) - before) * 1e3 / megabytes)


def broker(args, programs: pathlib.Path, work: pathlib.Path):
    yield (f"\nbroker: produce, acks=all, idempotent, 4 partitions, {args.broker_records:,} line items a round, CPU of the broker's "
           "process in ms/MB")
    generators = [Librdkafka(programs, work)]
    kafka = None
    ours = Broker(args.sluice, work / "broker")
    try:
        if args.kafka:
            generators.insert(0, ProducerPerformance(programs, work))
            kafka = ApacheKafka(work / "kafka")
            each = max(1, args.warm_up // len(LOADS))
            for codec, size in LOADS:
                generators[1].send(kafka.address, codec, size, each, f"warm-{codec}-{size}")
            yield f"  Apache Kafka 4.3.1 warmed up with {each * len(LOADS):,} records, default settings (no fsync before the answer)"
        for generator in generators:
            results: dict = {}
            for number in range(args.rounds):
                broker_rounds(args, generator, "sluice", ours.address, ours.popen.pid, results, number)
                if kafka:
                    broker_rounds(args, generator, "kafka", kafka.address, kafka.pid, results, number)
            yield f"  {generator.title}"
            yield from broker_report(results)
    finally:
        ours.stop()
        if kafka:
            kafka.stop()


def broker_report(results: dict):
    for codec, size in LOADS:
        ours = results[("sluice", codec, size)]
        line = f"  {codec:5}{size // 1024:>5} KB   sluice, fsync {spread(ours, '.2f'):>20}"
        if theirs := results.get(("kafka", codec, size)):
            ratio = statistics.median(ours) / statistics.median(theirs)
            line += f"   Apache Kafka {spread(theirs, '.2f'):>20}   ratio {ratio:.2f} (floor 0.50)"
        yield line


# ---- start ----


def start(args, programs: pathlib.Path, work: pathlib.Path):
    wall, said, memory = [], [], []
    for number in range(20):
        one = Broker(args.sluice, work / f"start-{number}", "--create", "events:4")
        wall.append(one.ready_ms)
        said.append(one.said_ms)
        status = pathlib.Path(f"/proc/{one.popen.pid}/status").read_text(encoding="ascii")
        memory.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)
        one.stop()
    yield (f"\nstart: from exec to the ready line {spread(wall, '.1f')} ms, as it says itself {spread(said, '.1f')} ms (floor 50); "
           f"idle {spread(memory, '.1f')} MiB (floor 30)")
