"""Starting, stopping and killing the programs under test.

Everything listens on loopback, lives in a directory of its own, is ended by its process id, and is waited for by conditions
with a limit, never by sleeping.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

BINARY = pathlib.Path(os.environ.get("SLUICE_BINARY", "build/release/sluice")).resolve()
SCALE = float(os.environ.get("SLUICE_TEST_TIME_SCALE", "1"))  # slower machines stretch the limits
READY = re.compile(r"^ready kafka://(\S+):(\d+) cluster=(\S+)")


def wait_until(condition, what: str, seconds: float = 30):
    """The condition's first true value; fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds * SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds * SCALE:.0f} s: {what}")
        time.sleep(0.01)


class Done:
    """A command that has ended."""

    def __init__(self, command, code: int, out: str, err: str):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __str__(self):
        return (f"$ {' '.join(map(str, self.command))}\nexit code {self.code}\n"
                f"--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}")

    def json(self):
        return json.loads(self.out)

    def lines(self):
        """The output's lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def run(*arguments, seconds: float = 60, stdin: str | bytes | None = None, env: dict | None = None) -> Done:
    """Runs sluice with these arguments to its end."""
    command = [str(BINARY), *map(str, arguments)]
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=seconds * SCALE, check=False,
                              env={**os.environ, **(env or {})},
                              stdin=None if data is not None else subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        out, err = ((late.stdout or b""), (late.stderr or b""))
        text = Done(command, -1, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        raise AssertionError(f"did not end within {seconds * SCALE:.0f} s\n{text}") from late
    return Done(command, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


class Process:
    """A sluice that runs beside the test; its output goes to files."""

    def __init__(self, directory: pathlib.Path, name: str, *arguments, stdin=subprocess.DEVNULL):
        self.name = name
        self.arguments = [str(BINARY), *map(str, arguments)]
        self.out_path, self.err_path = directory / f"{name}.out", directory / f"{name}.err"
        with self.out_path.open("ab") as out, self.err_path.open("ab") as err:
            self.out_begin, self.err_begin = out.tell(), err.tell()
            self.popen = subprocess.Popen(self.arguments, stdin=stdin, stdout=out, stderr=err)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def out(self) -> str:
        return self.out_path.read_bytes()[self.out_begin :].decode("utf-8", "replace")

    def err(self) -> str:
        return self.err_path.read_bytes()[self.err_begin :].decode("utf-8", "replace")

    def running(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """kill -9, and gone."""
        if self.running():
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(30)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 60) -> int:
        try:
            return self.popen.wait(seconds * SCALE)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise AssertionError(f"did not end within {seconds * SCALE:.0f} s\n{self}") from late

    def __str__(self):
        return f"$ {' '.join(self.arguments)}\n--- stdout\n{self.out()[-3000:]}\n--- stderr\n{self.err()[-3000:]}"

    def memory_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Broker:
    """An embedded broker over a data directory, on one port for all of its lives."""

    def __init__(self, directory: pathlib.Path, *arguments, data_dir: pathlib.Path | None = None):
        self.directory, self.arguments = directory, arguments
        self.data_dir = data_dir or directory / "broker"
        self.port, self.process, self.cluster = 0, None, None
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = Process(self.directory, "broker", "broker", "--listen", f"127.0.0.1:{self.port}", "--data-dir",
                               self.data_dir, *self.arguments)

        def ready():
            if not self.process.running():
                raise AssertionError(f"the broker did not start\n{self.process}")
            return next((m for line in self.process.out().splitlines() if (m := READY.match(line))), None)

        match = wait_until(ready, "the broker's ready line")
        self.port, self.cluster = int(match[2]), match[3]

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int:
        return self.process.stop()

    def restart(self) -> None:
        """kill -9, and up again over the same directory and port."""
        self.kill()
        self.start()


class Feed:
    """`sluice produce` fed line by line for as long as the test wants load."""

    def __init__(self, directory: pathlib.Path, address: str, topic: str, *arguments, per_second: int = 20000):
        self.count, self.sum, self._stop = 0, 0, threading.Event()
        self.per_second = per_second
        self.process = Process(directory, f"produce-{topic}", "produce", topic, "--bootstrap-server", address, *arguments,
                               stdin=subprocess.PIPE)
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    @staticmethod
    def line(number: int) -> str:
        return json.dumps({"id": number, "amount": number * 7 % 1000, "price": number / 8, "even": number % 2 == 0,
                           "name": f"name {number % 97}", "day": f"2026-11-{number % 28 + 1:02d}"},
                          separators=(",", ":"))

    def _write(self) -> None:
        began, chunk = time.monotonic(), 200
        try:
            while not self._stop.is_set():
                text = "".join(self.line(n) + "\n" for n in range(self.count, self.count + chunk))
                self.process.popen.stdin.write(text.encode())
                self.process.popen.stdin.flush()
                self.sum += sum(n * 7 % 1000 for n in range(self.count, self.count + chunk))
                self.count += chunk
                self._stop.wait(max(0.0, began + self.count / self.per_second - time.monotonic()))
        except BrokenPipeError:
            pass  # produce has ended; finish() tells why

    def finish(self, seconds: float = 120) -> None:
        """No more load; fails unless every record is acknowledged."""
        self._stop.set()
        self.thread.join(60 * SCALE)
        try:
            self.process.popen.stdin.close()
        except BrokenPipeError:
            pass
        code = self.process.wait(seconds)
        said = (self.process.out() + self.process.err()).replace(",", "")
        if code != 0 or not re.search(rf"read {self.count}\s+acked {self.count}\s+failed 0", said):
            raise AssertionError(f"produce ended with {code}, and was given {self.count} records\n{self.process}")


class Case(unittest.TestCase):
    """A test with a directory of its own, and nothing running after it."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.processes = []
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        for process in self.processes:
            process = process.process if isinstance(process, (Broker, Feed)) else process
            process.kill()
        if os.environ.get("SLUICE_KEEP"):
            print(f"kept {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def broker(self, *arguments, **options) -> Broker:
        broker = Broker(self.directory, *arguments, **options)
        self.processes.append(broker)
        return broker

    def feed(self, *arguments, **options) -> Feed:
        feed = Feed(self.directory, *arguments, **options)
        self.processes.append(feed)
        return feed

    def start(self, name: str, *arguments) -> Process:
        process = Process(self.directory, name, *arguments)
        self.processes.append(process)
        return process

    def ok(self, *arguments, code: int = 0, **options) -> Done:
        done = run(*arguments, **options)
        self.assertEqual(done.code, code, str(done))
        return done

    def produce(self, broker: Broker, topic: str, lines: list[str], *arguments) -> Done:
        text = "".join(line + "\n" for line in lines)
        return self.ok("produce", topic, "--bootstrap-server", broker.address, *arguments, stdin=text)

    @property
    def lake(self) -> pathlib.Path:
        return self.directory / "lake"

    def ingest_arguments(self, address: str, topic: str, *arguments) -> list:
        return ["ingest", "run", "--bootstrap-server", address, "--topic", topic, "--lake", self.lake, *arguments]

    def ingest(self, address: str, topic: str, *arguments, **options) -> Done:
        return self.ok(*self.ingest_arguments(address, topic, "--until", "end", *arguments), **options)

    def audit(self, address: str, topic: str, code: int = 0, **options) -> dict:
        done = self.ok("audit", "run", "--bootstrap-server", address, "--topic", topic, "--lake", self.lake, "--json",
                       code=code, **options)
        return done.json()

    def commits(self, topic: str) -> int:
        """How many commit objects the table has."""
        return sum(1 for _ in (self.lake / topic / "_sluice/commits").glob("*/*/*"))
