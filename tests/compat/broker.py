"""One broker for one check: ours, or Apache Kafka where the check itself is tried."""

import os
import select
import signal
import socket
import subprocess
import time

READY_SECONDS = 20
STOP_SECONDS = 60
PROPERTIES = {"group.initial.rebalance.delay.ms": "0"}


class LeftOut(Exception):
    """What the check needs is not installed, or the client does not do such things."""


class Sluice:
    """Runs on a free port of loopback until the `with` ends; must then stop cleanly."""

    name = "sluice"

    def __init__(self, sluice, data_dir, properties=None):
        self.sluice = sluice
        self.data_dir = data_dir
        self.properties = {**PROPERTIES, **(properties or {})}
        self.address = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=STOP_SECONDS)
        if kind is None:
            assert code == 0, f"the broker ended with {code}"

    def start(self):
        listen = self.address or "127.0.0.1:0"  # a restart keeps its port
        properties = [word for key, value in self.properties.items() for word in ("-X", f"{key}={value}")]
        with open(self.data_dir + ".log", "ab") as log:
            self.process = subprocess.Popen(
                [self.sluice, "broker", "--listen", listen, "--data-dir", self.data_dir, *properties],
                stdout=subprocess.PIPE, stderr=log, text=True)
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline() if readable else "(nothing)"
        assert line.startswith("ready kafka://"), f"not a ready line: {line!r}\n{self.log()}"
        self.address = line.split()[1].removeprefix("kafka://")

    def kill(self):
        """kill -9, as a crash is."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def log(self):
        """The end of what it said."""
        with open(self.data_dir + ".log", encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]


class ApacheKafka:
    """The same of a real Apache Kafka, one node, by tools/apache-kafka."""

    name = "kafka"
    # Short, so that a node is let in again soon after its kill.
    KAFKA_PROPERTIES = {"broker.session.timeout.ms": "1500", "broker.heartbeat.interval.ms": "500"}

    def __init__(self, tool, data_dir, properties=None):
        self.tool = tool
        self.directory = data_dir
        self.data_dir = os.path.join(data_dir, "node-1/data")
        self.properties = {**PROPERTIES, **self.KAFKA_PROPERTIES, **(properties or {})}
        self.address = None

    def __enter__(self):
        words = [word for key, value in self.properties.items() for word in ("--property", f"{key}={value}")]
        self.address = run([self.tool, "start", self.directory, "--port", str(free_port_pair()), *words]).strip()
        return self

    def __exit__(self, kind, value, trace):
        run([self.tool, "stop", self.directory])

    def start(self):
        run([self.tool, "restart", self.directory, "1"])

    def kill(self):
        run([self.tool, "kill", self.directory, "1"])

    def log(self):
        with open(os.path.join(self.directory, "node-1/server.log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]


def free_port_pair():
    """A port below the ephemeral ones, free together with its successor: Kafka's controller listens there."""
    for port in range(20000 + os.getpid() % 10000, 32000, 2):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue
    raise AssertionError("no two free ports")


def run(arguments, text=None, timeout=120, **more):
    """The program's standard output; its failure is an AssertionError with all it said."""
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=timeout, check=False, **more)
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done.stdout


def wait_until(condition, what, seconds=30):
    """The condition's first true value; fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)
    return value


def log_files(data_dir, topic):
    """The segments of a topic, partition by partition."""
    found = []
    for name in sorted(os.listdir(data_dir)):
        if name.rpartition("-")[0] == topic:
            directory = os.path.join(data_dir, name)
            found += [os.path.join(directory, f) for f in sorted(os.listdir(directory)) if f.endswith(".log")]
    return found
