#!/usr/bin/env python3
"""Compares schema/ with the message definitions inside a kafka-clients jar.

usage: check_schema.py KAFKA_CLIENTS_JAR

Every message must have the versions that the jar's broker speaks, and every field its name, type, versions, nullability,
tag and default. Prints each difference and fails if there is one.
"""

import json
import re
import sys
import zipfile

import gen_wire
from gen_wire import NONE, Range

FOLDER = "common/message/"


def load(jar, name):
    text = jar.read(f"{FOLDER}{name}.json").decode()
    return json.loads("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//")))


def snake(name):
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def versions_of(text, within):
    """A range as the jar writes it, cut to `within`."""
    if text is None or text == "none":
        return NONE
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
    last = 32767 if match[2] else int(match[3] or match[1])
    found = Range(int(match[1]), last).meet(within)
    return found or NONE


def default_of(value, kind, is_array):
    """A default in one spelling: '' for zero, false and empty."""
    text = "" if value is None else str(value).lower()
    if re.fullmatch(r"-?0x[0-9a-f]+", text):
        text = str(int(text, 16))
    zero = {"bool": "false"}.get(kind, "0")
    return "" if text == zero and not is_array else text


def theirs(field, within):
    """A field of the jar, as the facts that are compared."""
    kind = field["type"]
    is_array = kind.startswith("[]")
    kind = kind.removeprefix("[]")
    versions = versions_of(field["versions"], within)
    return {
        "type": f"[{kind}]" if is_array else kind,
        "versions": versions,
        "nullable": versions_of(field.get("nullableVersions"), versions),
        "tag": field.get("tag"),
        "classic": field.get("flexibleVersions") == "none",
        "default": default_of(field.get("default"), kind, is_array),
    }


def ours(field, within):
    versions = field.versions.meet(within) or NONE
    return {
        "type": f"[{field.type}]" if field.is_array else field.type,
        "versions": versions,
        "nullable": field.nullable.meet(versions) or NONE,
        "tag": field.tag,
        "classic": field.classic,
        "default": default_of(field.default, field.type, field.is_array),
    }


class Comparison:
    def __init__(self):
        self.differences = []
        self.fields_count = 0

    def say(self, text):
        self.differences.append(text)

    def fields(self, place, message, own, foreign, within):
        """Compares the fields of one structure, in order, and the structures inside it."""
        foreign = [f for f in foreign if versions_of(f["versions"], within)]
        names = [snake(f["name"]) for f in foreign]
        if names != [f.name for f in own]:
            return self.say(f"{place}: the jar has the fields {names}, the schema {[f.name for f in own]}")
        for mine, other in zip(own, foreign):
            self.fields_count += 1
            a, b = ours(mine, within), theirs(other, within)
            for fact in a:
                if a[fact] != b[fact]:
                    self.say(f"{place}.{mine.name}: {fact} is {b[fact]} in the jar, {a[fact]} in the schema")
            if other.get("fields"):
                self.fields(f"{place}.{mine.name}", message, message.structs[mine.type], other["fields"], b["versions"])
        return None

    def message(self, message, definition, last):
        first = int(definition["validVersions"].split("-")[0])
        if message.versions != Range(first, last):
            self.say(f"{message.name}: the jar speaks {first}-{last}, the schema {message.versions}")
        flexible = versions_of(definition["flexibleVersions"], message.versions)
        if (message.flexible or NONE) != flexible:
            self.say(f"{message.name}: flexible is {flexible} in the jar, {message.flexible} in the schema")
        if message.key is not None and definition["apiKey"] != message.key:
            self.say(f"{message.name}: the key is {definition['apiKey']} in the jar, {message.key} in the schema")
        self.fields(message.name, message, message.fields, definition["fields"], message.versions)
        for struct in definition.get("commonStructs", []):
            own = message.structs.get(struct["name"], [])
            self.fields(f"{message.name}.{struct['name']}", message, own, struct["fields"], message.versions)


def last_version(jar, message):
    """The last version that is not marked as unstable; only a request's definition has the mark."""
    definition = load(jar, message.name)
    last = int(definition["validVersions"].split("-")[-1])
    if message.key is None:
        return last
    request = load(jar, re.sub("Response$", "Request", message.name))
    return last - 1 if request.get("latestVersionUnstable") else last


def main(arguments):
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    comparison = Comparison()
    messages = gen_wire.load_schema()
    with zipfile.ZipFile(arguments[0]) as jar:
        for message in messages:
            comparison.message(message, load(jar, message.name), last_version(jar, message))
    for line in comparison.differences:
        print(line)
    if comparison.differences:
        raise SystemExit(f"check_schema.py: {len(comparison.differences)} differences from {arguments[0]}")
    print(f"{len(messages)} messages, {comparison.fields_count} fields: the same as in {arguments[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
