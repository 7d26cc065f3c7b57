"""confluent-kafka, which is librdkafka."""

import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec,
                                   ResourceType)
from program import COUNT, PARTITIONS, main, value, wait_until

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def done(futures):
    """The results of an admin call."""
    return {key: future.result(60) for key, future in futures.items()}


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    done(admin.create_topics([NewTopic(topic, partitions, 1)]))
    return admin


def produce(bootstrap, topic, values, **settings):
    errors = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **settings})
    for i, text in enumerate(values):
        producer.produce(topic, text, key=str(i), headers={"n": str(i)}, on_delivery=lambda e, m: e and errors.append(e))
        producer.poll(0)
    assert producer.flush(60) == 0 and not errors, errors[:3]


def consumer(bootstrap, group, **settings):
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "enable.partition.eof": True, **settings})


def drain(reader, partitions):
    """The messages up to the end of that many partitions."""
    messages, ended, deadline = [], set(), time.monotonic() + 60
    while len(ended) < partitions:
        assert time.monotonic() < deadline, f"{len(messages)} messages, {len(ended)} partitions read to their end"
        message = reader.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            messages.append(message)
    return messages


def read_all(bootstrap, topic, partitions, **settings):
    reader = consumer(bootstrap, "nobody", **settings)
    reader.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    messages = drain(reader, partitions)
    reader.close()
    return messages


def codecs(bootstrap):
    for codec in CODECS:
        create(bootstrap, codec, 1)
        sent = [value(codec, i) for i in range(COUNT)]
        produce(bootstrap, codec, sent, **{"compression.type": codec})
        got = read_all(bootstrap, codec, 1)
        assert [m.value() for m in got] == sent, codec
        assert all(m.key() == str(i).encode() and m.headers() == [("n", str(i).encode())] for i, m in enumerate(got)), codec
    return f"{len(CODECS)} codecs, {COUNT} records each"


def share(bootstrap, **settings):
    create(bootstrap, "events", PARTITIONS)
    sent = {value("a", i) for i in range(COUNT)}
    produce(bootstrap, "events", sorted(sent))
    got = set()

    def turn(*members):
        for member in members:
            message = member.poll(0.1)
            if message is not None and not message.error():
                got.add(message.value())

    def owns(sizes, *members):
        turn(*members)
        return [len(member.assignment()) for member in members] == sizes

    first, second = consumer(bootstrap, "readers", **settings), consumer(bootstrap, "readers", **settings)
    first.subscribe(["events"])
    wait_until(lambda: owns([4], first), "the first member has all partitions")
    second.subscribe(["events"])
    wait_until(lambda: owns([2, 2], first, second), "two partitions for each member")
    second.close()
    wait_until(lambda: owns([4], first), "the first member has all partitions again")
    wait_until(lambda: turn(first) or got == sent, "everything read")
    ends = [TopicPartition("events", p, first.get_watermark_offsets(TopicPartition("events", p))[1]) for p in range(PARTITIONS)]
    first.commit(offsets=ends, asynchronous=False)
    first.close()
    again = consumer(bootstrap, "readers", **settings)
    again.subscribe(["events"])
    assert not drain(again, PARTITIONS), "the group does not go on where it was"
    again.close()
    return f"two members, {COUNT} records, a restart"


def group(bootstrap):
    return share(bootstrap)


def group848(bootstrap):
    return share(bootstrap, **{"group.protocol": "consumer"})


def transactions(bootstrap):
    create(bootstrap, "source", 1)
    create(bootstrap, "events", 1)
    produce(bootstrap, "source", [value("s", i) for i in range(10)])
    settings = {"bootstrap.servers": bootstrap, "transactional.id": "writer"}
    producer = Producer(settings)
    producer.init_transactions(60)
    kept = []
    for number in range(6):
        producer.begin_transaction()
        for i in range(100):
            producer.produce("events", value(number, i))
        producer.flush(60)
        if number % 2:
            producer.abort_transaction(60)
        else:
            kept += [value(number, i) for i in range(100)]
            producer.commit_transaction(60)
    reader = consumer(bootstrap, "movers")
    reader.subscribe(["source"])
    moved = drain(reader, 1)
    producer.begin_transaction()
    for message in moved:
        producer.produce("events", message.value())
    producer.send_offsets_to_transaction([TopicPartition("source", 0, 10)], reader.consumer_group_metadata(), 60)
    producer.commit_transaction(60)
    assert reader.committed([TopicPartition("source", 0)], 30)[0].offset == 10
    reader.close()
    kept += [m.value() for m in moved]
    younger = Producer(settings)
    younger.init_transactions(60)
    try:
        producer.begin_transaction()
        producer.produce("events", b"zombie")
        producer.commit_transaction(60)
        raise AssertionError("the older producer was not fenced")
    except KafkaException as fenced:
        assert fenced.args[0].fatal(), fenced
    got = [m.value() for m in read_all(bootstrap, "events", 1, **{"isolation.level": "read_committed"})]
    assert got == kept, (len(got), len(kept))
    everything = read_all(bootstrap, "events", 1, **{"isolation.level": "read_uncommitted"})
    assert len(everything) == 610, len(everything)
    return f"{len(got)} records committed, 300 aborted, offsets moved, the older producer fenced"


def admin_calls(bootstrap):
    admin = create(bootstrap, "events", 2)
    done(admin.create_partitions([NewPartitions("events", 4)]))
    resource = ConfigResource(ResourceType.TOPIC, "events", incremental_configs=[
        ConfigEntry("retention.ms", "12345", incremental_operation=AlterConfigOpType.SET)])
    done(admin.incremental_alter_configs([resource]))

    def retention():
        described = done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, "events")]))
        return next(iter(described.values()))["retention.ms"].value

    wait_until(lambda: retention() == "12345", "the retention is what was set")
    produce(bootstrap, "events", [value("a", i) for i in range(100)])
    places = [TopicPartition("events", p) for p in range(4)]
    ends = done(admin.list_offsets({place: OffsetSpec.latest() for place in places}))
    assert sum(info.offset for info in ends.values()) == 100
    fullest = max(ends, key=lambda place: ends[place].offset)
    done(admin.delete_records([TopicPartition("events", fullest.partition, 5)]))
    starts = done(admin.list_offsets({fullest: OffsetSpec.earliest()}))
    assert next(iter(starts.values())).offset == 5
    reader = consumer(bootstrap, "readers")
    reader.subscribe(["events"])
    drain(reader, 4)
    reader.commit(asynchronous=False)
    listed = admin.list_consumer_groups().result(30)
    assert [g.group_id for g in listed.valid] == ["readers"], listed
    assert len(done(admin.describe_consumer_groups(["readers"]))["readers"].members) == 1
    reader.close()
    done(admin.delete_consumer_groups(["readers"]))
    assert len(admin.describe_cluster().result(30).nodes) == 1
    done(admin.delete_topics(["events"]))
    wait_until(lambda: "events" not in admin.list_topics(timeout=30).topics, "the topic is gone")
    return "topics, partitions, configs, offsets, records, groups"


if __name__ == "__main__":
    main({"codecs": codecs, "group": group, "group848": group848, "transactions": transactions, "admin": admin_calls})
