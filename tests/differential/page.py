"""What live runs have found, added up, and the page made of it."""
import collections
import json

import codec

PAGE = codec.ROOT / "docs/compat/differences.md"
REPORT = codec.ROOT / "docs/compat/differences.json"


class Report:
    """Counts by API, and by class of difference with one example each; kept in a file that later runs add to."""

    def __init__(self, path):
        self.path = path or REPORT
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        self.requests = known.get("requests", 0)
        self.apis = collections.Counter(known.get("apis", {}))
        self.classes = known.get("classes", {})

    def add(self, outcome, names, seed):
        self.apis.update(names[step["key"]] for step in outcome.steps)
        for name, what in outcome.found.items():
            known = self.classes.setdefault(name, {"count": 0, "version": what["version"], "seed": seed})
            known["count"] += 1

    def merge(self, path):
        """Takes over what another run has counted."""
        other = Report(path)
        self.requests += other.requests
        self.apis.update(other.apis)
        for name, what in other.classes.items():
            known = self.classes.setdefault(name, {**what, "count": 0})
            known["count"] += what["count"]

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"requests": self.requests, "apis": dict(sorted(self.apis.items())),
                           "classes": dict(sorted(self.classes.items()))}, indent=1)
        self.path.write_text(text + "\n", encoding="utf-8")


def write(report, table):
    lines = ["# Where the broker answers otherwise than Apache Kafka", "",
             f"{report.requests:,} random requests, valid and invalid, were sent to both (`tests/differential`): the same sequences, "
             "error codes and all visible state compared. What a broker makes up (ids, ports, moments, its own sentences) is "
             "mapped, not ignored. This page is made by `tests/differential/run.py page`.", "",
             "| requests | API |", "|--:|---|"]
    lines += [f"| {count:,} | {name} |" for name, count in sorted(report.apis.items(), key=lambda item: -item[1])]
    groups = collections.defaultdict(list)
    for name, what in sorted(report.classes.items()):
        groups[table.reason(name) or "**no reason yet**"].append((name, what["count"]))
    lines += ["", f"## {len(report.classes)} classes of difference", "", "| sequences | difference | reason |", "|--:|---|---|"]
    for reason, found in sorted(groups.items()):
        for name, count in found:
            lines.append(f"| {count:,} | `{name.replace('|', '/')}` | {reason.removeprefix('(ends) ')} |")
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
