"""Requests of producers: ids, transactions, and what is asked about them."""
from domains import GROUPS, TRANSACTIONS


def producer(gen, name=None):
    """A producer whose id was given in this sequence; None where there is none."""
    known = [p for p in gen.state.producers if name is None or p["transactional"] == name]
    return known[-1] if name is not None and known else gen.dice.one(known) if known else None


def identity(gen, name, transactional="transactional_id"):
    """Name, id and epoch of a transactional producer, mostly right."""
    dice, known = gen.dice, producer(gen, name)
    fields = {transactional: name, "producer_id": known["id"] if known else 4242, "producer_epoch": known["epoch"] if known else 0}
    if dice.chance(0.06):
        fields["producer_epoch"] = dice.one([fields["producer_epoch"] + 1, fields["producer_epoch"] - 1, -1, 0, 32767])
    if dice.chance(0.03):
        fields["producer_id"] = dice.one([4242, -1, *[p["id"] for p in gen.state.producers]])
    if dice.chance(0.03):
        fields[transactional] = dice.transactional_id(0.5)
    return fields


def init_producer_id(gen, version):
    dice = gen.dice
    name = None if dice.chance(0.35) else dice.transactional_id()
    body = {"transactional_id": name, "transaction_timeout_ms": dice.one([60000] * 8 + [0, -1, 2147483647]), "producer_id": -1,
            "producer_epoch": -1}
    if version >= 3 and dice.chance(0.3):
        fields = identity(gen, name)
        body.update(producer_id=fields["producer_id"], producer_epoch=fields["producer_epoch"])
    return body


def add_partitions(gen, version):
    dice = gen.dice
    topics = [{"name": name, "partitions": list(dict.fromkeys(dice.some(dice.partition)))} for name in dict.fromkeys(dice.some(dice.topic))]
    names = list(dict.fromkeys(dice.some(dice.transactional_id)))
    old = identity(gen, names[0], "v3_and_below_transactional_id")
    return {"transactions": [{**identity(gen, n), "verify_only": dice.chance(0.2), "topics": topics} for n in names],
            "v3_and_below_transactional_id": old["v3_and_below_transactional_id"], "v3_and_below_producer_id": old["producer_id"],
            "v3_and_below_producer_epoch": old["producer_epoch"], "v3_and_below_topics": topics}


def add_offsets(gen, version):
    return {**identity(gen, gen.dice.transactional_id()), "group_id": gen.dice.group()}


def end_txn(gen, version):
    return {**identity(gen, gen.dice.transactional_id()), "committed": gen.dice.chance(0.6)}


def txn_offset_commit(gen, version):
    dice, group = gen.dice, gen.dice.one(GROUPS)
    member = gen.state.members.get((group, gen.lane))
    fields = {"generation_id": -1, "member_id": "", "group_instance_id": None}
    if member is not None and dice.chance(0.5):
        fields = {"generation_id": member["generation"], "member_id": member["id"], "group_instance_id": member["instance"]}
    if dice.chance(0.06):
        fields["generation_id"] = dice.one([0, 1, 9])
    if dice.chance(0.04):
        fields["member_id"] = "lit-nobody"
    topics = [{"name": dice.topic(), "partitions": [
        {"partition_index": p, "committed_offset": dice.one([0, 1, 7, -1]), "committed_leader_epoch": dice.one([-1, 0]),
         "committed_metadata": dice.one([None, "m"])} for p in dict.fromkeys(dice.some(dice.partition))]}]
    return {**identity(gen, dice.transactional_id()), "group_id": group, **fields, "topics": topics}


def write_markers(gen, version):
    dice, known = gen.dice, producer(gen)
    return {"markers": [{"producer_id": known["id"] if known else 4242, "producer_epoch": known["epoch"] if known else 0,
                         "transaction_result": dice.chance(0.5), "coordinator_epoch": 0, "transaction_version": dice.one([0, 0, 2]),
                         "topics": [{"name": dice.topic(), "partition_indexes": [dice.partition()]}]}]}


def describe_transactions(gen, version):
    return {"transactional_ids": gen.dice.some(lambda: gen.dice.one(TRANSACTIONS + ["~none", ""]))}


def list_transactions(gen, version):
    dice = gen.dice
    return {"state_filters": dice.one([[], [], ["Ongoing"], ["Empty", "CompleteCommit"], ["ongoing"], ["Nonsense"]]),
            "producer_id_filters": dice.one([[], [], [4242], [p["id"] for p in gen.state.producers]]),
            "duration_filter": dice.one([-1, -1, 0, 3600000]), "transactional_id_pattern": dice.one([None, None, "", ".*x0", "("])}


STRATEGIES = {22: init_producer_id, 24: add_partitions, 25: add_offsets, 26: end_txn, 27: write_markers, 28: txn_offset_commit,
              65: describe_transactions, 66: list_transactions}
