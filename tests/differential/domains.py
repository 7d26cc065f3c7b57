"""Small sets of values, right and wrong, that requests are made of: few enough that requests meet each other."""
import codec

TOPICS = ["~t0", "~t1", "~t2"]
WRONG_TOPICS = ["~missing", "", ".", "a/b", "~" + "n" * 250, "~t0 "]
GROUPS = ["~g0", "~g1"]
CONSUMER_GROUPS = ["~c0", "~c1"]
SOLO_GROUPS = ["~v0", "~v1", "~v2"]  # one a lane: with two ids that the broker makes up, who gets what is chance
TRANSACTIONS = ["~x0", "~x1"]
NO_UUID = "0" * 31 + "9"
WRONG = {
    "int8": [-1, 1, 2, 127], "int16": [-1, 0, 1, 32767], "int32": [-1, 0, 1, 2147483647],
    "int64": [-1, 0, 1, 5, 9223372036854775807], "uint16": [0, 65535], "float64": [0.0, -1.0], "bool": [True, False],
    "string": ["", "~none", "~x"], "uuid": [codec.ZERO_UUID, NO_UUID], "bytes": ["", "00ff"],
}
# Whatever makes a broker wait or act by itself would make the order of things depend on the clock; sizes stay small.
CALM = {
    "max_wait_ms": [0], "min_bytes": [0], "timeout_ms": [30000], "session_timeout_ms": [30000, 1, 60000, -1, 2147483647],
    "rebalance_timeout_ms": [60000], "transaction_timeout_ms": [60000, 0, -1, 2147483647], "num_partitions": [1, 2, 3, 0, -1, -2],
    "replication_factor": [1, -1, 0, 2], "count": [0, 1, 2, 3, 4, -1], "controller_id": [1, 7], "validate_only": [True],
    "node_id": [7, -1], "broker_id": [7, -1], "voter_id": [7], "retention_time_ms": [-1, 60000], "replica_id": [-1], "partition_limit": [1, 2, 2000],
    "response_partition_limit": [1, 2, 100, 0, -1],
    "max_bytes": [1 << 20, 200], "partition_max_bytes": [1 << 20, 100, 1], "max_lifetime_ms": [-1], "throttle_time_ms": [0],
}
TOPIC_CONFIGS = [
    ("retention.ms", ["-1", "86400000", "1", "-2", "x", ""]), ("cleanup.policy", ["delete", "compact", "compact,delete", "x", ""]),
    ("max.message.bytes", ["1000000", "200", "-1"]), ("segment.bytes", ["1048576", "10", "0"]), ("min.insync.replicas", ["1", "2", "0"]),
    ("message.timestamp.type", ["CreateTime", "LogAppendTime", "x"]), ("compression.type", ["producer", "gzip", "x", "uncompressed"]),
    ("retention.bytes", ["-1", "5000000"]), ("segment.ms", ["604800000", "0"]), ("no.such", ["1"]),
    ("unclean.leader.election.enable", ["false", "x"]), ("delete.retention.ms", ["86400000", "-1"]),
    ("min.cleanable.dirty.ratio", ["0.5", "2"]), ("flush.messages", ["9223372036854775807", "0"]), ("preallocate", ["false", "yes"]),
    ("message.timestamp.before.max.ms", ["9223372036854775807", "-1"]), ("file.delete.delay.ms", ["60000", "-1"]),
]


# Where Kafka has an answer of its own to what is named twice; elsewhere its maps keep one of the two, as it happens.
DOUBLED = {19, 20, 37, 42, 43, 44}


class State:
    """What the answers so far have told."""

    def __init__(self):
        self.topic_ids, self.partitions, self.ends = {}, {}, {}
        self.producers, self.members, self.consumers, self.sessions = [], {}, {}, []


class Dice:
    """Choices among domains. `random` is a random.Random."""

    def __init__(self, random, state):
        self.random, self.state = random, state

    def one(self, items):
        return items[self.random.randrange(len(items))]

    def chance(self, probability):
        return self.random.random() < probability

    def some(self, make, most=2):
        return [make() for _ in range(self.random.randrange(1, most + 1))]

    def topic(self, wrong=0.08):
        return self.one(WRONG_TOPICS) if self.chance(wrong) else self.one(TOPICS)

    def topic_id(self, wrong=0.08):
        known = sorted(self.state.topic_ids.values())
        return self.one([codec.ZERO_UUID, NO_UUID]) if not known or self.chance(wrong) else self.one(known)

    def partition(self, wrong=0.08):
        return self.one([-1, 7, 2147483647]) if self.chance(wrong) else self.random.randrange(2)

    def group(self, wrong=0.05):
        return self.one(["~none"] + CONSUMER_GROUPS) if self.chance(wrong) else self.one(GROUPS)

    def transactional_id(self, wrong=0.05):
        return self.one(["", "~none"]) if self.chance(wrong) else self.one(TRANSACTIONS)

    def offset(self):
        return self.one([0, 0, 1, 2, 3, 5, 8, 100, -1])

    def leader_epoch(self):
        return self.one([-1, -1, -1, -1, 0, 0, 1, 5])

    def config(self):
        name, values = self.one(TOPIC_CONFIGS)
        return name, (values[0] if self.chance(0.5) else self.one(values))

    def named(self, name, version=0):
        """Both ways of naming a topic; the version takes what it has."""
        unknown = f"{sum(map(ord, name)) & 0xFFFF | 0x10000:032x}"  # another one for each name
        return {"name": name, "topic": name, "topic_id": self.state.topic_ids.get(name, unknown)}


class Anything:
    """Values for whole messages, by the names and types of their fields."""

    def __init__(self, dice, message, version):
        self.dice, self.message, self.version = dice, message, version

    def structure(self, fields):
        return {f.name: self.field(f) for f in fields if self.version in f.versions}

    def field(self, field):
        if self.version in field.nullable and self.dice.chance(0.25):
            return None
        if field.is_array:
            return [self.one(field) for _ in range(self.dice.one([0, 1, 1, 1, 2]))]
        return self.one(field)

    def one(self, field):
        if field.is_struct:
            return self.structure(self.message.structs[field.type])
        if field.type == "records":
            return [{}]
        if field.name in CALM:
            return self.dice.one(CALM[field.name])
        if self.dice.chance(0.1):
            return self.dice.one(WRONG[field.type])
        return self.by_name(field)

    def by_name(self, field):
        name, kind = field.name, field.type
        if kind == "uuid":
            return self.dice.topic_id()
        if kind == "string":
            if "group" in name and "instance" not in name:
                return self.dice.group()
            if "transactional" in name:
                return self.dice.transactional_id()
            if name in ("name", "topic", "topic_name", "resource_name") or "topic" in name:
                return self.dice.topic()
            return self.dice.one(WRONG[kind])
        if name.startswith("partition") and kind == "int32":
            return self.dice.partition()
        if name == "resource_type":
            return self.dice.one([2, 2, 4, 0, 16, 32])
        return self.dice.one(WRONG[kind])


def spoil(dice, message, version, body):
    """Changes one value somewhere in the body to another of its type."""
    places = list(leaves(message, version, message.fields, body))
    if not places:
        return
    holder, field = dice.one(places)
    if field.name in CALM:
        holder[field.name] = dice.one(CALM[field.name])
    elif version in field.nullable and dice.chance(0.4):
        holder[field.name] = None
    elif field.is_array:
        holder[field.name] = (holder.get(field.name) or []) * (2 if message.key in DOUBLED and dice.chance(0.5) else 0)
    elif field.type != "records" and not field.is_struct:
        holder[field.name] = dice.one(WRONG[field.type])


def leaves(message, version, fields, body):
    for field in fields:
        if version not in field.versions:
            continue
        yield body, field
        value = body.get(field.name)
        if field.is_struct and value:
            for item in value if field.is_array else [value]:
                yield from leaves(message, version, message.structs[field.type], item)
