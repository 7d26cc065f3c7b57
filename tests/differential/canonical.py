"""Answers of two brokers in one spelling.

What a broker makes up - ids of topics, members, producers and sessions, ports, its own address - is numbered in the order in
which it is first seen: `topic#1` stands for one uuid in one broker and another in the other, and requests use these names as
well. Names that a sequence gives its topics and groups begin with `~`, which stands for the sequence's own prefix.
A moment near now is `now`; a broker's own sentences are `text`. Everything else is told as it is.
"""
import json
import re
import time

import batches
import codec

# field -> kind of what the broker made up
KINDS = {
    "topic_id": "topic", "topic_ids": "topic", "member_id": "member", "leader": "member", "producer_id": "producer",
    "session_id": "session", "cluster_id": "cluster", "host": "host", "port": "port", "node_id": "node", "leader_id": "node",
    "broker_id": "node", "controller_id": "node", "replica_nodes": "node", "isr_nodes": "node", "log_dir": "directory",
    "active_producer_id": "producer", "replicas": "node", "preferred_read_replica": "node", "replica_id": "node",
    "replica_directory_id": "directory id", "leader_epoch_of_quorum": "epoch", "rack": "rack",
}
NOTHING = {None, "", 0, -1, codec.ZERO_UUID}  # what stands for none of a kind
ALSO_NONE = {"node": {None, "", -1}, "producer": {None, -1}}
SENTENCES = {"documentation", "batch_index_error_message"}
MESSAGES = {"error_message"}
MACHINE = {"total_bytes", "usable_bytes"}
ORDERED = {"aborted_transactions", "records", "protocols"}
NAME = re.compile(r"([a-z ]+)#(\d+)")
NOW_MS = 3_600_000
MADE_UP_IDS = "0" * 24  # so begin the ids of topics that the requests make up
MADE_UP = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")  # ends the id of a static member
PREFIX = re.compile(r"d\d{6}-")
HOUSE = {"__consumer_offsets", "__transaction_state"}
NAMED = ("name", "topic", "topic_name", "group_id", "group", "transactional_id", "resource_name", "user")


class Unresolved(Exception):
    """A request names what this broker never answered."""


class Names:
    """What one broker made up in one sequence."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.by_value, self.by_name, self.counts = {}, {}, {}

    def known(self, kind, value):
        return self.by_value.get((kind, value))

    def name(self, kind, value):
        found = self.by_value.get((kind, value))
        if found is None:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            found = f"{kind}#{self.counts[kind]}"
            self.by_value[kind, value] = found
            self.by_name[found] = value
        return found

    # ---- requests ----

    def resolve(self, value, field=""):
        """A request with this broker's own values in the places of names; records become bytes."""
        if isinstance(value, dict):
            return {key: self.resolve(item, key) for key, item in value.items()}
        if isinstance(value, list):
            if field == "records":
                return b"".join(batches.build(self.resolve(item)) for item in value).hex()
            return [self.resolve(item, field) for item in value]
        if isinstance(value, str) and value.startswith("~"):
            return self.prefix + value[1:]
        if isinstance(value, str) and NAME.fullmatch(value):
            if value not in self.by_name:
                raise Unresolved(value)
            real = self.by_name[value]
            return str(real) if field == "resource_name" else real
        return value

    # ---- answers ----

    def canonical(self, value, asked=frozenset()):
        """The answer in the common spelling. `asked` are the names that the request gave: others' are left out."""
        return self.number(self.known_form(value, "", asked), "")

    def known_form(self, value, field, asked):
        """All but what is seen for the first time, with lists in an order that does not depend on it."""
        if isinstance(value, dict):
            return self.structure(value, asked)
        if isinstance(value, list):
            value = merged(value) if field == "responses" else value
            kept = [self.known_form(item, field, asked) for item in value if not self.is_foreign(item, asked) and not is_hollow(item)]
            kept = [item for item in kept if not is_hollow(item)]
            return kept if field in ORDERED else sorted(kept, key=sort_key)
        if field == "records" and value is not None:
            return [self.known_form(batch, "", asked) for batch in batches.tell(bytes.fromhex(value))]
        return self.scalar(value, field)

    def structure(self, value, asked):
        out = {key: self.known_form(item, key, asked) for key, item in value.items()}
        if self.is_foreign(value.get("next_cursor"), asked):
            out["next_cursor"] = None  # the next topic is another sequence's
        for key in MESSAGES & out.keys():
            if value.get("error_code", 0) != 0:
                out[key] = "text"
        if value.get("resource_type") == 4 and self.known("node", parse(value.get("resource_name"))):
            out["resource_name"] = self.known("node", parse(value["resource_name"]))
        return out

    def scalar(self, value, field):
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            if abs(value - time.time() * 1000) < NOW_MS:
                return "now"
            if field in MACHINE:
                return "bytes" if value >= 0 else value
        if isinstance(value, str):
            if field in SENTENCES:
                return "text" if value else value
            if value.startswith(self.prefix) and not MADE_UP.search(value):
                return "~" + value[len(self.prefix):]
        kind = KINDS.get(field)
        if kind is not None and value not in ALSO_NONE.get(kind, NOTHING):
            return self.known(kind, value) or New(kind, value)
        return value

    def is_foreign(self, item, asked):
        """Is it of another sequence, or of the broker's own house, and nobody asked for it?"""
        if not isinstance(item, dict):
            return False
        for key in NAMED:
            name = item.get(key)
            if isinstance(name, str) and name not in asked:
                if name in HOUSE or name.startswith(("barrier-", "warm-")):
                    return True
                if PREFIX.match(name) and not name.startswith(self.prefix):
                    return True
        return False

    def number(self, value, field):
        if isinstance(value, dict):
            return {key: self.number(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.number(item, field) for item in value]
        if isinstance(value, New):
            return self.name(value.kind, value.value)
        return value


class New:
    """A value not seen before."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value
        self.hint = hint_of(kind, str(value))


def hint_of(kind, value):
    """What two unknown values can be told apart by: a member's id begins with its client's, a request made up a topic's."""
    if kind == "member":
        return value.partition("-")[0]
    return value if kind == "topic" and value.startswith(MADE_UP_IDS) else ""


def merged(responses):
    """Of a Fetch: each topic once. Kafka tells one in several places when others' partitions come between its own."""
    if not all(isinstance(item, dict) and "partitions" in item for item in responses):
        return responses
    found = {}
    for item in responses:
        name = item.get("topic_id", item.get("topic"))
        found.setdefault(name, {**item, "partitions": []})["partitions"].extend(item["partitions"])
    return list(found.values())


def is_hollow(item):
    """A topic that was asked about without partitions: Kafka mostly leaves it out of the answer."""
    if not isinstance(item, dict) or "error_code" in item:
        return False
    lists = [value for value in item.values() if isinstance(value, list)]
    return bool(lists) and not any(lists)


def parse(text):
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,9}", text) else text


def sort_key(value):
    return json.dumps(value, sort_keys=True, default=lambda new: f"{new.kind}#{new.hint}")


def asked_names(value):
    """Every text in a request, as it is sent."""
    if isinstance(value, dict):
        return set().union(*map(asked_names, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(asked_names, value)) if value else set()
    return {value} if isinstance(value, str) else set()
