"""Kafka's own command-line tools: producers, consumers, admin, and its reader of segments."""

import os
import re
import threading

from broker import log_files, run, wait_until
from check import Check

LINES = "".join(f"line {i}\n" for i in range(5000))
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
AUTHORIZER = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
              "allow.everyone.if.no.acl.found": "true"}
# A tool runs for seconds: it need not be compiled well.
QUICK = {**os.environ, "KAFKA_HEAP_OPTS": "-Xmx256M", "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}


class Java:
    """Kafka's tools, as `TOOL run NAME ARG...`, each against one broker."""

    def __init__(self, tool, broker, work):
        self.tool, self.broker, self.work = tool, broker, work

    def run(self, name, *arguments, text=None, timeout=120):
        """The tool's standard output, of a tool that takes no server."""
        return run([self.tool, "run", name, *arguments], text=text, timeout=timeout,
                   env=QUICK)

    def ask(self, name, *arguments, **more):
        return self.run(name, "--bootstrap-server", self.broker.address, *arguments, **more)

    def file(self, name, *lines):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def create(self, topic, partitions, *more):
        self.ask("topics", "--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1", *more)

    def fill(self, codec, count, *more):
        said = self.ask("producer-perf", "--topic", "events", "--num-records", str(count), "--record-size", "300",
                        "--throughput", "-1", "--command-property", "acks=all",
                        "--command-property", f"compression.type={codec}", *more)
        assert f"{count} records sent" in said, said

    def consume(self, count, *more, wait_ms=30_000):
        return self.ask("console-consumer", "--topic", "events", "--from-beginning", "--max-messages", str(count),
                        "--timeout-ms", str(wait_ms), *more)

    def ends(self, topic, *more):
        """Per partition."""
        said = self.ask("get-offsets", "--topic", topic, *more)
        return [int(line.rpartition(":")[2]) for line in said.split()]

    # ---- clients ----

    def console(self):
        self.create("events", 3)
        self.ask("console-producer", "--topic", "events", text=LINES)
        got = self.consume(5000, "--group", "readers")
        assert sorted(got.splitlines()) == sorted(LINES.splitlines()), len(got.splitlines())
        said = self.ask("groups", "--describe", "--group", "readers")
        lags = [line.split()[5] for line in said.splitlines() if line.startswith("readers")]
        assert lags == ["0", "0", "0"], said
        return "5000 lines, lag 0"

    def console848(self):
        self.create("events", 3)
        self.ask("console-producer", "--topic", "events", text=LINES)
        got = self.consume(5000, "--group", "readers", "--command-property", "group.protocol=consumer")
        assert sorted(got.splitlines()) == sorted(LINES.splitlines()), len(got.splitlines())
        said = self.ask("groups", "--list", "--type", "consumer")
        assert "readers" in said.split(), said
        said = self.ask("groups", "--describe", "--group", "readers", "--state")
        assert "Empty" in said, said
        return "5000 lines, group.protocol=consumer"

    def performance(self):
        for codec in CODECS:
            self.fill(codec, 20_000)
        assert self.ends("events") == [20_000 * len(CODECS)]
        return f"{len(CODECS)} codecs, 20,000 records each"

    def performance_in_transactions(self):
        self.fill("lz4", 50_000, "--transactional-id", "writer", "--transaction-duration-ms", "200")
        (end,) = self.ends("events")
        assert end > 50_000, end  # each transaction's marker takes an offset
        got = self.consume(50_000, "--isolation-level", "read_committed", "--group", "readers")
        assert len(got.splitlines()) == 50_000, len(got.splitlines())
        return f"50,000 records in {end - 50_000} transactions"

    # ---- admin ----

    def admin(self):
        self.create("events", 2)
        self.ask("topics", "--alter", "--topic", "events", "--partitions", "4")
        self.ask("configs", "--alter", "--entity-type", "topics", "--entity-name", "events", "--add-config", "retention.ms=12345")
        said = self.ask("topics", "--describe", "--topic", "events")
        assert "PartitionCount: 4" in said and "retention.ms=12345" in said, said
        self.ask("topics", "--delete", "--topic", "events")
        assert "events" not in self.ask("topics", "--list").split()
        return "topics created, widened, described, deleted"

    def api_versions(self):
        said = self.ask("api-versions")
        left = [line.split("(")[0].strip() for line in said.splitlines() if "UNSUPPORTED" in line]
        assert "Cluster ID: " in self.run("cluster", "cluster-id", "--bootstrap-server", self.broker.address)
        self.ask("features", "describe")
        return f"{len(re.findall(r'usable', said))} APIs usable, not there: {', '.join(left) or 'none'}"

    def configs(self):
        self.create("events", 1, "--config", "segment.bytes=1048576")
        topic = ("--entity-type", "topics", "--entity-name", "events")
        self.ask("configs", *topic, "--alter", "--add-config", "cleanup.policy=[compact,delete],max.message.bytes=2000000")
        said = self.ask("configs", *topic, "--describe")
        assert "cleanup.policy=compact,delete" in said and "max.message.bytes=2000000" in said, said
        self.ask("configs", *topic, "--alter", "--delete-config", "max.message.bytes")
        said = self.ask("configs", *topic, "--describe", "--all")
        assert "max.message.bytes=1048588" in said and "segment.bytes=1048576" in said, said
        everyone = ("--entity-type", "brokers", "--entity-default")
        self.ask("configs", *everyone, "--alter", "--add-config", "log.retention.ms=777000")
        assert "log.retention.ms=777000" in self.ask("configs", *everyone, "--describe")
        said = self.ask("configs", *topic, "--describe", "--all")
        assert "retention.ms=777000" in said, said
        group = ("--entity-type", "groups", "--entity-name", "readers")
        self.ask("configs", *group, "--alter", "--add-config", "consumer.session.timeout.ms=46000")
        assert "consumer.session.timeout.ms=46000" in self.ask("configs", *group, "--describe")
        return "topics, brokers, groups: set, deleted, described"

    def users(self):
        user = ("--entity-type", "users", "--entity-name", "alice")
        self.ask("configs", *user, "--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret]")
        self.ask("configs", *user, "--alter", "--add-config", "SCRAM-SHA-512=[password=secret]")
        said = self.ask("configs", *user, "--describe")
        assert "SCRAM-SHA-256=iterations=8192" in said and "SCRAM-SHA-512=iterations=4096" in said, said
        self.ask("configs", *user, "--alter", "--delete-config", "SCRAM-SHA-512")
        said = self.ask("configs", *user, "--describe")
        assert "SCRAM-SHA-256" in said and "SCRAM-SHA-512" not in said, said
        return "SCRAM credentials set, described, deleted"

    def acls(self):
        self.create("events", 1)
        topic = ("--topic", "events", "--resource-pattern-type", "prefixed")
        self.ask("acls", "--add", "--allow-principal", "User:alice", "--operation", "Read", "--operation", "Describe", *topic)
        said = self.ask("acls", "--list")
        assert "principal=User:alice" in said and "operation=READ" in said and "patternType=PREFIXED" in said, said
        said = self.ask("acls", "--list", "--topic", "events-2", "--resource-pattern-type", "match")
        assert "operation=DESCRIBE" in said, said
        self.ask("acls", "--remove", "--force", "--allow-principal", "User:alice", "--operation", "Read", *topic)
        said = self.ask("acls", "--list")
        assert "operation=READ" not in said and "operation=DESCRIBE" in said, said
        return "added, listed by match, removed"

    def groups(self):
        self.create("events", 2)
        self.ask("console-producer", "--topic", "events", text=LINES)
        self.consume(5000, "--group", "readers")
        group = ("--group", "readers")
        assert self.ask("groups", "--list").split() == ["readers"]
        assert "Empty" in self.ask("groups", "--list", "--state")
        assert "Empty" in self.ask("groups", "--describe", "--state", *group)
        self.ask("groups", "--reset-offsets", "--to-earliest", "--execute", "--topic", "events", *group)
        lags = self.lags()
        assert sum(lags) == 5000, lags
        self.ask("groups", "--reset-offsets", "--shift-by", "100", "--execute", "--topic", "events:0", *group)
        assert sum(self.lags()) == 4900
        self.ask("groups", "--reset-offsets", "--to-datetime", "2020-01-01T00:00:00.000", "--execute", "--all-topics", *group)
        assert sum(self.lags()) == 5000
        self.ask("groups", "--delete-offsets", "--topic", "events:0", *group)
        assert len(self.lags()) == 1
        self.ask("groups", "--delete", *group)
        assert self.ask("groups", "--list").split() == []
        return "listed, described, offsets reset four ways and deleted"

    def lags(self):
        said = self.ask("groups", "--describe", "--group", "readers")
        return [int(line.split()[5]) for line in said.splitlines() if line.startswith("readers") and line.split()[5] != "-"]

    def offsets(self):
        self.create("events", 2)
        self.ask("console-producer", "--topic", "events", text=LINES)
        (first, second) = self.ends("events", "--time", "latest")
        assert first + second == 5000
        assert self.ends("events", "--time", "earliest") == [0, 0]
        assert sum(self.ends("events", "--time", "max-timestamp")) > 0
        assert self.ends("events", "--time", "0") == [0, 0]
        wanted = '{"version":1,"partitions":[{"topic":"events","partition":0,"offset":100}]}'
        said = self.ask("delete-records", "--offset-json-file", self.file("delete.json", wanted))
        assert re.search(r"events-0\s+low_watermark: 100", said), said
        assert self.ends("events", "--time", "earliest") == [100, 0]
        said = self.ask("log-dirs", "--describe", "--topic-list", "events")
        assert '"partition":"events-1"' in said, said
        said = self.ask("leader-election", "--election-type", "preferred", "--all-topic-partitions")
        return "get-offsets by five times, delete-records, log-dirs, leader-election"

    def transactions(self):
        self.fill("none", 2000, "--transactional-id", "writer", "--transaction-duration-ms", "100")
        said = self.ask("transactions", "list")
        assert re.search(r"^writer\s.*CompleteCommit", said, re.M), said
        said = self.ask("transactions", "describe", "--transactional-id", "writer")
        assert "CompleteCommit" in said, said
        said = self.ask("transactions", "describe-producers", "--topic", "events", "--partition", "0")
        assert len(said.splitlines()) == 2 and "None" in said, said
        said = self.ask("transactions", "find-hanging", "--broker-id", re.search(r"\((?:id: )?(\d+)", self.ask("api-versions")).group(1))
        assert len(said.splitlines()) <= 1, said
        return "listed, described, producers, none hanging"

    # ---- what lies on the disk ----

    def dump(self, path, *more):
        return self.run("dump-log", "--files", path, *more)

    def dump_log(self):
        self.create("events", 1, "--config", "segment.bytes=2000000")
        self.fill("lz4", 30_000)
        self.consume(1000, "--group", "readers")
        self.broker.kill()
        for path in log_files(self.broker.data_dir, "events")[:2]:
            said = self.dump(path)  # as the kill left it
            assert "baseOffset: " in said, said[-2000:]
        self.broker.start()
        paths = log_files(self.broker.data_dir, "events")
        said = self.dump(",".join(paths[:3]), "--deep-iteration")
        assert "isvalid: true" in said and "isvalid: false" not in said, said[-2000:]
        self.indexes()
        dumped = self.dump(self.filled("__consumer_offsets"), "--offsets-decoder")
        assert '"group":"readers"' in dumped, dumped[-2000:]
        return f"{len(paths)} segments and their indexes after a kill -9, committed offsets"

    def indexes(self):
        """Kafka's own checks of every index of the topic against its segment; how many there are."""
        logs = log_files(self.broker.data_dir, "events")
        if self.broker.name == "kafka":
            del logs[-1]  # Kafka's own are full of zeros behind their end while they are written
        found = [log.removesuffix(".log") + suffix for log in logs for suffix in (".index", ".timeindex")]
        found = [path for path in found if os.path.exists(path)]
        sane = self.dump(",".join(found), "--index-sanity-check")
        good = [path for path in found if f"{path} passed sanity check." in sane or f"{path} is empty." in sane]
        assert found and good == found, sane
        said = self.dump(",".join(found), "--verify-index-only")
        assert not any(word in said.lower() for word in ("mismatch", "out of order", "error", "exception")), said
        return len(found)

    def killed(self):
        self.create("events", 1, "--config", "segment.bytes=1048576")
        failures = []

        def fill():
            try:
                self.fill("none", 60_000)
            except BaseException as failure:
                failures.append(failure)
        filling = threading.Thread(target=fill)
        filling.start()
        wait_until(lambda: failures or len(log_files(self.broker.data_dir, "events")) >= 4, "four segments", 60)
        self.broker.kill()  # in the middle of its work
        dead = self.indexes()
        self.broker.start()
        filling.join(120)
        assert not filling.is_alive() and not failures, failures
        return f"{dead} indexes after a kill -9, {self.indexes()} when all had been written"

    def filled(self, topic):
        """The segments of the topic that hold anything."""
        paths = [path for path in log_files(self.broker.data_dir, topic) if os.path.getsize(path)]
        assert paths, f"nothing in {topic}"
        return ",".join(paths)

    def dump_transactions(self):
        self.fill("lz4", 5000, "--transactional-id", "writer", "--transaction-duration-ms", "100")
        self.broker.kill()
        self.broker.start()
        said = self.dump(self.filled("events"), "--deep-iteration")
        assert "endTxnMarker: COMMIT" in said and "isTransactional: true" in said, said[-2000:]
        said = self.dump(self.filled("__transaction_state"), "--transaction-log-decoder")
        assert re.search(r"transactionalId[\"=: ]+writer", said) and re.search("CompleteCommit|\"transactionStatus\":4", said), said[-2000:]
        return "control records and __transaction_state after a kill -9"

    def compaction(self):
        self.create("events", 1, "--config", "cleanup.policy=compact", "--config", "segment.ms=500",
                    "--config", "min.cleanable.dirty.ratio=0.01", "--config", "max.compaction.lag.ms=1000",
                    "--config", "segment.bytes=1048576")
        keyed = "".join(f"k{i % 10}:line {i}\n" for i in range(2000))
        arguments = ("--topic", "events", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")

        def cleaned():
            self.ask("console-producer", *arguments, text=keyed)
            return 0 < len(self.consume(100_000, wait_ms=3000).splitlines()) < 2500
        wait_until(cleaned, "compaction", 120)
        return "a compacted topic shrinks to its last values"


CHECKS = {
    "console clients": ("console", {}), "console consumer, KIP-848": ("console848", {}), "topics": ("admin", {}),
    "api-versions, cluster, features": ("api_versions", {}), "configs": ("configs", {}), "users": ("users", {}),
    "acls": ("acls", AUTHORIZER | {"super.users": "User:ANONYMOUS"}), "consumer-groups": ("groups", {}),
    "get-offsets, delete-records, log-dirs": ("offsets", {}), "transactions": ("transactions", {}),
    "ProducerPerformance": ("performance", {}), "ProducerPerformance in transactions": ("performance_in_transactions", {}),
    "DumpLogSegments": ("dump_log", {}), "DumpLogSegments of transactions": ("dump_transactions", {}),
    "compaction": ("compaction", {"log.cleaner.backoff.ms": "500", "log.retention.check.interval.ms": "500"}),
}


def checks(tool):
    def of(method):
        return lambda broker, work: getattr(Java(tool, broker, work), method)()
    return [Check("java", what, of(method), properties, "java")
            for what, (method, properties) in CHECKS.items()]
