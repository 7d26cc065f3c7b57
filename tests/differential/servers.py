"""The two brokers that are compared, each with a directory of its own, ended by its process id."""
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 30
# Nothing may happen by itself while a sequence runs, and small numbers keep both quick.
PROPERTIES = {
    "group.initial.rebalance.delay.ms": "0", "group.consumer.assignment.interval.ms": "0", "log.retention.ms": "-1",
    "offsets.topic.num.partitions": "4", "transaction.state.log.num.partitions": "4", "log.cleaner.backoff.ms": "3600000",
    "controller.quorum.append.linger.ms": "1",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
}
KAFKA_ONLY = {"log.initial.task.delay.ms": "86400000"}  # one of Kafka's internal settings
# What tools/apache-kafka sets by itself.
OURS_ONLY = {
    "node.id": "1", "process.roles": "broker,controller", "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT", "default.replication.factor": "1", "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1", "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1", "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


class Sluice:
    def __init__(self, binary, directory):
        self.directory = pathlib.Path(directory)
        self.log = (self.directory / "sluice.log").open("wb")
        settings = [word for pair in {**PROPERTIES, **OURS_ONLY}.items() for word in ("-X", "=".join(pair))]
        self.process = subprocess.Popen(
            [str(binary), "broker", "--listen", "127.0.0.1:0", "--data-dir", self.directory / "sluice", *settings],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("ready kafka://"):
            self.stop()
            raise SystemExit(f"sluice broker did not become ready: {(self.directory / 'sluice.log').read_text()[-2000:]}")
        self.address = line.split()[1].removeprefix("kafka://")

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(READY_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def free_pair():
    """A port that is free, as is the one above it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Kafka:
    """Apache Kafka, by tools/apache-kafka."""

    def __init__(self, tool, directory):
        self.tool, self.directory = str(tool), pathlib.Path(directory) / "kafka"
        settings = [w for pair in {**PROPERTIES, **KAFKA_ONLY}.items() for w in ("--property", "=".join(pair))]
        environment = {"KAFKA_HEAP_OPTS": "-Xmx768M -Xms256M", **os.environ}
        done = subprocess.run([self.tool, "start", self.directory, "--port", str(free_pair()), *settings],
                              capture_output=True, text=True, timeout=180, check=False, env=environment)
        if done.returncode:
            raise SystemExit(f"Apache Kafka did not start: {done.stderr[-2000:]}")
        self.address = done.stdout.strip()

    def is_running(self):
        pid = int((self.directory / "node-1/pid").read_text())
        return pathlib.Path(f"/proc/{pid}").exists()

    def stop(self):
        done = subprocess.run([self.tool, "stop", self.directory], capture_output=True, text=True, timeout=90, check=False)
        if done.returncode:
            print(done.stderr, file=sys.stderr)


class Running:
    """A broker that somebody else starts and stops."""

    def __init__(self, address):
        self.address = address

    def stop(self):
        pass
