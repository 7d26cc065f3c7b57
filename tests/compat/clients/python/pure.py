"""kafka-python."""

import time

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import KafkaError
from program import COUNT, PARTITIONS, main, value, wait_until

CODECS = (None, "gzip", "snappy", "lz4", "zstd")


def create(bootstrap, topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    return admin


def produce(bootstrap, topic, values, **settings):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, **settings)
    sent = [producer.send(topic, text, key=str(i).encode(), headers=[("n", str(i).encode())])
            for i, text in enumerate(values)]
    producer.flush(60)
    for future in sent:
        future.get(1)
    producer.close()


def read(bootstrap, topic, partitions, count, **settings):
    """The first `count` records of the partitions."""
    reader = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", **settings)
    reader.assign([TopicPartition(topic, p) for p in range(partitions)])
    got, deadline = [], time.monotonic() + 60
    while len(got) < count:
        assert time.monotonic() < deadline, f"{len(got)} records of {count}"
        for records in reader.poll(500).values():
            got += records
    got += [r for records in reader.poll(300).values() for r in records]
    reader.close()
    return got


def codecs(bootstrap):
    for codec in CODECS:
        topic = codec or "none"
        create(bootstrap, topic, 1)
        sent = [value(topic, i) for i in range(COUNT)]
        produce(bootstrap, topic, sent, compression_type=codec)
        got = read(bootstrap, topic, 1, COUNT)
        assert [r.value for r in got] == sent, topic
        assert all(r.key == str(i).encode() and list(r.headers) == [("n", str(i).encode())] for i, r in enumerate(got)), topic
    return f"{len(CODECS)} codecs, {COUNT} records each"


def member(bootstrap):
    return KafkaConsumer("events", bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest",
                         enable_auto_commit=False, heartbeat_interval_ms=300, session_timeout_ms=10_000)


def group(bootstrap):
    create(bootstrap, "events", PARTITIONS)
    sent = {value("a", i) for i in range(COUNT)}
    produce(bootstrap, "events", sorted(sent))
    got = set()

    def turn(*members):
        for one in members:
            got.update(r.value for records in one.poll(100).values() for r in records)

    def owns(sizes, *members):
        turn(*members)
        return [len(one.assignment()) for one in members] == sizes

    # One thread drives both, and a poll of this client returns in the middle of a join.
    first, second = member(bootstrap), member(bootstrap)
    wait_until(lambda: owns([4], first), "the first member has all partitions")
    wait_until(lambda: owns([2, 2], first, second), "two partitions for each member")
    second.close()
    wait_until(lambda: owns([4], first), "the first member has all partitions again")
    wait_until(lambda: turn(first) or got == sent, "everything read")
    ends = first.end_offsets(list(first.assignment()))
    first.commit({place: OffsetAndMetadata(end, "", -1) for place, end in ends.items()})
    first.close()
    again = member(bootstrap)
    wait_until(lambda: again.poll(100) or len(again.assignment()) == 4, "the member that came back has all partitions")
    assert not again.poll(1000), "the group does not go on where it was"
    again.close()
    return f"two members, {COUNT} records, a restart"


def transactions(bootstrap):
    create(bootstrap, "source", 1)
    create(bootstrap, "events", 1)
    produce(bootstrap, "source", [value("s", i) for i in range(10)])
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    producer.init_transactions()
    kept = []
    for number in range(6):
        producer.begin_transaction()
        for i in range(100):
            producer.send("events", value(number, i))
        producer.flush(60)
        if number % 2:
            producer.abort_transaction()
        else:
            kept += [value(number, i) for i in range(100)]
            producer.commit_transaction()
    reader = KafkaConsumer("source", bootstrap_servers=bootstrap, group_id="movers", auto_offset_reset="earliest",
                           enable_auto_commit=False)
    moved = []
    wait_until(lambda: moved.extend(r.value for rs in reader.poll(500).values() for r in rs) or len(moved) == 10, "ten records")
    producer.begin_transaction()
    for text in moved:
        producer.send("events", text)
    place = TopicPartition("source", 0)
    producer.send_offsets_to_transaction({place: OffsetAndMetadata(10, "", -1)}, reader.group_metadata())
    producer.commit_transaction()
    wait_until(lambda: reader.committed(place) == 10, "the offset committed within")  # it may be on its way still
    reader.close()
    kept += moved
    younger = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    younger.init_transactions()
    fenced = None
    try:
        producer.begin_transaction()
        producer.send("events", b"zombie")
        producer.commit_transaction()
    except KafkaError as error:
        fenced = error
    assert fenced is not None, "the older producer was not fenced"
    got = [r.value for r in read(bootstrap, "events", 1, len(kept), isolation_level="read_committed")]
    assert got == kept, (len(got), len(kept))
    everything = read(bootstrap, "events", 1, 610, isolation_level="read_uncommitted")
    assert len(everything) == 610, len(everything)
    return f"{len(got)} records committed, 300 aborted, offsets moved, the older producer fenced"


def admin_calls(bootstrap):
    admin = create(bootstrap, "events", 2)
    admin.create_partitions({"events": NewPartitions(4)})
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "events", configs={"retention.ms": "12345"})])
    events = [ConfigResource(ConfigResourceType.TOPIC, "events")]
    wait_until(lambda: "12345" in str(admin.describe_configs(events)), "the retention is what was set")
    produce(bootstrap, "events", [value("a", i) for i in range(100)])
    reader = KafkaConsumer("events", bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest")
    ends = reader.end_offsets([TopicPartition("events", p) for p in range(4)])
    assert sum(ends.values()) == 100, ends
    fullest = max(ends, key=ends.get)
    admin.delete_records({fullest: 5})
    assert reader.beginning_offsets([fullest])[fullest] == 5
    count = 0

    def turn():
        nonlocal count
        count += sum(len(records) for records in reader.poll(300).values())
        return count == 95

    wait_until(turn, "95 records")
    reader.commit()
    assert "readers" in str(admin.list_groups())
    assert "readers" in str(admin.describe_groups(["readers"]))
    assert "events" in str(admin.list_group_offsets({"readers": None}))
    reader.close()
    admin.delete_groups(["readers"])
    assert "readers" not in str(admin.list_groups())
    assert admin.describe_cluster()
    admin.delete_topics(["events"])
    wait_until(lambda: "events" not in admin.list_topics(), "the topic is gone")
    return "topics, partitions, configs, offsets, records, groups"


if __name__ == "__main__":
    main({"codecs": codecs, "group": group, "transactions": transactions, "admin": admin_calls})
