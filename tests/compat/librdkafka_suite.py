#!/usr/bin/env python3
"""librdkafka's own tests against ours and against Apache Kafka, one after the other.

usage: librdkafka_suite.py run --sluice BINARY [--results FILE] [--only BROKER]... [--protocol P]... [OPTION]... [NUMBER]...
       librdkafka_suite.py short --sluice BINARY
       librdkafka_suite.py table [--results FILE] [--page FILE]

run    runs every test that talks to a broker, with both group protocols, and puts the outcomes into FILE
       (docs/compat/librdkafka.json): those of the tests that ran, beside what is there already. A test that failed is
       tried once more, alone.
short  quick forms of a few tests, with both protocols, against ours. Ends with "N passed, N failed".
table  writes the page from FILE.

  --sluice BINARY    the built sluice
  --only BROKER      sluice or kafka
  --protocol P       classic or consumer
  --quick            fewer rounds and less data
  --jobs N           tests at a time (2)
  --patience X       stretches the tests' own limits on a slow machine (2)
  --keep DIR         keeps every test's output there
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import broker

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITE = ROOT / "tools/librdkafka-suite"
KAFKA = ROOT / "tools/apache-kafka"
RESULTS = ROOT / "docs/compat/librdkafka.json"
PAGE = ROOT / "docs/compat/librdkafka.md"
VERSIONS = {"librdkafka": "2.15.1", "kafka": "4.3.1"}
PROTOCOLS = ("classic", "consumer")
BROKERS = ("kafka", "sluice")
SHORT = ("0001 0002 0005 0008 0011 0012 0013 0014 0015 0017 0019 0021 0022 0026 0029 0030 0031 0034 0040 0041 0044 0052 0054 "
         "0057 0059 0061 0063 0067 0069 0070 0073 0081 0082 0085 0090 0099 0103 0110 0112 0129 0130 0132 0137 0140").split()

# What the suite's maintainers run their brokers with (tests/cluster_testing.py and scenarios/ there).
SETTINGS = {"num.partitions": "4", "broker.rack": "RACK1", "group.initial.rebalance.delay.ms": "3000"}
AUTHORIZER = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
              "allow.everyone.if.no.acl.found": "true", "super.users": "User:admin"}
SCENARIOS = {"default": {"auto.create.topics.enable": "true"}, "noautocreate": {"auto.create.topics.enable": "false"}}

SHARE = "share groups, which the broker leaves out"


def left_out(number):
    """Why the test is not run against any broker; None where it is."""
    return SHARE if 170 <= int(number) <= 190 else None


def numbers():
    return broker.run([SUITE, "list"], timeout=1800).split()


# ---- running ----

class Suite:
    """The tests of one protocol against one kind of broker."""

    def __init__(self, options, name, protocol):
        self.options, self.name, self.protocol = options, name, protocol

    def server(self, directory, scenario):
        properties = {**SETTINGS, **AUTHORIZER, **SCENARIOS[scenario]}
        if self.name == "kafka":
            return broker.ApacheKafka(KAFKA, directory, properties)
        return broker.Sluice(os.path.abspath(self.options.sluice), directory, properties)

    def scenario(self, scenario, wanted):
        """The outcomes of the tests that belong to the scenario."""
        with tempfile.TemporaryDirectory(prefix="sluice-suite-") as work:
            with self.server(os.path.join(work, "data"), scenario) as server:
                results = self.once(server, scenario, wanted, f"{work}/1", self.options.jobs)
                again = sorted({name[:4] for name, outcome in results.items() if outcome["state"] == "FAILED"})
                if again:
                    second = self.once(server, scenario, again, f"{work}/2", 1)
                    results |= {name: {**outcome, "tries": 2} for name, outcome in second.items()}
        return results

    def once(self, server, scenario, wanted, directory, jobs):
        if self.options.keep:
            directory = f"{self.options.keep}/{self.name}-{self.protocol}-{scenario}-{os.path.basename(directory)}"
        quick = ["--quick"] if self.options.quick else []
        if self.options.patience:
            quick += ["--set", f"test.timeout.multiplier={self.options.patience}"]
        subprocess.run([SUITE, "run", server.address, directory, "--protocol", self.protocol, "--scenario", scenario,
                        "--jobs", str(jobs), *quick, *wanted], check=False)
        results = {}
        for number in wanted:
            results |= outcomes(pathlib.Path(directory), number)
        return results


def outcomes(directory, number):
    """The outcome of each test of one process: the runner may have been stopped before it could report."""
    if not (directory / f"{number}.exit").exists():
        return {number: {"state": "FAILED", "seconds": 0, "said": "was not run to its end"}}
    said = (directory / f"{number}.log").read_text(errors="replace")
    code = int((directory / f"{number}.exit").read_text())
    try:
        tests = json.loads((directory / f"{number}.json").read_text(errors="replace"))["tests"]
    except (FileNotFoundError, json.JSONDecodeError):
        tests = {}
    results = {}
    for name, test in tests.items():
        if not name.startswith(number) or (test["state"] == "SKIPPED" and not_ours(reason(said, name))):
            continue
        state = "FAILED" if test["state"] in ("RUNNING", "DNS") else test["state"]
        results[name] = {"state": state, "seconds": round(test["duration"], 1)}
        if state != "PASSED":
            results[name]["said"] = reason(said, name)
    if code and not any(outcome["state"] == "FAILED" for outcome in results.values()):
        running = re.findall(rf"Running test ({number}\w*) =", said)
        name = running[-1] if running else number
        why = "stopped for its time" if code in (124, 137) else f"the process ended with {code}"
        results[name] = {"state": "FAILED", "seconds": results.get(name, {}).get("seconds", 0), "said": why}
    return results


def not_ours(why):
    """Skipped because it belongs to another scenario (no reason said), needs no broker, or is a known bug of the suite."""
    return not why or why.startswith("Filtered due to negative test flags")


def reason(said, name):
    """What the runner says of a test that did not pass: the first assertion that failed, or else its table."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    plain = re.sub(r"/\S*/suite-\d+/", "", plain)  # where it was built is nobody's business
    failed = re.findall(rf'^### Test "{name}\b.*?failed at .*?###\n(.*)$', plain, re.M)
    if failed:
        return re.sub(r"\s+", " ", failed[0]).strip()[:300]
    plain = plain.replace("FIX" + "ME: ", "")  # some of its reasons begin so
    found = re.findall(rf"^\| *{name} +\| *(?:FAILED|SKIPPED|RUNNING) \| *[\d.]+s \|(.*)$", plain, re.M)
    return re.sub(r"\s+", " ", found[-1]).strip()[:300] if found else ""


def load(path):
    return json.loads(path.read_text()) if path.exists() else {"versions": VERSIONS, "runs": {}}


def save(path, results):
    """One test a line, in order: differences between two runs are readable."""
    lines = []
    for run in sorted(results["runs"]):
        tests = results["runs"][run]
        rows = ",\n".join(f"   {json.dumps(name)}: {json.dumps(tests[name])}" for name in sorted(tests))
        lines.append(f"  {json.dumps(run)}: {{\n{rows}\n  }}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f' {{"versions": {json.dumps(results["versions"])}, "runs": {{\n'.lstrip() + ",\n".join(lines) + "\n}}\n")


def run(options):
    results = load(options.results)
    results["versions"] = VERSIONS
    wanted = [n for n in options.numbers or numbers() if not left_out(n)]
    for name in options.only or BROKERS:
        for protocol in options.protocol or PROTOCOLS:
            suite = Suite(options, name, protocol)
            for scenario in SCENARIOS:
                some = [n for n in wanted if scenario == "default" or n in NOAUTOCREATE]
                if not some:
                    continue
                found = suite.scenario(scenario, some)
                tests = results["runs"].setdefault(f"{protocol} {name}", {})
                tests |= found
                save(options.results, results)
                failed = [n for n, outcome in found.items() if outcome["state"] == "FAILED"]
                print(f"{name} {protocol} {scenario}: {len(found)} tests, failed: {' '.join(failed) or 'none'}", flush=True)
    return 0


NOAUTOCREATE = ("0045", "0107", "0111")  # the numbers with tests of that scenario


def short(options):
    """A part of ./dev test --long."""
    options.quick = True
    passed = failed = 0
    for protocol in PROTOCOLS:
        for name, outcome in sorted(Suite(options, "sluice", protocol).scenario("default", SHORT).items()):
            passed += outcome["state"] == "PASSED"
            failed += outcome["state"] == "FAILED"
            if outcome["state"] != "SKIPPED":
                print(f"{outcome['state'].lower():7} {protocol:9} {name:40} {outcome['seconds']:6.1f} s  "
                      f"{outcome.get('said', '')}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


# ---- the page ----

def cell(outcome):
    if outcome is None:
        return "—"
    again = ", 2nd try" if outcome.get("tries") == 2 and outcome["state"] == "PASSED" else ""
    return f"{outcome['state'].lower()}{again}"


def exceptions(runs):
    """Rows of tests that Apache Kafka passes and ours does not."""
    rows = []
    for protocol in PROTOCOLS:
        ours, kafkas = (runs.get(f"{protocol} {name}", {}) for name in ("sluice", "kafka"))
        if kafkas and not ours:
            rows.append(f"| {protocol} | all | not run | |")
            continue
        for name, outcome in sorted(kafkas.items()):
            mine = ours.get(name)
            if outcome["state"] == "PASSED" and (mine is None or mine["state"] != "PASSED"):
                said = mine.get("said", "") if mine else "not run"
                rows.append(f"| {protocol} | {name} | {cell(mine)} | {said.replace('|', '/')} |")
    return rows


def others(runs):
    """Rows of tests that Apache Kafka itself does not pass: skipped for this setting, or failed."""
    rows = []
    for protocol in PROTOCOLS:
        for name, outcome in sorted(runs.get(f"{protocol} kafka", {}).items()):
            if outcome["state"] != "PASSED":
                mine = runs.get(f"{protocol} sluice", {}).get(name)
                rows.append(f"| {protocol} | {name} | {cell(outcome)} | {cell(mine)} | {outcome.get('said', '').replace('|', '/')} |")
    return rows


def page(results):
    runs = results["runs"]
    counts = ["| group protocol | broker | passed | failed | skipped |", "|---|---|---|---|---|"]
    for protocol in PROTOCOLS:
        for name, title in (("kafka", f"Apache Kafka {results['versions']['kafka']}"), ("sluice", "Sluice")):
            states = [outcome["state"] for outcome in runs.get(f"{protocol} {name}", {}).values()]
            counts.append(f"| {protocol} | {title} | " + " | ".join(
                str(states.count(s)) for s in ("PASSED", "FAILED", "SKIPPED")) + " |")
    bad, rest = exceptions(runs), others(runs)
    names = sorted({name for tests in runs.values() for name in tests})
    rows = [f"| {name} | " + " | ".join(cell(runs.get(f"{p} {b}", {}).get(name)) for p in PROTOCOLS for b in BROKERS) + " |"
            for name in names]
    text = [f"# librdkafka's own tests ({results['versions']['librdkafka']})", "",
            "Generated by `tests/compat/librdkafka_suite.py table` from [librdkafka.json](librdkafka.json), which",
            "`tests/compat/librdkafka_suite.py run` fills. One node, plaintext, the settings that the suite's maintainers use;",
            "each test in a process of its own; one that fails is tried once more, alone. Tests that need no broker are not run,",
            f"nor are those of {SHARE} ([SKIPPED](../SKIPPED.md)).", "", *counts, "",
            "## What Apache Kafka passes and Sluice does not", ""]
    text += ["| protocol | test | Sluice | reason |", "|---|---|---|---|", *bad] if bad else ["Nothing."]
    text += ["", "## What Apache Kafka does not pass", "",
             "Skipped tests need what this setting lacks: TLS, SASL, a second broker, a token server.", ""]
    text += ["| protocol | test | Kafka | Sluice | Kafka's reason |", "|---|---|---|---|---|", *rest] if rest else ["Nothing."]
    text += ["", "## All", "", "| test | classic: Kafka | classic: Sluice | consumer: Kafka | consumer: Sluice |",
             "|---|---|---|---|---|", *rows, ""]
    return "\n".join(text)


def table(options):
    options.page.write_text(page(load(options.results)))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "short", "table"))
    parser.add_argument("numbers", nargs="*", metavar="NUMBER")
    parser.add_argument("--sluice", default="build/release/sluice")
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--page", type=pathlib.Path, default=PAGE)
    parser.add_argument("--only", action="append", choices=BROKERS)
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--patience", type=float)
    parser.add_argument("--keep")
    options = parser.parse_intermixed_args()
    return {"run": run, "short": short, "table": table}[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
