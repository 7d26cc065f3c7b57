"""Kafka's own programs that run for a while: its verifiable clients, its copier, Streams, Connect."""

import json
import os
import re
import signal
import subprocess
import threading

from broker import wait_until
from check import Check
from check_java import Java

SMOKE = "org.apache.kafka.streams.tests.StreamsSmokeTest"
COPIER = "org.apache.kafka.tools.TransactionalMessageCopier"
BROKER_KILLS = 3
SMOKE_TOPICS = ("data echo max min min-suppressed min-raw sum sws-raw sws-suppressed dif cnt avg tagg fk").split()


class Running:
    """A tool that runs beside the check; ended by its process group."""

    def __init__(self, java, name, *arguments):
        self.lines = []
        self.process = subprocess.Popen([java.tool, "run", name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace", start_new_session=True,
                                        env={**os.environ, "KAFKA_HEAP_OPTS": "-Xmx512M"})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.send(signal.SIGKILL)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self):
        return "\n".join(self.lines[-60:])

    def send(self, number):
        os.killpg(self.process.pid, number)
        self.process.wait(60)

    def wait(self, seconds):
        """Its exit code, after all it said was read."""
        code = self.process.wait(seconds)
        self.reader.join(30)
        return code

    def await_line(self, pattern, seconds=60):
        wait_until(lambda: any(re.search(pattern, line) for line in list(self.lines)) or self.process.poll() is not None,
                   f"a line {pattern}:\n{self.said()}", seconds)
        assert any(re.search(pattern, line) for line in self.lines), self.said()

    def await_another_line(self, pattern, seconds=60):
        before = len(self.lines)
        wait_until(lambda: any(re.search(pattern, line) for line in self.lines[before:]) or self.process.poll() is not None,
                   f"another line {pattern}:\n{self.said()}", seconds)

    def events(self, name):
        """The lines of JSON of that name."""
        rows = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [row for row in rows if row.get("name") == name]


class Apps(Java):
    def verifiable(self):
        self.create("events", 4)
        consumer = ("verifiable-consumer", "--bootstrap-server", self.broker.address, "--topic", "events", "--group-id", "readers",
                    "--reset-policy", "earliest", "--session-timeout", "6000")
        with Running(self, *consumer) as first, Running(self, *consumer) as second:
            said = self.ask("verifiable-producer", "--topic", "events", "--max-messages", "20000", "--throughput", "10000",
                            "--acks", "-1")
            assert '"acked":20000' in said and "producer_send_error" not in said, said[-2000:]

            def consumed():
                return sum(row["count"] for one in (first, second) for row in one.events("records_consumed"))
            wait_until(lambda: consumed() >= 20_000, f"20000 records consumed\n{first.said()}\n{second.said()}", 60)
            second.send(signal.SIGKILL)  # its partitions move after the session's end
            wait_until(lambda: sum(len(row["partitions"]) for row in first.events("partitions_assigned")[-1:]) == 4,
                       "the survivor has all partitions", 60)
            assert all(row["success"] for row in first.events("offsets_committed")), first.said()
            first.process.terminate()
            assert first.wait(30) in (0, 143), first.said()
        return "20,000 records, one of two consumers killed"

    def copier(self):
        self.create("events", 1)
        self.create("copies", 1)
        self.fill("lz4", 20_000)
        arguments = (COPIER, "--broker-list", self.broker.address, "--input-topic", "events", "--input-partition", "0",
                     "--output-topic", "copies", "--max-messages", "20000", "--consumer-group", "copiers", "--transaction-size", "500",
                     "--transaction-timeout", "5000", "--transactional-id", "copier", "--group-mode", "--use-group-metadata",
                     "--enable-random-aborts")
        with Running(self, *arguments) as first:
            first.await_line(r'"consumed":')
            first.send(signal.SIGKILL)
        with Running(self, *arguments) as second:
            second.await_line(r'"remaining":0', 120)
            assert second.wait(60) == 0, second.said()
        got = self.ask("console-consumer", "--topic", "copies", "--from-beginning", "--isolation-level", "read_committed",
                       "--timeout-ms", "8000")
        source = self.ask("console-consumer", "--topic", "events", "--from-beginning", "--timeout-ms", "8000")
        assert got.splitlines() == source.splitlines(), (len(got.splitlines()), len(source.splitlines()))
        return "20,000 records copied once, over random aborts and a kill -9"

    def streams(self):
        for topic in SMOKE_TOPICS:
            self.create(topic, 3)

        def settings(number):
            return self.file(f"streams-{number}.properties", f"bootstrap.servers={self.broker.address}",
                             "processing.guarantee=exactly_once_v2", f"state.dir={self.work}/state-{number}",
                             "session.timeout.ms=10000", "commit.interval.ms=500", "num.stream.threads=1")
        with Running(self, SMOKE, settings(0), "run") as driver, Running(self, SMOKE, settings(1), "process") as first, \
                Running(self, SMOKE, settings(2), "process") as second:
            first.await_line("processed .* records", 90)
            second.send(signal.SIGKILL)
            with Running(self, SMOKE, settings(2), "process") as third:
                third.await_line("processed .* records", 90)
                for _ in range(BROKER_KILLS):
                    self.broker.kill()
                    self.broker.start()
                    first.await_another_line("processed .* records", 90)
                assert driver.wait(400) == 0, driver.said()
        assert any(line.strip() == "SUCCESS" for line in driver.lines), driver.said()
        return f"SUCCESS over a kill -9 of one of two instances, and {BROKER_KILLS} of the broker"

    def connect(self):
        source, sink = os.path.join(self.work, "in.txt"), os.path.join(self.work, "out.txt")
        with open(source, "w", encoding="ascii") as file:
            file.writelines(f"line {i}\n" for i in range(2000))
        worker = self.file("worker.properties", f"bootstrap.servers={self.broker.address}",
                           "key.converter=org.apache.kafka.connect.storage.StringConverter",
                           "value.converter=org.apache.kafka.connect.storage.StringConverter",
                           f"offset.storage.file.filename={self.work}/offsets", "offset.flush.interval.ms=500",
                           "listeners=http://127.0.0.1:0", "plugin.discovery=service_load")
        stream = "org.apache.kafka.connect.file.FileStream{}Connector"
        reads = self.file("source.properties", "name=source", f"connector.class={stream.format('Source')}", f"file={source}", "topic=lines")
        writes = self.file("sink.properties", "name=sink", f"connector.class={stream.format('Sink')}", f"file={sink}", "topics=lines")
        with Running(self, "connect-standalone", worker, reads, writes) as running:
            def copied():
                assert running.process.poll() is None, running.said()
                return os.path.exists(sink) and open(sink, encoding="ascii").read() == open(source, encoding="ascii").read()
            wait_until(copied, "the sink's file equals the source's", 90)
            running.process.terminate()
            running.wait(60)
        return "2,000 lines from file to file"


CHECKS = {"VerifiableProducer, VerifiableConsumer": "verifiable", "TransactionalMessageCopier": "copier",
          "Streams smoke test, exactly_once_v2": "streams", "Connect standalone": "connect"}


def checks(tool):
    def of(method):
        return lambda broker, work: getattr(Apps(tool, broker, work), method)()
    return [Check("java", what, of(method), {}, "java") for what, method in CHECKS.items()]
