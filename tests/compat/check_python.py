"""kafka-python and confluent-kafka (librdkafka)."""

import importlib.util
import time

from broker import LeftOut

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
COUNT = 3000


def need(module, package):
    if importlib.util.find_spec(module) is None:
        raise LeftOut(f"{package} is not installed for this Python")


def kafka_python(broker, _):
    need("kafka", "kafka-python")
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.create_topics([NewTopic("events", 3, 1)])
    sent = set()
    for codec in CODECS:
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", enable_idempotence=True,
                                 compression_type=None if codec == "none" else codec)
        for i in range(COUNT):
            value = f"{codec} {i}".encode()
            producer.send("events", value, key=str(i).encode())
            sent.add(value)
        producer.flush()
        producer.close()
    consumer = KafkaConsumer("events", bootstrap_servers=broker.address, group_id="readers",
                             auto_offset_reset="earliest", consumer_timeout_ms=3000)
    got = [message.value for message in consumer]
    consumer.commit()
    consumer.close()
    again = KafkaConsumer("events", bootstrap_servers=broker.address, group_id="readers",
                          auto_offset_reset="earliest", consumer_timeout_ms=1000)
    assert not list(again), "the group does not go on where it was"
    again.close()
    admin.delete_topics(["events"])
    admin.close()
    assert len(got) == len(sent) and set(got) == sent, (len(got), len(sent))
    return f"{len(got)} records, {len(CODECS)} codecs"


def drain(consumer, partitions):
    values, ended, began = [], set(), time.monotonic()
    while len(ended) < partitions and time.monotonic() - began < 30:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            values.append(message.value())
    return values


def confluent(broker, _):
    need("confluent_kafka", "confluent-kafka")
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.create_topics([NewTopic("events", 3, 1)]).values():
        future.result()
    sent, errors = set(), []
    for codec in CODECS:
        producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True,
                             "compression.type": codec})
        for i in range(COUNT):
            value = f"{codec} {i}".encode()
            producer.produce("events", value, key=str(i), on_delivery=lambda e, m: e and errors.append(e))
            producer.poll(0)
            sent.add(value)
        assert producer.flush(30) == 0
    assert not errors, errors[:3]
    settings = {"bootstrap.servers": broker.address, "group.id": "readers", "auto.offset.reset": "earliest",
                "enable.partition.eof": True, "group.instance.id": "one"}
    consumer = Consumer(settings)
    consumer.subscribe(["events"])
    got = drain(consumer, 3)
    consumer.commit(asynchronous=False)
    consumer.close()
    consumer = Consumer(settings)  # the static member comes back
    consumer.subscribe(["events"])
    assert not drain(consumer, 3), "the group does not go on where it was"
    consumer.close()
    assert len(got) == len(sent) and set(got) == sent, (len(got), len(sent))
    return f"{len(got)} records, {len(CODECS)} codecs"


def checks():
    return [("kafka-python", kafka_python), ("confluent-kafka", confluent)]
