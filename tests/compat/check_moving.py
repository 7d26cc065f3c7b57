"""A compacted partition moves from our broker to Apache Kafka and back; docs/MOVING.md says how."""

import os
import shutil
import time

from broker import ApacheKafka, LeftOut, Sluice, log_files, run
from check import Check

KEYS = 200
TOPIC = "table"
KEPT = ("partition.metadata",)
CHECKPOINTS = ("recovery-point-offset-checkpoint", "replication-offset-checkpoint", "log-start-offset-checkpoint",
               "cleaner-offset-checkpoint")
COMPACTED = ("cleanup.policy=compact", "segment.bytes=1048576", "min.cleanable.dirty.ratio=0.01")
WAIT_SECONDS = 90


def eventually(what, condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.1)


def bytes_of(data_dir):
    return sum(os.path.getsize(path) for path in log_files(data_dir, TOPIC))


def forget(data_dir):
    """Takes the partition out of the checkpoints, and the mark of a clean shutdown away."""
    for name in CHECKPOINTS:
        path = os.path.join(data_dir, name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            entries = [line for line in file.read().splitlines()[2:] if not line.startswith(f"{TOPIC} 0 ")]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(["0", str(len(entries)), *entries]) + "\n")
    mark = os.path.join(data_dir, ".kafka_cleanshutdown")
    if os.path.exists(mark):
        os.remove(mark)


def move(source, target):
    """Replaces the partition in the data directory `target` by that in `source`."""
    source_dir, target_dir = (os.path.join(at, f"{TOPIC}-0") for at in (source, target))
    for name in os.listdir(target_dir):
        if name not in KEPT:
            os.remove(os.path.join(target_dir, name))
    for name in os.listdir(source_dir):
        if name not in KEPT + ("durable-watermark",):
            shutil.copy(os.path.join(source_dir, name), os.path.join(target_dir, name))
    forget(target)


class Move:
    def __init__(self, tool):
        self.tool = tool

    def java(self, name, *arguments, text=None):
        return run([self.tool, "run", name, *arguments], text=text)

    def create(self, server):
        self.java("topics", "--bootstrap-server", server, "--create", "--topic", TOPIC, "--partitions", "1",
                  *(word for value in COMPACTED for word in ("--config", value)))

    def write(self, server, pairs):
        self.java("console-producer", "--bootstrap-server", server, "--topic", TOPIC, "--reader-property", "parse.key=true",
                  "--reader-property", "key.separator==", "--reader-property", "null.marker=NULL",
                  text="".join(f"{key}={value}\n" for key, value in pairs))

    def read(self, server):
        """Key to the last value, of all that is there, as a consumer sees it; and the count of records."""
        said = self.java("console-consumer", "--bootstrap-server", server, "--topic", TOPIC, "--from-beginning",
                         "--timeout-ms", "8000", "--formatter-property", "print.key=true", "--formatter-property",
                         "key.separator==")
        table = {}
        for line in said.splitlines():
            key, _, value = line.partition("=")
            table[key] = value
        return {key: value for key, value in table.items() if value != "null"}, len(said.splitlines())

    def end(self, server):
        said = self.java("get-offsets", "--bootstrap-server", server, "--topic", TOPIC)
        return int(said.split()[0].rpartition(":")[2])

    def dump(self, data_dir):
        for path in log_files(data_dir, TOPIC):
            said = self.java("dump-log", "--files", path, "--deep-iteration")
            assert "isvalid: false" not in said, said[-2000:]
            for suffix in (".index", ".timeindex"):
                said = self.java("dump-log", "--files", path.removesuffix(".log") + suffix, "--index-sanity-check")
                assert "Mismatches" not in said and "corrupt" not in said.lower(), said

    def there_and_back(self, running, work):
        if running.name != "sluice":
            raise LeftOut("both brokers are started by it")
        data = os.path.join(work, "moving")
        quick = {"log.cleaner.backoff.ms": "100"}
        expected, total, written = {}, 0, 12_000 * 500

        def pairs(begin, end):
            nonlocal total
            made = [(f"key{i % KEYS}", f"{i:08}" + "x" * 500) for i in range(begin, end)]
            expected.update(made)
            total += len(made)
            return made

        with Sluice(running.sluice, data, quick) as broker:
            self.create(broker.address)
            self.write(broker.address, pairs(0, 12_000))
            eventually("our broker compacts", lambda: bytes_of(data) < written / 2)
            table, records = self.read(broker.address)
            assert table == expected and records < total, records
        self.dump(data)

        kafka = ApacheKafka(self.tool, os.path.join(work, "kafka"), quick)
        with kafka:
            self.create(kafka.address)
        move(data, kafka.data_dir)
        with kafka:
            table, _ = self.read(kafka.address)
            assert table == expected, "Kafka reads another table"
            assert self.end(kafka.address) == total, "Kafka's log ends elsewhere"
            self.write(kafka.address, [*pairs(12_000, 18_000), ("key7", "NULL")])
            del expected["key7"]
            total += 1
            eventually("Kafka compacts", lambda: bytes_of(kafka.data_dir) < written / 2)

        move(kafka.data_dir, data)
        with Sluice(running.sluice, data, quick) as broker:
            table, _ = self.read(broker.address)
            assert table == expected, "our broker reads another table"
            assert self.end(broker.address) == total, "our log ends elsewhere"
            self.write(broker.address, pairs(18_000, 24_000))
            eventually("our broker compacts again", lambda: bytes_of(data) < written / 2)
            table, records = self.read(broker.address)
            assert table == expected and self.end(broker.address) == total
        self.dump(data)
        return f"{total} records, {len(expected)} keys, {records} records left"


def checks(tool):
    return [Check("java", "a compacted partition moves to Apache Kafka and back", Move(tool).there_and_back, {}, "java")]
