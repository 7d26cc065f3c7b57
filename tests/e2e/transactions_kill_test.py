"""kill -9 of the broker with transactions and groups in flight, of both group protocols.

What is acknowledged is at the offset that was told, and no offset is told twice; copiers in transactions write every record
once under read_committed; groups go on where they committed, and miss nothing.
"""
import json
import os
import random
import threading
import traceback

import confluent_kafka
import harness

KILLS = int(os.environ.get("SLUICE_KILLS", "200" if os.environ.get("SLUICE_LONG") else "4"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))
PARTITIONS = 3
PROTOCOLS = ("classic", "consumer")


def settings(address: str) -> dict:
    # Without recovery by bootstrap: librdkafka 2.16 may otherwise wait for ever for a coordinator that it has given up.
    return {"bootstrap.servers": address, "metadata.recovery.strategy": "none", "log_level": 0,
            "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200}


def consumer_of(address: str, group: str, protocol: str) -> confluent_kafka.Consumer:
    own = {"session.timeout.ms": 6000} if protocol == "classic" else {}
    return confluent_kafka.Consumer({**settings(address), **own, "group.id": group, "group.protocol": protocol,
                                     "enable.auto.commit": False, "auto.offset.reset": "earliest",
                                     "isolation.level": "read_committed"})


class Worker:
    """A thread that starts over after any error of Kafka's; what it asserts is told when it is finished."""

    def __init__(self, address: str, protocol: str, seed: int):
        self.address, self.protocol = address, protocol
        self.random, self.stopped, self.wrong = random.Random(seed), threading.Event(), []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def finish(self) -> None:
        self.stopped.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), f"{type(self).__name__} of {self.protocol} does not come to an end"
        assert not self.wrong, self.wrong

    def _run(self) -> None:
        while not self.stopped.is_set() and not self.wrong:
            try:
                self.live()
            except confluent_kafka.KafkaException:
                pass  # the broker died
            except Exception:  # told by finish: a thread has nobody else to tell
                self.wrong.append(traceback.format_exc())

    def live(self) -> None:
        raise NotImplementedError


class Copier(Worker):
    """Copies `in` to `out-PROTOCOL`, each poll in a transaction with its positions; now and then it aborts one."""

    def __init__(self, *arguments):
        self.committed = 0
        super().__init__(*arguments)

    def live(self) -> None:
        consumer = consumer_of(self.address, f"copiers-{self.protocol}", self.protocol)
        producer = confluent_kafka.Producer({
            **settings(self.address), "transactional.id": f"copier-{self.protocol}", "transaction.timeout.ms": 10000,
            "message.timeout.ms": 10000})
        try:
            producer.init_transactions(20)  # fences the one before and ends what it began
            consumer.subscribe(["in"])
            while not self.stopped.is_set():
                self._copy(consumer, producer)
        finally:
            consumer.close()

    def _copy(self, consumer, producer) -> None:
        messages = [m for m in consumer.consume(50, 0.5) if m.error() is None]
        if not messages:
            return
        producer.begin_transaction()
        for message in messages:
            producer.produce(f"out-{self.protocol}", message.value(), partition=message.partition())
        positions = [p for p in consumer.position(consumer.assignment()) if p.offset >= 0]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 10)
        if self.random.random() < 0.2:
            producer.abort_transaction(10)
            raise confluent_kafka.KafkaException("its consumer has to go back")
        producer.commit_transaction(10)
        self.committed += 1


class Readers:
    """What the members of one group have in common: what they read and what they committed."""

    def __init__(self, protocol: str):
        self.group, self.topic = f"readers-{protocol}", f"out-{protocol}"
        self.lock, self.read, self.acked, self.resumed = threading.Lock(), {}, {}, 0

    def note(self, message) -> None:
        at = (message.partition(), message.offset())
        with self.lock:
            before = self.read.setdefault(at, message.value())
        assert before == message.value(), f"{self.topic} {at} was {before}, and is {message.value()}"

    def note_commit(self, positions) -> None:
        with self.lock:
            for p in positions:
                self.acked[p.partition] = max(self.acked.get(p.partition, 0), p.offset)


class Reader(Worker):
    """A member of a group of two; it joins anew after every few polls."""

    def __init__(self, readers: Readers, *arguments):
        self.readers = readers
        super().__init__(*arguments)

    def live(self) -> None:
        consumer = consumer_of(self.address, self.readers.group, self.protocol)
        try:
            consumer.subscribe([self.readers.topic], on_assign=self._check_positions)
            for _ in range(self.random.randint(5, 40)):
                if self.stopped.is_set():
                    return
                self._read(consumer)
        finally:
            consumer.close()

    def _read(self, consumer) -> None:
        messages = [m for m in consumer.consume(100, 0.3) if m.error() is None]
        for message in messages:
            self.readers.note(message)
        if messages:
            positions = [p for p in consumer.position(consumer.assignment()) if p.offset >= 0]
            self.readers.note_commit(p for p in consumer.commit(offsets=positions, asynchronous=False) if p.error is None)

    def _check_positions(self, consumer, partitions) -> None:
        with self.readers.lock:
            acked = dict(self.readers.acked)
        try:
            found = consumer.committed(partitions, 5)
        except confluent_kafka.KafkaException:
            return  # the broker died; the next assignment is looked at again
        for p in found:
            if p.error is None and max(p.offset, 0) < acked.get(p.partition, 0):
                self.wrong.append(f"{self.readers.group} committed {acked[p.partition]} of partition {p.partition}; now it is {p.offset}")
        with self.readers.lock:
            self.readers.resumed += sum(acked.get(p.partition, 0) > 0 for p in found)


class Source:
    """Numbers into `in`, idempotently; where each of them was told to lie."""

    def __init__(self, address: str):
        self.producer = confluent_kafka.Producer({**settings(address), "enable.idempotence": True})
        self.sent, self.told, self.wrong = 0, {}, []

    def _delivered(self, error, message) -> None:
        at = (message.partition(), message.offset())
        if error is not None or at in self.told:
            self.wrong.append(f"{message.value()}: {error or f'offset {at} was also told for {self.told[at]}'}")
        self.told[at] = message.value()

    def send(self, count: int) -> None:
        for _ in range(count):
            self.producer.produce("in", str(self.sent).encode(), partition=self.sent % PARTITIONS, on_delivery=self._delivered)
            self.sent += 1
        self.producer.poll(0)

    def flush(self) -> None:
        left = self.producer.flush(60)
        assert left == 0 and not self.wrong, (left, self.wrong)


class TransactionsKilled(harness.Case):
    def values(self, topic: str, isolation: str) -> dict:
        """Everything that a topic holds: (partition, offset) to value."""
        consumer = confluent_kafka.Consumer({**settings(self.broker_.address), "group.id": "auditor", "isolation.level": isolation,
                                             "enable.partition.eof": True})
        found = {}
        for partition in range(PARTITIONS):
            consumer.assign([confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)])
            while True:
                message = consumer.poll(20)
                self.assertIsNotNone(message, f"{topic}-{partition} does not come to its end")
                if message.error():
                    self.assertEqual(message.error().code(), confluent_kafka.KafkaError._PARTITION_EOF)
                    break
                found[(partition, message.offset())] = message.value()
        consumer.close()
        return found

    def lag(self, protocol: str) -> int:
        """Records of `in` that the copiers have not committed; -1: it could not be asked."""
        consumer = confluent_kafka.Consumer({**settings(self.broker_.address), "group.id": f"copiers-{protocol}"})
        try:
            partitions = [confluent_kafka.TopicPartition("in", p) for p in range(PARTITIONS)]
            return sum(consumer.get_watermark_offsets(c, 10)[1] - max(c.offset, 0) for c in consumer.committed(partitions, 10))
        except confluent_kafka.KafkaException:
            return -1
        finally:
            consumer.close()

    def begin(self) -> None:
        topics = ["in", *(f"out-{protocol}" for protocol in PROTOCOLS)]
        self.broker_ = self.broker(*(word for topic in topics for word in ("--create", f"{topic}:{PARTITIONS}")),
                                   "-X", "group.initial.rebalance.delay.ms=0", "-X", "group.min.session.timeout.ms=1000",
                                   "-X", "group.consumer.heartbeat.interval.ms=500", "-X", "group.consumer.min.heartbeat.interval.ms=500")
        address = self.broker_.address
        self.source = Source(address)
        self.copiers = [Copier(address, protocol, SEED) for protocol in PROTOCOLS]
        self.groups = [Readers(protocol) for protocol in PROTOCOLS]
        self.readers = [Reader(group, address, protocol, SEED + i)
                        for group, protocol in zip(self.groups, PROTOCOLS) for i in range(2)]

    def kill(self, moments: random.Random) -> None:
        """Some transactions more, then a kill: with records of the source in flight, or while the groups are at work."""
        copied = sum(c.committed for c in self.copiers)
        goal = copied + moments.randint(1, 5)
        self.source.send(300)
        in_flight = moments.random() < 0.5
        if not in_flight:
            self.source.flush()
        harness.wait_until(lambda: sum(c.committed for c in self.copiers) >= goal or all(self.lag(p) == 0 for p in PROTOCOLS),
                           f"{goal} transactions", 120)
        if in_flight:
            self.source.send(300)
        self.broker_.restart()
        self.source.flush()

    def check(self) -> None:
        self.assertEqual(sorted(self.source.told.values()), sorted(self.values("in", "read_committed").values()))
        for at, value in self.values("in", "read_committed").items():
            self.assertEqual(self.source.told[at], value, f"in {at}")
        expected = sorted(str(i).encode() for i in range(self.source.sent))
        for group in self.groups:
            found = self.values(group.topic, "read_committed")
            self.assertEqual(sorted(found.values()), expected, group.topic)
            self.assertEqual(group.read, found, f"{group.group}: every record, and what it was when it was read first")
            self.assertGreater(group.resumed, 0, f"{group.group} was never given a partition that it had committed in")

    def test_copiers_and_groups_whose_broker_dies_again_and_again_lose_and_double_nothing(self):
        moments = random.Random(SEED)
        self.begin()
        for _ in range(KILLS):
            self.kill(moments)
        for protocol in PROTOCOLS:
            harness.wait_until(lambda p=protocol: self.lag(p) == 0, f"every record to be copied, {protocol}", 180)
        for group in self.groups:
            count = len(self.values(group.topic, "read_committed"))
            harness.wait_until(lambda g=group, n=count: len(g.read) >= n or any(r.wrong for r in self.readers),
                               f"{group.group} to read {count} records", 180)
        for worker in self.copiers + self.readers:
            worker.finish()
        self.check()
        if tally := os.environ.get("SLUICE_TALLY"):
            with open(tally, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kills": KILLS, "records": self.source.sent, "commits": sum(c.committed for c in self.copiers)}) + "\n")
