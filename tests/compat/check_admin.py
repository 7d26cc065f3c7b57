"""Kafka's own admin tools, unmodified: what they print about our broker is what they print about Apache Kafka."""

import difflib
import os
import re
import subprocess

from broker import LeftOut, Sluice
from check import Check

PROPERTIES = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
              "super.users": "User:ANONYMOUS"}
METRICS = "org.apache.kafka.tools.ClientMetricsCommand"

# (tool, arguments, what goes to its standard input); @FILE is a file with this content.
STEPS = [
    ("topics", "--create --topic events --partitions 2 --replication-factor 1 --config retention.ms=86400000"),
    ("topics", "--create --topic events --partitions 2 --replication-factor 1"),
    ("topics", "--create --topic wide --partitions 1 --replication-factor 3"),
    ("topics", "--create --topic bad --partitions 1 --config no.such=1"),
    ("topics", "--alter --topic events --partitions 3"),
    ("topics", "--alter --topic events --partitions 1"),
    ("topics", "--describe --topic events"),
    ("topics", "--list"),
    ("configs", "--alter --entity-type topics --entity-name events --add-config segment.bytes=1048576"),
    ("configs", "--alter --entity-type topics --entity-name events --add-config segment.bytes=1"),
    ("configs", "--alter --entity-type topics --entity-name events --delete-config retention.ms"),
    ("configs", "--describe --entity-type topics --entity-name events --all"),
    ("configs", "--alter --entity-type brokers --entity-default --add-config log.retention.ms=1000000"),
    ("configs", "--alter --entity-type brokers --entity-name 1 --add-config log.dirs=/nowhere"),
    ("configs", "--describe --entity-type brokers --entity-default"),
    ("configs", "--alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=50000"),
    ("configs", "--alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=1"),
    ("configs", "--describe --entity-type groups --entity-name g"),
    ("configs", "--alter --entity-type users --entity-name alice --add-config SCRAM-SHA-256=[iterations=8192,password=a]"),
    ("configs", "--describe --entity-type users --entity-name alice"),
    ("configs", "--alter --entity-type users --entity-name alice --delete-config SCRAM-SHA-256"),
    (METRICS, "--alter --name m --interval 60000 --metrics org.apache.kafka.producer. --match client_id=a.*"),
    (METRICS, "--describe --name m"),
    (METRICS, "--list"),
    ("acls", "--add --allow-principal User:alice --operation Read --operation Write --topic app- --resource-pattern-type prefixed"),
    ("acls", "--add --deny-principal User:bob --operation All --cluster"),
    ("acls", "--list"),
    ("acls", "--remove --force --allow-principal User:alice --operation Read --topic app- --resource-pattern-type prefixed"),
    ("acls", "--list --topic app-x --resource-pattern-type match"),
    ("log-dirs", "--describe --topic-list events"),
    ("leader-election", "--election-type preferred --topic events --partition 0"),
    ("get-offsets", "--topic events"),
    ("delete-records", '--offset-json-file @{"partitions":[{"topic":"events","partition":0,"offset":0}]}'),
    ("cluster", "cluster-id"),
    ("cluster", "list-endpoints"),
    ("features", "describe"),
    ("topics", "--delete --topic events"),
    ("topics", "--delete --topic events"),
]

# Apache Kafka's own parts, which SKIPPED.md explains, and what differs from run to run.
LEFT_OUT_KEYS = {55, 64, 76, 77, 78, 79, 80, 81, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92}
LEFT_OUT_FEATURES = ("eligible.leader.replicas.version", "kraft.version", "share.version", "streams.version")


def normal(text, server, work):
    text = text.replace(server, "SERVER")
    text = re.sub(r"127\.0\.0\.1[: ]+\d+", "SERVER", text)
    text = re.sub(r"TopicId: \S+", "TopicId: ID", text)
    text = re.sub(r"Cluster ID: \S+", "Cluster ID: ID", text)
    text = re.sub(r'"logDir":"[^"]*"', '"logDir":"DIR"', text)
    text = re.sub(r"Epoch: \d+", "Epoch: N", text)
    text = re.sub(r"[A-Za-z.]+Exception: .*", "EXCEPTION", text)  # its class is compared, not whose words it has
    text = re.sub(r"(Error while executing [a-z ]*command) : .*", r"\1", text)
    text = re.sub(r"min\.insync\.replicas=1,?", "", text)  # with its ELR, Apache Kafka sets the default of all brokers
    return text.replace(work, "WORK")


def exceptions(text):
    return re.findall(r"([A-Za-z]+Exception)", text)[:1]


class Admin:
    def __init__(self, tool):
        self.tool = tool

    def run(self, server, work, name, arguments):
        words = []
        for word in arguments.split():
            if word.startswith("@"):
                path = os.path.join(work, "input.json")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(word[1:])
                word = path
            words.append(word)
        where = ["--bootstrap-server", server]
        words = [*words, *where] if name == "cluster" else [*where, *words]
        done = subprocess.run([self.tool, "run", name, *words], capture_output=True, text=True, timeout=180, check=False)
        said = done.stdout + "\n".join(line for line in done.stderr.splitlines() if "Exception" in line)
        return done.returncode, said

    def compare(self, ours, theirs, work):
        problems = []
        for name, arguments in STEPS:
            a, b = (self.run(server, work, name, arguments) for server in (ours, theirs))
            lines = [sorted(self.lines(name, normal(said, server, work)))
                     for (_, said), server in ((a, ours), (b, theirs))]
            same = a[0] == b[0] and lines[0] == lines[1] and exceptions(a[1]) == exceptions(b[1])
            if not same:
                diff = "\n".join(difflib.unified_diff(lines[1], lines[0], "Apache Kafka", "ours", lineterm="", n=0))
                problems.append(f"{name} {arguments}: exit {a[0]}, theirs {b[0]}; {exceptions(a[1])}, theirs "
                                f"{exceptions(b[1])}\n{diff}")
        return problems

    @staticmethod
    def lines(name, text):
        out = [line.strip() for line in text.splitlines() if line.strip() and "EXCEPTION" not in line]
        out = [line for line in out if not line.startswith(" sensitive=") and not line.startswith("sensitive=")]
        if name == "features":
            out = [line for line in out if not line.removeprefix("Feature: ").startswith(LEFT_OUT_FEATURES)]
            out = [re.sub(r"SupportedMaxVersion: \S+", "", line) for line in out]
        return out

    def versions(self, server):
        _, said = self.run(server, "", "api-versions", "")
        return {int(key): versions for key, versions in re.findall(r"\w+\((\d+)\): (\d+(?: to \d+)?)", said)}

    def against_kafka(self, broker, work):
        if broker.name != "sluice":
            raise LeftOut("compares both")
        directory = os.path.join(work, "kafka")
        properties = [word for key, value in PROPERTIES.items() for word in ("--property", f"{key}={value}")]
        started = subprocess.run([self.tool, "start", directory, "--port", "29400", *properties], capture_output=True, text=True, timeout=200, check=True)
        theirs = started.stdout.strip()
        try:
            data = os.path.join(work, "authorized")
            with Sluice(broker.sluice, data, PROPERTIES) as ours:
                problems = self.compare(ours.address, theirs, work)
                expected = {k: v for k, v in self.versions(theirs).items() if k not in LEFT_OUT_KEYS}
                told = self.versions(ours.address)
                if told != expected:
                    both = sorted(set(told.items()) ^ set(expected.items()))
                    problems.append(f"api-versions: told by one alone: {both}")
        finally:
            subprocess.run([self.tool, "stop", directory], capture_output=True, timeout=100, check=False)
        assert not problems, f"{len(problems)} differences:\n" + "\n\n".join(problems)
        return f"{len(STEPS) + 1} commands: the same"


def checks(tool):
    return [Check("java", "admin tools print the same", Admin(tool).against_kafka, part="java")]
