"""aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import ProducerFenced
from program import COUNT, PARTITIONS, main, value

CODECS = (None, "gzip", "snappy", "lz4", "zstd")


async def create(bootstrap, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    return admin


async def produce(bootstrap, topic, values, **settings):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, **settings) as producer:
        sent = [await producer.send(topic, text, key=str(i).encode(), headers=[("n", str(i).encode())])
                for i, text in enumerate(values)]
        await asyncio.gather(*sent)


async def read(bootstrap, topic, count, **settings):
    """The first `count` records of partition 0, and what else is there at once."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **settings) as reader:
        place = TopicPartition(topic, 0)
        reader.assign([place])
        got = [await asyncio.wait_for(reader.getone(), 60) for _ in range(count)]
        return got + (await reader.getmany(timeout_ms=300)).get(place, [])


async def codecs(bootstrap):
    for codec in CODECS:
        topic = codec or "none"
        await (await create(bootstrap, topic, 1)).close()
        sent = [value(topic, i) for i in range(COUNT)]
        await produce(bootstrap, topic, sent, compression_type=codec)
        got = await read(bootstrap, topic, COUNT)
        assert [r.value for r in got] == sent, topic
        assert all(r.key == str(i).encode() and r.headers == (("n", str(i).encode()),) for i, r in enumerate(got)), topic
    return f"{len(CODECS)} codecs, {COUNT} records each"


def member(bootstrap):
    return AIOKafkaConsumer("events", bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest",
                            enable_auto_commit=False, heartbeat_interval_ms=300)


async def until(condition, what, seconds=60):
    async with asyncio.timeout(seconds):
        while not await condition():
            pass
    return what


async def group(bootstrap):
    await (await create(bootstrap, "events", PARTITIONS)).close()
    sent = {value("a", i) for i in range(COUNT)}
    await produce(bootstrap, "events", sorted(sent))
    got = set()

    async def turn(*members):
        for one in members:
            got.update(r.value for records in (await one.getmany(timeout_ms=100)).values() for r in records)

    def owns(sizes, *members):
        async def condition():
            await turn(*members)
            return [len(one.assignment()) for one in members] == sizes
        return condition

    async def everything():
        await turn(first)
        return got == sent

    first, second = member(bootstrap), member(bootstrap)
    await first.start()
    await until(owns([4], first), "the first member has all partitions")
    await second.start()
    await until(owns([2, 2], first, second), "two partitions for each member")
    await second.stop()
    await until(owns([4], first), "the first member has all partitions again")
    await until(everything, "everything read")
    await first.commit(await first.end_offsets(first.assignment()))
    await first.stop()
    async with member(bootstrap) as again:
        await until(owns([4], again), "the member that came back has all partitions")
        assert not await again.getmany(timeout_ms=1000), "the group does not go on where it was"
    return f"two members, {COUNT} records, a restart"


def moved_to(reader, offset):
    async def condition():
        return await reader.committed(TopicPartition("source", 0)) == offset
    return condition


async def write(producer, values):
    for text in values:
        await producer.send_and_wait("events", text)


async def transactions(bootstrap):
    for topic in ("source", "events"):
        await (await create(bootstrap, topic, 1)).close()
    await produce(bootstrap, "source", [value("s", i) for i in range(10)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    await producer.start()
    kept = []
    for number in range(6):
        values = [value(number, i) for i in range(20)]
        await producer.begin_transaction()
        await write(producer, values)
        await (producer.abort_transaction() if number % 2 else producer.commit_transaction())
        kept += [] if number % 2 else values
    moved = [r.value for r in await read(bootstrap, "source", 10)]
    await producer.begin_transaction()
    await write(producer, moved)
    await producer.send_offsets_to_transaction({TopicPartition("source", 0): 10}, "movers")
    await producer.commit_transaction()
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id="movers") as reader:
        await until(moved_to(reader, 10), "the offset committed within")  # it may be on its way still
    kept += moved
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer"):
        try:
            async with producer.transaction():
                await write(producer, [b"zombie"])
            raise AssertionError("the older producer was not fenced")
        except ProducerFenced:
            pass
    await producer.stop()
    got = [r.value for r in await read(bootstrap, "events", len(kept), isolation_level="read_committed")]
    assert got == kept, (len(got), len(kept))
    everything = await read(bootstrap, "events", 130, isolation_level="read_uncommitted")
    assert len(everything) == 130, len(everything)
    return f"{len(got)} records committed, 60 aborted, offsets moved, the older producer fenced"


def gone(admin):
    async def condition():
        return "events" not in await admin.list_topics()
    return condition


def retained(admin):
    async def condition():
        return "12345" in str(await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "events")]))
    return condition


async def admin_calls(bootstrap):
    admin = await create(bootstrap, "events", 2)
    await admin.create_partitions({"events": NewPartitions(4)})
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "events", configs={"retention.ms": "12345"})])
    await until(retained(admin), "the retention is what was set")
    await produce(bootstrap, "events", [value("a", i) for i in range(100)])
    async with member(bootstrap) as reader:
        ends = await reader.end_offsets([TopicPartition("events", p) for p in range(4)])
        assert sum(ends.values()) == 100, ends
        fullest = max(ends, key=ends.get)
        await admin.delete_records({fullest: RecordsToDelete(before_offset=5)})
        assert (await reader.beginning_offsets([fullest]))[fullest] == 5
        for _ in range(95):
            await asyncio.wait_for(reader.getone(), 60)
        await reader.commit()
        assert "readers" in str(await admin.list_consumer_groups())
        assert "readers" in str(await admin.describe_consumer_groups(["readers"]))
        assert len(await admin.list_consumer_group_offsets("readers")) == 4
    assert await admin.describe_cluster()
    await admin.delete_topics(["events"])
    await until(gone(admin), "the topic is gone")
    await admin.close()
    return "topics, partitions, configs, offsets, records, groups"


def ran(check):
    return lambda bootstrap: asyncio.run(check(bootstrap))


if __name__ == "__main__":
    main({"codecs": ran(codecs), "group": ran(group), "transactions": ran(transactions), "admin": ran(admin_calls)})
