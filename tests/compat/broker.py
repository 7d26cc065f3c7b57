"""One sluice broker for one check."""

import os
import select
import signal
import subprocess
import time

READY_SECONDS = 20


class LeftOut(Exception):
    """What the check needs is not installed."""


class Broker:
    """Runs on a free port of loopback until the `with` ends; must then stop cleanly."""

    def __init__(self, sluice, data_dir, *arguments):
        self.sluice = sluice
        self.data_dir = data_dir
        self.arguments = list(arguments)
        self.address = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=READY_SECONDS)
        if kind is None:
            assert code == 0, f"the broker ended with {code}"

    def start(self):
        listen = self.address or "127.0.0.1:0"  # a restart keeps its port
        self.process = subprocess.Popen(
            [self.sluice, "broker", "--listen", listen, "--data-dir", self.data_dir,
             "-X", "group.initial.rebalance.delay.ms=0", *self.arguments],
            stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + READY_SECONDS
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        assert readable and time.monotonic() < deadline, "no ready line"
        line = self.process.stdout.readline()
        assert line.startswith("ready kafka://"), f"not a ready line: {line!r}"
        self.address = line.split()[1].removeprefix("kafka://")

    def kill(self):
        """kill -9, as a crash is."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run(arguments, text=None, timeout=120, **more):
    """The program's standard output; its failure is an AssertionError with all it said."""
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=timeout, check=False, **more)
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def log_files(data_dir, topic):
    """The segments of a topic, partition by partition."""
    found = []
    for name in sorted(os.listdir(data_dir)):
        if name.rpartition("-")[0] == topic:
            directory = os.path.join(data_dir, name)
            found += [os.path.join(directory, f) for f in sorted(os.listdir(directory)) if f.endswith(".log")]
    return found
