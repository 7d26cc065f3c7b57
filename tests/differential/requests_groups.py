"""Requests about groups: the classic protocol, KIP-848's, offsets, and what is asked about them."""
from domains import CONSUMER_GROUPS, GROUPS, NO_UUID, SOLO_GROUPS

SUBSCRIPTION = "0001000000010002743000000000ffffffff"  # version 1, topic t0, no user data, nothing owned
ASSIGNMENT = "000100000001000274300000000100000000ffffffff"


def own(gen, group):
    """This lane's member of the group."""
    return gen.state.members.get((group, gen.lane))


def member_fields(gen, group, id_field="member_id", generation_field="generation_id"):
    dice, member = gen.dice, own(gen, group)
    fields = {id_field: "", generation_field: -1, "group_instance_id": None}
    if member is not None:
        fields.update({id_field: member["id"], generation_field: member["generation"], "group_instance_id": member["instance"]})
    if dice.chance(0.07):
        fields[id_field] = dice.one(["", "lit-nobody", *[m["id"] for m in gen.state.members.values()]])
    if dice.chance(0.06):
        fields[generation_field] = dice.one([-1, 0, 1, 7, fields[generation_field] + 1])
    if dice.chance(0.03):
        fields["group_instance_id"] = dice.one([None, "~i0", "~i1", ""])
    return fields


def join_group(gen, version):
    dice, group = gen.dice, gen.dice.group(0.04)
    member = own(gen, group)
    names = dice.one([["range"], ["range", "roundrobin"], ["roundrobin", "range"], ["sticky"]] if dice.chance(0.3) else [["range"]])
    body = {"group_id": group, "session_timeout_ms": dice.one([30000] * 12 + [1, -1, 2147483647]), "rebalance_timeout_ms": 60000,
            "member_id": "", "group_instance_id": None, "protocol_type": dice.one(["consumer"] * 12 + ["connect", ""]),
            "protocols": [{"name": name, "metadata": SUBSCRIPTION} for name in names], "reason": dice.one([None, "because"])}
    if member is not None:
        body.update(member_id=member["id"], group_instance_id=member["instance"])
    elif dice.chance(0.25) and version >= 5:
        body["group_instance_id"] = dice.one(["~i0", "~i1"])
    if dice.chance(0.04):
        body["member_id"] = dice.one(["lit-nobody", ""])
    if dice.chance(0.03):
        body["protocols"] = []
    return body


def sync_group(gen, version):
    dice, group = gen.dice, gen.dice.one(GROUPS)
    member = own(gen, group)
    fields = member_fields(gen, group)
    assignments = []
    if member is not None and member["leads"]:
        assignments = [{"member_id": m, "assignment": ASSIGNMENT} for m in member["members"]]
    names = {"protocol_type": "consumer", "protocol_name": member["protocol"] if member else "range"}
    if dice.chance(0.05):
        names = {"protocol_type": dice.one([None, "connect"]), "protocol_name": dice.one([None, "x"])}
    return {"group_id": group, **fields, **names, "assignments": assignments}


def heartbeat(gen, version):
    group = gen.dice.group(0.04)
    return {"group_id": group, **member_fields(gen, group)}


def leave_group(gen, version):
    dice, group = gen.dice, gen.dice.one(GROUPS)
    fields = member_fields(gen, group)
    one = {"member_id": fields["member_id"], "group_instance_id": fields["group_instance_id"], "reason": None}
    return {"group_id": group, "member_id": one["member_id"], "members": [one] * dice.one([1, 1, 1, 1, 2, 0])}


def offset_topics(gen, make):
    dice = gen.dice
    return [{**dice.named(name), "partitions": [make(p) for p in dict.fromkeys(dice.some(dice.partition))]}
            for name in dict.fromkeys(dice.some(dice.topic))]


def committed(gen):
    dice = gen.dice
    return lambda p: {"partition_index": p, "committed_offset": dice.one([0, 1, 5, 42, -1]), "committed_leader_epoch": dice.leader_epoch(),
                      "committed_metadata": dice.one([None, "", "meta", "m" * 5000] if dice.chance(0.3) else ["m"])}


def offset_commit(gen, version):
    dice = gen.dice
    group = dice.one(GROUPS + CONSUMER_GROUPS + SOLO_GROUPS[gen.lane:gen.lane + 1]) if dice.chance(0.9) else dice.group(1)
    fields = member_fields(gen, group, generation_field="generation_id_or_member_epoch")
    consumer = gen.state.consumers.get((group, gen.lane))
    if consumer is not None and dice.chance(0.8):
        fields.update(member_id=consumer["id"], generation_id_or_member_epoch=consumer["epoch"])
    elif dice.chance(0.4):
        fields.update(member_id="", generation_id_or_member_epoch=-1, group_instance_id=None)
    return {"group_id": group, **fields, "retention_time_ms": -1, "topics": offset_topics(gen, committed(gen))}


def offset_fetch(gen, version):
    dice = gen.dice

    def topics():
        if version >= 2 and dice.chance(0.35):
            return None
        return [{**dice.named(dice.topic()), "partition_indexes": list(dict.fromkeys(dice.some(dice.partition)))}]
    groups = [{"group_id": g, "member_id": None, "member_epoch": -1, "topics": topics()}
              for g in dict.fromkeys(dice.some(lambda: dice.one(GROUPS + CONSUMER_GROUPS + ["~none"])))]
    for one in groups:
        consumer = gen.state.consumers.get((one["group_id"], gen.lane))
        if consumer is not None and dice.chance(0.5):
            one.update(member_id=consumer["id"], member_epoch=consumer["epoch"])
    return {"group_id": groups[0]["group_id"], "topics": topics(), "groups": groups, "require_stable": dice.chance(0.4)}


def find_coordinator(gen, version):
    dice = gen.dice
    kind = dice.one([0, 0, 1, 1, 2, 5, -1])
    keys = dice.some(lambda: dice.one(GROUPS + ["", "~x0"]))
    return {"key": keys[0], "key_type": kind, "coordinator_keys": keys}


def describe_groups(gen, version):
    dice = gen.dice
    groups = dice.some(lambda: dice.one(GROUPS + CONSUMER_GROUPS + ["~none", ""]))
    return {"groups": groups, "include_authorized_operations": dice.chance(0.3)}


def list_groups(gen, version):
    dice = gen.dice
    states = dice.one([[], [], ["Stable"], ["Empty", "Dead"], ["stable"], ["Nonsense"], ["PreparingRebalance"]])
    return {"states_filter": states, "types_filter": dice.one([[], [], ["classic"], ["consumer"], ["Nonsense"]])}


def delete_groups(gen, version):
    dice = gen.dice
    return {"groups_names": dice.some(lambda: dice.one(GROUPS + CONSUMER_GROUPS + ["~none", ""]))}


def offset_delete(gen, version):
    dice = gen.dice
    return {"group_id": dice.one(GROUPS + CONSUMER_GROUPS + ["~none"]), "topics": [
        {"name": dice.topic(), "partitions": [{"partition_index": p} for p in dict.fromkeys(dice.some(dice.partition))]}]}


def consumer_heartbeat(gen, version):
    dice, group = gen.dice, gen.dice.one(CONSUMER_GROUPS if gen.dice.chance(0.93) else GROUPS + [""])
    if version == 0 and group in CONSUMER_GROUPS:
        group = SOLO_GROUPS[gen.lane]
    consumer = gen.state.consumers.get((group, gen.lane))
    body = {"group_id": group, "member_id": "" if version == 0 else f"~m{gen.lane}", "member_epoch": 0, "instance_id": None, "rack_id": None,
            "rebalance_timeout_ms": 60000, "subscribed_topic_names": dice.one([["~t0"], ["~t0", "~t1"], ["~missing"], []]),
            "server_assignor": dice.one([None, None, None, "uniform", "range", "x"]), "topic_partitions": []}
    if consumer is not None and dice.chance(0.9):
        body.update(member_id=consumer["id"], member_epoch=consumer["epoch"], topic_partitions=consumer["owned"])
        if dice.chance(0.6):
            body.update(subscribed_topic_names=None, server_assignor=None, rebalance_timeout_ms=-1)
        if dice.chance(0.12):
            body.update(member_epoch=-1)
    if version >= 1 and dice.chance(0.1):
        # A pattern that is none, or that asks for nothing: when Kafka has resolved another one depends on the moment.
        body["subscribed_topic_regex"] = dice.one([None, "", "("])
    if dice.chance(0.05):
        body["member_epoch"] = dice.one([-2, -1, 0, 1, 7, -3])
    if dice.chance(0.05):
        body["instance_id"] = dice.one(["~i0", "~i1", ""])
    if dice.chance(0.05):
        body["topic_partitions"] = dice.one([None, [{"topic_id": dice.one([NO_UUID, dice.topic_id()]), "partitions": [0]}]])
    return body


def consumer_describe(gen, version):
    dice = gen.dice
    groups = dice.some(lambda: dice.one(CONSUMER_GROUPS + SOLO_GROUPS + GROUPS + ["~none", ""]))
    return {"group_ids": groups, "include_authorized_operations": dice.chance(0.3)}


STRATEGIES = {8: offset_commit, 9: offset_fetch, 10: find_coordinator, 11: join_group, 12: heartbeat, 13: leave_group, 14: sync_group,
              15: describe_groups, 16: list_groups, 42: delete_groups, 47: offset_delete, 68: consumer_heartbeat,
              69: consumer_describe}
WAITING = {11, 14}
