"""A seeded source of requests that meet each other: each sequence is about a few topics, groups and producers of its own."""
import random

import domains
import requests_admin
import requests_data
import requests_groups
import requests_transactions
import side

STRATEGIES = {**requests_data.STRATEGIES, **requests_groups.STRATEGIES, **requests_transactions.STRATEGIES,
              **requests_admin.STRATEGIES}
# These would change the cluster under the other sequences.
NEVER = {
    64: "unregisters brokers", 80: "changes the quorum", 81: "changes the quorum", 49: "quotas would slow the run down",
}
THEMES = {
    "data": {0: 12, 1: 10, 2: 5, 3: 2, 21: 2, 23: 3, 22: 2, 61: 2, 19: 1, 20: 0.5, 75: 1},
    "groups": {8: 6, 9: 5, 10: 1, 11: 9, 12: 5, 13: 2, 14: 9, 15: 3, 16: 1, 42: 1, 47: 1, 20: 0.3},
    "consumers": {68: 20, 69: 4, 8: 5, 9: 4, 11: 1, 12: 1, 13: 0.5, 15: 1, 16: 1, 42: 1, 47: 1, 20: 0.3, 19: 0.5},
    "transactions": {22: 5, 24: 5, 25: 3, 26: 5, 28: 4, 0: 8, 1: 4, 2: 2, 9: 2, 61: 2, 65: 2, 66: 1, 27: 0.3, 8: 1, 21: 0.3},
    "admin": {3: 3, 18: 1, 19: 5, 20: 3, 32: 5, 33: 2, 37: 3, 44: 6, 60: 1, 75: 2, 0: 2, 2: 1},
    "mixed": {},
}
SHARED_GROUP = {8, 25, 28}  # would give offsets to the group without a name, which all sequences share
OTHER_WEIGHT = 0.25  # of what a theme does not name
MIXED_WEIGHT = 1.0
REQUESTS = 40


class Generator:
    """Steps (side.py) of one sequence. learn() is told every answer, so that what follows can build on it."""

    def __init__(self, seed, requests, versions, theme=None):
        self.random = random.Random(seed)
        self.requests, self.versions = requests, versions  # {key: (first, last)}
        self.state = domains.State()
        self.dice = domains.Dice(self.random, self.state)
        self.theme = theme or self.random.choice(sorted(THEMES))
        weights = THEMES[self.theme]
        keys = sorted(set(versions) - set(NEVER))
        self.keys = keys
        self.weights = [weights.get(key, OTHER_WEIGHT if weights else MIXED_WEIGHT) for key in keys]
        self.count, self.lane = 0, 0

    def steps(self, busy):
        """The sequence's requests; `busy` is the set of lanes that wait for an answer, kept by the caller."""
        yield {"lane": 0, "key": 3, "version": self.versions[3][1], "body": {"topics": []}}  # names the node
        yield {"lane": 0, "key": 19, "version": self.versions[19][1],
               "body": {"topics": requests_admin.FIRST_TOPICS, "timeout_ms": 30000}}
        while self.count < REQUESTS:
            free = [lane for lane in range(side.LANES) if lane not in busy]
            if not free:
                break
            self.lane = self.dice.one(free)
            self.count += 1
            yield self.step()
        yield from self.look(min(lane for lane in range(side.LANES + 1) if lane not in busy))

    def step(self):
        key = self.random.choices(self.keys, self.weights)[0]
        first, last = self.versions[key]
        version = last if self.dice.chance(0.35) else self.random.randint(first, last)
        body = self.body(key, version)
        step = {"lane": self.lane, "key": key, "version": version, "body": body}
        if self.dice.chance(0.12):
            domains.spoil(self.dice, self.requests[key], version, body)
        if key in SHARED_GROUP and body.get("group_id") == "":
            body["group_id"] = "~none"
        if key in requests_groups.WAITING:
            step["waits"] = True
        elif self.dice.chance(0.015):
            self.damage(step)
        return step

    def body(self, key, version):
        message = self.requests[key]
        strategy = STRATEGIES.get(key)
        if strategy is None or self.dice.chance(0.04):
            body = domains.Anything(self.dice, message, version).structure(message.fields)
        else:
            body = strategy(self, version)
        if "validate_only" in body and strategy is None:
            body["validate_only"] = True
        return keep(message, message.fields, version, body)

    def damage(self, step):
        """A request that is not one."""
        way = self.random.randrange(3)
        if way == 0:
            step["cut"] = self.random.randrange(8)
        elif way == 1:
            step["more"] = "00" * self.random.randrange(1, 4)
        elif step["key"] in (0, 1, 3, 9, 18, 19):
            step["version"] = self.versions[step["key"]][1] + self.random.randrange(1, 3)

    # ---- at the end: everything that can be seen ----

    def look(self, lane):
        if lane >= side.LANES:
            return
        for key, version, body in self.looks():
            if key in self.versions:
                first, last = self.versions[key]
                yield {"lane": lane, "key": key, "version": min(max(version, first), last), "body": body}

    def looks(self):
        topics, groups = domains.TOPICS, domains.GROUPS + domains.CONSUMER_GROUPS + domains.SOLO_GROUPS
        two = range(2)
        yield 3, 12, {"topics": [{"name": name, "topic_id": "0" * 32} for name in topics], "allow_auto_topic_creation": False}
        for time in (-1, -2, -3):
            yield 2, 11, {"isolation_level": 1 if time == -1 else 0, "timeout_ms": 30000, "topics": [
                {"name": name, "partitions": [{"partition_index": p, "timestamp": time} for p in two]} for name in topics]}
        for isolation in (0, 1):
            yield 1, 12, {"max_wait_ms": 0, "min_bytes": 0, "isolation_level": isolation, "topics": [
                {"topic": name, "partitions": [{"partition": p, "fetch_offset": 0, "partition_max_bytes": 1 << 20} for p in two]}
                for name in topics]}
        yield 23, 4, {"topics": [{"topic": name, "partitions": [
            {"partition": p, "current_leader_epoch": -1, "leader_epoch": 0} for p in two]} for name in topics]}
        yield 9, 9, {"groups": [{"group_id": g, "topics": None, "member_id": None, "member_epoch": -1} for g in groups], "require_stable": False}
        yield 15, 6, {"groups": groups}
        yield 69, 1, {"group_ids": groups}
        yield 16, 5, {"states_filter": [], "types_filter": []}
        yield 32, 4, {"resources": [{"resource_type": 2, "resource_name": name, "configuration_keys": None} for name in topics[:2]]}
        yield 61, 0, {"topics": [{"name": name, "partition_indexes": list(two)} for name in topics]}
        yield 65, 0, {"transactional_ids": domains.TRANSACTIONS}
        yield 66, 1, {"state_filters": [], "producer_id_filters": [], "duration_filter": -1}

    # ---- what the answers tell ----

    def learn(self, step, answer):
        if not isinstance(answer, dict):
            return
        teacher = getattr(self, f"learn_{step['key']}", None)
        if teacher is not None:
            teacher(step, answer)

    def learn_3(self, step, answer):
        for topic in answer.get("topics") or []:
            if topic["error_code"] == 0 and topic.get("name") and "#" in topic.get("topic_id", ""):
                self.state.topic_ids[topic["name"]] = topic["topic_id"]

    def learn_19(self, step, answer):
        if step["body"].get("validate_only"):
            return
        for topic in answer["topics"]:
            if topic["error_code"] == 0 and "#" in topic.get("topic_id", ""):
                self.state.topic_ids[topic["name"]] = topic["topic_id"]

    def learn_22(self, step, answer):
        if answer["error_code"] == 0:
            name = step["body"].get("transactional_id")
            self.state.producers.append({"id": answer["producer_id"], "epoch": answer["producer_epoch"], "sequences": {},
                                         "transactional": name})

    def learn_26(self, step, answer):
        if answer["error_code"] == 0 and answer.get("producer_id", -1) != -1:
            for known in self.state.producers:
                if known["transactional"] == step["body"]["transactional_id"]:
                    if known["id"] != answer["producer_id"] or known["epoch"] != answer["producer_epoch"]:
                        known.update(id=answer["producer_id"], epoch=answer["producer_epoch"], sequences={})

    def learn_0(self, step, answer):
        names = {v: k for k, v in self.state.topic_ids.items()}
        sent = {}
        for topic in step["body"]["topic_data"]:
            for part in topic["partition_data"]:
                sent[topic.get("name") or names.get(topic.get("topic_id")), part["index"]] = part["records"]
        for topic in answer["responses"]:
            name = topic.get("name") or names.get(topic.get("topic_id"))
            for part in topic["partition_responses"]:
                for batch in sent.get((name, part["index"])) or [] if part["error_code"] == 0 else []:
                    self.count_sequence(batch, f"{name}/{part['index']}")

    def count_sequence(self, batch, key):
        for known in self.state.producers:
            if known["id"] == batch.get("producer_id") and known["epoch"] == batch.get("epoch"):
                known["sequences"][key] = batch["sequence"] + len(batch["rows"])

    def learn_1(self, step, answer):
        body, session = step["body"], answer.get("session_id", 0)
        self.state.sessions = [s for s in self.state.sessions if s[0] != body.get("session_id")]
        if isinstance(session, str) and answer["error_code"] == 0:
            epoch = body.get("session_epoch", -1)
            self.state.sessions.append([session, 1 if body.get("session_id") in (0, None) else epoch + 1])

    def learn_11(self, step, answer):
        key = (step["body"]["group_id"], step["lane"])
        if answer["error_code"] in (0, 79):
            self.state.members[key] = {
                "id": answer["member_id"], "generation": answer["generation_id"], "instance": step["body"].get("group_instance_id"),
                "leads": answer["leader"] == answer["member_id"], "protocol": answer.get("protocol_name") or "range",
                "members": [m["member_id"] for m in answer["members"]]}
        elif answer["error_code"] in (25, 82):
            self.state.members.pop(key, None)

    def learn_13(self, step, answer):
        if answer["error_code"] == 0:
            self.state.members.pop((step["body"]["group_id"], step["lane"]), None)

    def learn_68(self, step, answer):
        key = (step["body"]["group_id"], step["lane"])
        if answer["error_code"] == 0 and answer["member_epoch"] >= 0:
            owned = self.state.consumers.get(key, {}).get("owned", [])
            if answer.get("assignment") is not None:
                owned = answer["assignment"]["topic_partitions"]
            self.state.consumers[key] = {"id": answer["member_id"], "epoch": answer["member_epoch"], "owned": owned}
        elif answer["error_code"] in (25, 110, 113) or answer["error_code"] == 0:
            self.state.consumers.pop(key, None)


def keep(message, fields, version, value):
    """The value without what this version does not have."""
    if not isinstance(value, dict):
        return value
    kept = {}
    for field in fields:
        if field.name in value and version in field.versions:
            item = value[field.name]
            if field.is_struct and item is not None:
                members = message.structs[field.type]
                item = [keep(message, members, version, one) for one in item] if field.is_array else keep(message, members, version, item)
            kept[field.name] = item
    return kept
