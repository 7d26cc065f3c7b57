"""Kafka's own command-line tools: producers, consumers, admin, and its reader of segments."""

import os
import threading
import time

from broker import LeftOut, log_files, run

LINES = "".join(f"line {i}\n" for i in range(5000))
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Java:
    """Kafka's tools, as `TOOL run NAME ARG...`."""

    def __init__(self, tool):
        self.tool = tool

    def run(self, name, *arguments, text=None):
        if self.tool is None:
            raise LeftOut("needs --java")
        return run([self.tool, "run", name, *arguments], text=text)

    def fill(self, broker, codec, count):
        said = self.run("producer-perf", "--topic", "events", "--num-records", str(count), "--record-size", "300",
                        "--throughput", "-1", "--bootstrap-server", broker.address, "--command-property", "acks=all",
                        "--command-property", f"compression.type={codec}")
        assert f"{count} records sent" in said, said

    def consume(self, broker, count):
        return self.run("console-consumer", "--bootstrap-server", broker.address, "--topic", "events",
                        "--from-beginning", "--group", "readers", "--max-messages", str(count), "--timeout-ms", "30000")

    def console(self, broker, _):
        server = ("--bootstrap-server", broker.address)
        self.run("topics", *server, "--create", "--topic", "events", "--partitions", "3", "--replication-factor", "1")
        self.run("console-producer", *server, "--topic", "events", text=LINES)
        got = self.consume(broker, 5000)
        assert sorted(got.splitlines()) == sorted(LINES.splitlines()), len(got.splitlines())
        said = self.run("groups", *server, "--describe", "--group", "readers")
        lags = [line.split()[5] for line in said.splitlines() if line.startswith("readers")]
        assert lags == ["0", "0", "0"], said
        return "5000 lines, lag 0"

    def admin(self, broker, _):
        server = ("--bootstrap-server", broker.address)
        self.run("topics", *server, "--create", "--topic", "events", "--partitions", "2")
        self.run("topics", *server, "--alter", "--topic", "events", "--partitions", "4")
        self.run("configs", *server, "--alter", "--entity-type", "topics", "--entity-name", "events", "--add-config",
                 "retention.ms=12345")
        said = self.run("topics", *server, "--describe", "--topic", "events")
        assert "PartitionCount: 4" in said and "retention.ms=12345" in said, said
        self.run("api-versions", *server)
        said = self.run("get-offsets", *server, "--topic", "events")
        assert said.split() == [f"events:{i}:0" for i in range(4)], said
        self.run("topics", *server, "--delete", "--topic", "events")
        assert "events" not in self.run("topics", *server, "--list").split()

    def performance(self, broker, _):
        for codec in CODECS:
            self.fill(broker, codec, 20_000)
        said = self.run("get-offsets", "--bootstrap-server", broker.address, "--topic", "events")
        assert said.split() == [f"events:0:{20_000 * len(CODECS)}"], said

    def dump_log(self, broker, _):
        self.fill(broker, "lz4", 50_000)
        self.consume(broker, 1000)
        broker.kill()
        broker.start()  # what is dumped has been recovered
        for path in log_files(broker.data_dir, "events"):
            said = self.run("dump-log", "--files", path, "--deep-iteration")
            assert "isvalid: true" in said and "isvalid: false" not in said, said[-2000:]
            for suffix in (".index", ".timeindex"):
                index = path.removesuffix(".log") + suffix
                said = self.run("dump-log", "--files", index, "--index-sanity-check") if os.path.exists(index) else ""
                assert "Mismatches" not in said and "corrupt" not in said.lower(), said
        dumped = [self.run("dump-log", "--files", path, "--offsets-decoder")
                  for path in log_files(broker.data_dir, "__consumer_offsets") if os.path.getsize(path) > 0]
        assert any('"group":"readers"' in said for said in dumped), "no committed offset in __consumer_offsets"
        return "segments, indexes and offsets read by DumpLogSegments"

    def indexes(self, broker):
        """Kafka's own checks of every index of the topic against its segment; how many there are."""
        found = [log.removesuffix(".log") + suffix for log in log_files(broker.data_dir, "events")
                 for suffix in (".index", ".timeindex")]
        found = [path for path in found if os.path.exists(path)]
        sane = self.run("dump-log", "--files", ",".join(found), "--index-sanity-check")
        good = [path for path in found if f"{path} passed sanity check." in sane or f"{path} is empty." in sane]
        assert found and good == found, sane
        said = self.run("dump-log", "--files", ",".join(found), "--verify-index-only")
        assert not any(word in said.lower() for word in ("mismatch", "out of order", "error", "exception")), said
        return len(found)

    def killed(self, broker, _):
        self.run("topics", "--bootstrap-server", broker.address, "--create", "--topic", "events", "--config",
                 "segment.bytes=1048576")
        failures = []

        def fill():
            try:
                self.fill(broker, "none", 60_000)
            except BaseException as failure:
                failures.append(failure)
        filling = threading.Thread(target=fill)
        filling.start()
        deadline = time.monotonic() + 60
        while len(log_files(broker.data_dir, "events")) < 4:  # it is in the middle of its work
            assert time.monotonic() < deadline and filling.is_alive(), failures
            time.sleep(0.005)
        broker.kill()
        dead = self.indexes(broker)
        broker.start()
        filling.join(120)
        assert not filling.is_alive() and not failures, failures
        return f"{dead} indexes after a kill -9, {self.indexes(broker)} when all had been written"


def checks(tool):
    java = Java(tool)
    return [("java: console clients, group", java.console), ("java: topics, configs, offsets", java.admin),
            ("java: ProducerPerformance", java.performance), ("java: DumpLogSegments", java.dump_log),
            ("java: indexes after a kill -9", java.killed)]
