"""Requests about topics' data: Produce, Fetch, ListOffsets, Metadata, DeleteRecords, OffsetForLeaderEpoch and their like."""
from domains import NO_UUID, TOPICS


def batch(gen, topic, partition, producer):
    """One batch of a producer (None: without idempotence), mostly in sequence."""
    dice = gen.dice
    made = {"rows": [[dice.one([None, "k1", "k2"]), f"v{gen.count}-{i}"] for i in range(dice.one([1, 1, 2, 3]))]}
    if dice.chance(0.08):
        made["attributes"] = dice.one([1, 8, 3, 7, 16, 32, 64])
    if dice.chance(0.06):
        made["wrong"] = dice.one(["crc", "magic", "length", "short", "torn", "count", "last offset delta", "offset delta"])
    if dice.chance(0.05):
        made["time"] = dice.one([-1_700_000_000_001, 4_000_000_000_000, 1])
    if dice.chance(0.04):
        made["base_offset"] = dice.one([5, -1])
    if producer is None:
        return made
    key = f"{topic}/{partition}"
    made.update(producer_id=producer["id"], epoch=producer["epoch"], sequence=producer["sequences"].get(key, 0))
    if producer["transactional"]:
        made["attributes"] = made.get("attributes", 0) & 7 | 16
    if dice.chance(0.12):
        made["sequence"] = max(0, made["sequence"] + dice.one([-1, 1, 5, 1000]))
    if dice.chance(0.05):
        made["epoch"] = dice.one([made["epoch"] + 1, made["epoch"] - 1, -1, 0])
    if dice.chance(0.03):
        made.update(attributes=48, control=dice.one([0, 1]))
    return made


def produce(gen, version):
    dice = gen.dice
    producer = dice.one(gen.state.producers) if gen.state.producers and dice.chance(0.65) else None
    topics = []
    for name in dict.fromkeys(dice.some(dice.topic)):
        parts = [{"index": p, "records": batches_of(gen, name, p, producer)} for p in dict.fromkeys(dice.some(dice.partition))]
        topics.append({**dice.named(name), "partition_data": parts})
    transactional = producer["transactional"] if producer else None
    if dice.chance(0.04):
        transactional = dice.one([None, dice.transactional_id()])
    acks = dice.one([-1] * 24 + [1, 0, 2])
    return {"transactional_id": transactional, "acks": acks, "timeout_ms": 30000, "topic_data": topics}


def batches_of(gen, name, partition, producer):
    dice = gen.dice
    if dice.chance(0.015):
        return dice.one([None] + [[]] * 9)  # Kafka does not answer null, and waiting for that is dear
    made = [batch(gen, name, partition, producer) for _ in range(2 if dice.chance(0.04) else 1)]
    return made


def fetch(gen, version):
    dice, state = gen.dice, gen.state
    topics = []
    for name in dict.fromkeys(dice.some(dice.topic)):
        parts = [{"partition": p, "current_leader_epoch": dice.leader_epoch(), "fetch_offset": dice.offset(),
                  "last_fetched_epoch": dice.one([-1] * 8 + [0, 1]), "log_start_offset": dice.one([-1, -1, 0]),
                  "partition_max_bytes": dice.one([1 << 20, 1 << 20, 100, 0])}
                 for p in dict.fromkeys(dice.some(dice.partition))]
        topics.append({**dice.named(name), "partitions": parts})
    body = {"max_wait_ms": 0, "min_bytes": dice.one([0, 1]), "max_bytes": dice.one([1 << 20, 1 << 20, 150, 0]),
            "isolation_level": dice.one([0, 1]), "topics": topics, "session_id": 0, "session_epoch": -1}
    if state.sessions and dice.chance(0.5):
        session = dice.one(state.sessions)
        body.update(session_id=session[0], session_epoch=dice.one([session[1]] * 8 + [0, -1, 7]))
        if dice.chance(0.5):
            body["topics"] = []
        if dice.chance(0.2):
            name = dice.one(TOPICS)
            body["forgotten_topics_data"] = [{**dice.named(name), "partitions": [0]}]
    elif dice.chance(0.3):
        body.update(session_id=dice.one([0, 0, 0, 123]), session_epoch=dice.one([0, 0, 0, 1]))
    return body


def list_offsets(gen, version):
    dice = gen.dice
    known = [-1, -2, -3, -4, -5, -6, -7, 1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000, 0]
    topics = [{"name": name, "partitions": [
        {"partition_index": p, "current_leader_epoch": dice.leader_epoch(), "timestamp": dice.one(known)}
        for p in dict.fromkeys(dice.some(dice.partition))]} for name in dict.fromkeys(dice.some(dice.topic))]
    return {"replica_id": dice.one([-1] * 10 + [-2]), "isolation_level": dice.one([0, 1]), "timeout_ms": 30000,
            "topics": topics}


def metadata(gen, version):
    dice = gen.dice
    topics = [{"name": dice.topic(0.15), "topic_id": "0" * 32} for _ in range(dice.one([1, 1, 2]))]
    if version >= 12 and dice.chance(0.3):
        topics = [{"name": None, "topic_id": dice.topic_id(0.2)}]
    elif version >= 10 and dice.chance(0.1):
        topics = [{"name": dice.one([None, "~t0"]), "topic_id": dice.one([NO_UUID, dice.topic_id()])}]
    elif dice.chance(0.1):
        topics = [] if version == 0 or dice.chance(0.3) else None
    return {"topics": topics, "allow_auto_topic_creation": dice.chance(0.15),
            "include_cluster_authorized_operations": dice.chance(0.3), "include_topic_authorized_operations": dice.chance(0.3)}


def delete_records(gen, version):
    dice = gen.dice
    return {"timeout_ms": 30000, "topics": [{"name": dice.topic(), "partitions": [
        {"partition_index": p, "offset": dice.one([0, 1, 2, -1, 100, -2])} for p in dict.fromkeys(dice.some(dice.partition))]}]}


def offset_for_leader_epoch(gen, version):
    dice = gen.dice
    return {"replica_id": dice.one([-1, -1, -2]), "topics": [{"topic": dice.topic(), "partitions": [
        {"partition": p, "current_leader_epoch": dice.leader_epoch(), "leader_epoch": dice.one([-1, 0, 0, 1, 5])}
        for p in dict.fromkeys(dice.some(dice.partition))]}]}


def describe_producers(gen, version):
    dice = gen.dice
    return {"topics": [{"name": dice.topic(), "partition_indexes": dice.some(dice.partition)}]}


def describe_topic_partitions(gen, version):
    dice = gen.dice
    body = {"topics": [{"name": dice.topic(0.15)} for _ in range(dice.one([0, 1, 2, 2]))],
            "response_partition_limit": dice.one([2000, 2000, 1, 2, 0, -1]), "cursor": None}
    if not body["topics"]:
        body["response_partition_limit"] = 2000  # other sequences' topics would count
    elif dice.chance(0.25):
        body["cursor"] = {"topic_name": dice.topic(), "partition_index": dice.one([0, 1, 5, -1])}
    return body


STRATEGIES = {0: produce, 1: fetch, 2: list_offsets, 3: metadata, 21: delete_records, 23: offset_for_leader_epoch,
              61: describe_producers, 75: describe_topic_partitions}
