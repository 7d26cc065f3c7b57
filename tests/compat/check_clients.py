"""Clients of other languages: builds the programs of clients/ and runs them (clients/README.md says how they are called)."""

import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

from broker import LeftOut, run
from check import Check

SUITE = pathlib.Path(__file__).resolve().parents[2] / "tools/librdkafka-suite"
HERE = pathlib.Path(__file__).resolve().parent / "clients"
CACHE = pathlib.Path(os.environ.get("SLUICE_CACHE", pathlib.Path.home() / ".cache/sluice")) / "compat-clients"
BUILD_SECONDS = 1800
CHECK_SECONDS = 240
SHORT = ("codecs", "group")  # of the Python clients, whose packages are there anyway
CHECKS = ("codecs", "group", "group848", "transactions", "admin")


def need(tool):
    if shutil.which(tool) is None:
        raise LeftOut(f"{tool} is not installed")


def python(module, script):
    """The command of a Python program, where this Python can import the client."""
    def command():
        if importlib.util.find_spec(module) is None:
            raise LeftOut(f"{module} is not installed for this Python")
        return [sys.executable, HERE / "python" / script]
    return command


@functools.cache
def built_go():
    need("go")
    run(["go", "build", "-buildvcs=false", "-o", f"{CACHE}/go/", "./..."], timeout=BUILD_SECONDS, cwd=HERE / "go")
    return CACHE / "go"


@functools.cache
def built_rust():
    need("cargo")
    run(["cargo", "build", "--quiet", "--locked", "--target-dir", CACHE / "rust"], timeout=BUILD_SECONDS, cwd=HERE / "rust")
    return CACHE / "rust/debug"


def native():
    """For the compiled part of a package: the headers of the Node.js that is here, and the librdkafka of the same version that
    the suite has built, instead of downloads."""
    source = run([SUITE, "home"], timeout=BUILD_SECONDS).strip()
    places = [f"{source}/src", f"{source}/src-cpp"]
    return {"npm_config_nodedir": str(pathlib.Path(shutil.which("node")).resolve().parent.parent), "BUILD_LIBRDKAFKA": "0",
            "CXXFLAGS": " ".join(f"-I{place}" for place in places),
            "LDFLAGS": " ".join(f"-L{place} -Wl,-rpath,{place}" for place in places)}


@functools.cache
def built_javascript():
    """The packages lie in the cache beside a copy of the programs, so that the source tree stays as it is."""
    need("npm")
    there = CACHE / "javascript"
    there.mkdir(parents=True, exist_ok=True)
    lock = there / "package-lock.json"
    same = lock.exists() and lock.read_bytes() == (HERE / "javascript/package-lock.json").read_bytes()
    for source in (HERE / "javascript").iterdir():
        shutil.copy(source, there)
    if not same or not (there / "node_modules/.complete").exists():
        run(["npm", "ci", "--no-audit", "--no-fund", "--build-from-source"], timeout=BUILD_SECONDS, cwd=there,
            env={**os.environ, **native()})
        (there / "node_modules/.complete").touch()
    return there


# How the client is called in the table, and how to get the start of its command line.
CLIENTS = {
    "Python: confluent-kafka": python("confluent_kafka", "confluent.py"),
    "Python: kafka-python": python("kafka", "pure.py"),
    "Python: aiokafka": python("aiokafka", "asynchronous.py"),
    "Go: franz-go": lambda: [built_go() / "franz"],
    "Go: sarama": lambda: [built_go() / "sarama"],
    "JavaScript: kafkajs": lambda: ["node", built_javascript() / "kafkajs.js"],
    "JavaScript: @confluentinc/kafka-javascript": lambda: ["node", built_javascript() / "confluent.js"],
    "Rust: rdkafka": lambda: [built_rust() / "with_rdkafka"],
    "Rust: rskafka": lambda: [built_rust() / "with_rskafka"],
}


def checked(command, name):
    def check(broker, _):
        arguments = [*command(), broker.address, name]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
        if done.returncode == 77:
            raise LeftOut(done.stdout.strip())
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip().splitlines()[-1]
    return check


def checks():
    return [Check(client, name, checked(command, name), part="short" if client.startswith("Python") and name in SHORT else "clients")
            for client, command in CLIENTS.items() for name in CHECKS]
