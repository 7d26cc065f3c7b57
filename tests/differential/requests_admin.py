"""Requests of administrators: topics, settings, and the cluster. What is not here is made by domains.Anything."""
from domains import TOPICS

TOPIC, BROKER, CLIENT_METRICS, GROUP = 2, 4, 16, 32
OTHER_CONFIGS = {
    GROUP: [("consumer.session.timeout.ms", ["45000", "1", "x"]), ("consumer.heartbeat.interval.ms", ["5000", "0"]),
            ("no.such", ["1"])],
    CLIENT_METRICS: [("interval.ms", ["1000", "1", "x"]), ("metrics", ["", "org.apache.kafka"]), ("match", ["client_id=a", "x"])],
    BROKER: [("log.cleaner.threads", ["1", "0", "x"]), ("num.io.threads", ["8"]), ("node.id", ["2"]), ("message.max.bytes", ["1000000", "-1"]),
             ("no.such", ["1"])],
}


def some_configs(gen):
    return [dict(zip(("name", "value"), gen.dice.config())) for _ in range(gen.dice.one([0, 0, 0, 1, 2]))]


def create_topics(gen, version):
    dice = gen.dice
    topics = []
    for name in dict.fromkeys(dice.some(lambda: dice.topic(0.2))):
        topic = {"name": name, "num_partitions": dice.one([2, 2, 2, 1, 3, -1, 0, -2]), "replication_factor": dice.one([1, 1, 1, 1, -1, 0, 2]),
                 "assignments": [], "configs": some_configs(gen)}
        if dice.chance(0.1):
            topic.update(num_partitions=dice.one([-1, -1, 2]), replication_factor=-1, assignments=[
                {"partition_index": i, "broker_ids": dice.one([["node#1"], ["node#1"], [9], []])} for i in dice.one([[0], [0, 1], [1], [0, 0]])])
        topics.append(topic)
    if dice.chance(0.03):
        topics.append(dict(topics[0]))
    return {"topics": topics, "timeout_ms": 30000, "validate_only": dice.chance(0.15)}


def delete_topics(gen, version):
    dice = gen.dice
    names = dice.some(lambda: dice.topic(0.2), 1)
    topics = [{"name": n, "topic_id": "0" * 32} for n in names]
    if dice.chance(0.3):
        topics = [{"name": None, "topic_id": dice.topic_id(0.2)}]
    elif dice.chance(0.05):
        topics = [{"name": "~t0", "topic_id": dice.topic_id()}]
    return {"topics": topics, "topic_names": names, "timeout_ms": 30000}


def create_partitions(gen, version):
    dice = gen.dice
    return {"topics": [{"name": dice.topic(), "count": dice.one([2, 3, 4, 1, 0, -1]), "assignments": dice.one(
        [None, None, None, [], [{"broker_ids": ["node#1"]}], [{"broker_ids": [9]}]])}], "timeout_ms": 30000,
        "validate_only": dice.chance(0.2)}


def describe_configs(gen, version):
    dice = gen.dice
    names = dice.one([None, None, [], [gen.dice.config()[0]], [gen.dice.config()[0], "no.such"]])
    resource = {"resource_type": dice.one([TOPIC] * 6 + [BROKER, 0, 8, 16, 32]), "resource_name": dice.topic(), "configuration_keys": names}
    if resource["resource_type"] == GROUP:
        resource.update(resource_name=dice.group(0.1), configuration_keys=dice.one([None, ["consumer.session.timeout.ms"]]))
    elif resource["resource_type"] == BROKER:
        resource["resource_name"] = dice.one(["node#1", "node#1", "", "9", "x"])
        resource["configuration_keys"] = dice.one([["log.retention.ms"], ["message.max.bytes", "num.partitions"], []])
    return {"resources": [resource], "include_synonyms": dice.chance(0.5), "include_documentation": dice.chance(0.2)}


def incremental_alter(gen, version):
    dice = gen.dice
    configs = []
    for _ in range(dice.one([1, 1, 2])):
        name, value = dice.config()
        operation = dice.one([0, 0, 0, 1, 2, 3, 4])
        configs.append({"name": name, "config_operation": operation, "value": None if operation == 1 and dice.chance(0.7) else value})
    kind = dice.one([TOPIC] * 16 + [0, 3, 99, BROKER, BROKER, GROUP, GROUP, CLIENT_METRICS])
    resource = {"resource_type": kind, "resource_name": dice.topic(), "configs": configs}
    if kind in OTHER_CONFIGS:
        resource["resource_name"] = {GROUP: dice.group(0.1), CLIENT_METRICS: dice.one(["~m", ""]), BROKER: dice.one(["node#1", "", "9"])}[kind]
        for config in configs:
            name, values = dice.one(OTHER_CONFIGS[kind])
            config.update(name=name, value=config["value"] and dice.one(values))
    only = kind == BROKER or dice.chance(0.15)  # what a broker is set to would be seen by the other sequences
    return {"resources": [resource] * (2 if dice.chance(0.03) else 1), "validate_only": only}


def alter_configs(gen, version):
    resource = {"resource_type": gen.dice.one([TOPIC] * 12 + [0, 3]), "resource_name": gen.dice.topic(), "configs": some_configs(gen)}
    return {"resources": [resource], "validate_only": gen.dice.chance(0.15)}


def api_versions(gen, version):
    dice = gen.dice
    return {"client_software_name": dice.one(["sluice-test", "a", "", "-x", "a b"]), "client_software_version": dice.one(["1.0", "", "1_0"])}


def describe_cluster(gen, version):
    dice = gen.dice
    return {"include_cluster_authorized_operations": dice.chance(0.3), "endpoint_type": dice.one([1, 1, 1, 2, 0]),
            "include_fenced_brokers": dice.chance(0.2)}


def alter_scram(gen, version):
    dice = gen.dice
    upsert = {"name": dice.one(["~u0", "~u1", ""]), "mechanism": dice.one([1, 2, 0, 3]), "iterations": dice.one([4096, 8192, 100, 100000]),
              "salt": "00ff", "salted_password": "00ff"}
    deletion = {"name": dice.one(["~u0", "~u1"]), "mechanism": dice.one([1, 2, 0])}
    return {"deletions": dice.one([[], [deletion]]), "upsertions": dice.one([[upsert], [upsert], []])}


def describe_scram(gen, version):
    return {"users": [{"name": gen.dice.one(["~u0", "~u1", ""])} for _ in range(gen.dice.one([1, 1, 2]))]}


def acl(gen, any_of):
    """One rule (`any_of`: a filter, whose parts may stand for anything). Requests come from a super user, so none of them bites."""
    dice = gen.dice
    rule = {"resource_type": dice.one([2, 2, 3, 5, 0, 4]), "name": dice.one(["~t0", "~t1", "~g0", ""]), "pattern": dice.one([3, 3, 4, 0, 2]),
            "principal": dice.one(["User:alice", "User:alice", "alice", ""]), "host": dice.one(["*", "127.0.0.1", ""]),
            "operation": dice.one([3, 4, 8, 2, 0]), "permission": dice.one([3, 3, 2, 0])}
    if any_of:
        for field, wild in (("resource_type", 1), ("name", None), ("pattern", 1), ("principal", None), ("host", None), ("operation", 1),
                            ("permission", 1)):
            if dice.chance(0.5):
                rule[field] = wild
    return rule


def describe_acls(gen, version):
    rule = acl(gen, True)
    return {"resource_type_filter": rule["resource_type"], "resource_name_filter": rule["name"], "pattern_type_filter": rule["pattern"],
            "principal_filter": rule["principal"], "host_filter": rule["host"], "operation": rule["operation"],
            "permission_type": rule["permission"]}


def create_acls(gen, version):
    rules = [acl(gen, False) for _ in range(gen.dice.one([1, 1, 2]))]
    return {"creations": [{"resource_type": r["resource_type"], "resource_name": r["name"], "resource_pattern_type": r["pattern"],
                           "principal": r["principal"], "host": r["host"], "operation": r["operation"],
                           "permission_type": r["permission"]} for r in rules]}


def delete_acls(gen, version):
    return {"filters": [describe_acls(gen, version) for _ in range(gen.dice.one([1, 1, 2]))]}


def elect_leaders(gen, version):
    return {"election_type": gen.dice.one([0, 0, 1, 5]), "timeout_ms": 30000,
            "topic_partitions": [{"topic": gen.dice.topic(), "partitions": gen.dice.some(gen.dice.partition)}]}


def describe_log_dirs(gen, version):
    return {"topics": gen.dice.one([[{"topic": gen.dice.topic(), "partitions": gen.dice.some(gen.dice.partition)}], []])}


def alter_reassignments(gen, version):
    dice = gen.dice
    parts = [{"partition_index": dice.partition(), "replicas": dice.one([None, ["node#1"], [9], [], ["node#1", "node#1"]])}]
    return {"timeout_ms": 30000, "topics": [{"name": dice.topic(), "partitions": parts}], "allow_replication_factor_change": dice.chance(0.5)}


def list_reassignments(gen, version):
    dice = gen.dice
    return {"timeout_ms": 30000, "topics": dice.one([None, [{"name": dice.topic(), "partition_indexes": [dice.partition()]}]])}


def update_features(gen, version):
    """Asks, and changes nothing."""
    dice = gen.dice
    update = {"feature": dice.one(["transaction.version", "group.version", "no.such", ""]), "max_version_level": dice.one([1, 2, 99, 0, -1]),
              "allow_downgrade": dice.chance(0.5), "upgrade_type": dice.one([1, 2, 3])}
    return {"timeout_ms": 30000, "feature_updates": dice.one([[update], []]), "validate_only": True}


STRATEGIES = {18: api_versions, 19: create_topics, 20: delete_topics, 29: describe_acls, 30: create_acls, 31: delete_acls,
              32: describe_configs, 33: alter_configs, 35: describe_log_dirs,
              37: create_partitions, 43: elect_leaders, 44: incremental_alter, 45: alter_reassignments, 46: list_reassignments,
              50: describe_scram, 51: alter_scram, 57: update_features, 60: describe_cluster}
FIRST_TOPICS = [{"name": name, "num_partitions": 2, "replication_factor": 1} for name in TOPICS[:2]]
