"""kill -9 of the broker with transactions in flight: a copier's output is exact under read_committed, and so are its positions."""
import os
import random
import threading

import confluent_kafka
import harness

KILLS = int(os.environ.get("SLUICE_KILLS", "200" if os.environ.get("SLUICE_LONG") else "4"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))
PARTITIONS = 3


class Copier:
    """Copies `in` to `out`, each poll in a transaction with its positions; now and then it aborts one. Starts over after any error."""

    def __init__(self, address: str):
        # Without recovery by bootstrap: librdkafka 2.16 may otherwise wait for ever for a coordinator that it has given up.
        self.common = {"bootstrap.servers": address, "metadata.recovery.strategy": "none", "log_level": 0}
        self.committed, self.aborted = 0, 0
        self.random, self.stopped = random.Random(SEED), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def finish(self) -> None:
        self.stopped.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), "the copier does not come to an end"

    def _run(self) -> None:
        while not self.stopped.is_set():
            consumer = confluent_kafka.Consumer({
                **self.common, "group.id": "copiers", "enable.auto.commit": False, "session.timeout.ms": 6000,
                "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
            producer = confluent_kafka.Producer({
                **self.common, "transactional.id": "copier", "transaction.timeout.ms": 10000, "message.timeout.ms": 10000})
            try:
                producer.init_transactions(20)
                consumer.subscribe(["in"])
                while not self.stopped.is_set():
                    self._copy(consumer, producer)
            except confluent_kafka.KafkaException:
                pass  # the broker died: a new producer fences this one and ends what it began
            finally:
                consumer.close()

    def _copy(self, consumer, producer) -> None:
        messages = [m for m in consumer.consume(50, 0.5) if m.error() is None]
        if not messages:
            return
        producer.begin_transaction()
        for message in messages:
            producer.produce("out", message.value(), partition=message.partition())
        positions = [p for p in consumer.position(consumer.assignment()) if p.offset >= 0]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 10)
        if self.random.random() < 0.2:
            producer.abort_transaction(10)
            self.aborted += 1
            raise confluent_kafka.KafkaException("its consumer has to go back")
        producer.commit_transaction(10)
        self.committed += 1


class TransactionsKilled(harness.Case):
    def values(self, topic: str, isolation: str) -> list:
        """Everything that a topic holds, partition by partition."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.broker_.address, "group.id": "auditor",
                                             "isolation.level": isolation, "enable.partition.eof": True})
        found = []
        for partition in range(PARTITIONS):
            consumer.assign([confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)])
            while True:
                message = consumer.poll(20)
                self.assertIsNotNone(message, f"{topic}-{partition} does not come to its end")
                if message.error():
                    self.assertEqual(message.error().code(), confluent_kafka.KafkaError._PARTITION_EOF)
                    break
                found.append(message.value())
        consumer.close()
        return found

    def lag(self) -> int:
        """Records of `in` that the group has not committed."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.broker_.address, "group.id": "copiers",
                                             "log_level": 0})
        try:
            partitions = [confluent_kafka.TopicPartition("in", p) for p in range(PARTITIONS)]
            return sum(consumer.get_watermark_offsets(c, 10)[1] - max(c.offset, 0) for c in consumer.committed(partitions, 10))
        except confluent_kafka.KafkaException:
            return -1
        finally:
            consumer.close()

    def test_a_copier_whose_broker_dies_again_and_again_writes_every_record_once(self):
        moments, sent = random.Random(SEED), 0
        self.broker_ = self.broker("--create", f"in:{PARTITIONS}", "--create", f"out:{PARTITIONS}",
                                   "-X", "group.initial.rebalance.delay.ms=0", "-X", "group.min.session.timeout.ms=1000")
        source = confluent_kafka.Producer({"bootstrap.servers": self.broker_.address, "enable.idempotence": True, "log_level": 0})
        copier = Copier(self.broker_.address)
        for _ in range(KILLS):
            for _ in range(300):
                source.produce("in", str(sent).encode(), partition=sent % PARTITIONS)
                sent += 1
            self.assertEqual(source.flush(60), 0)
            goal = copier.committed + moments.randint(1, 3)
            harness.wait_until(lambda: copier.committed >= goal or self.lag() == 0, f"{goal} transactions", 120)
            self.broker_.restart()
        harness.wait_until(lambda: self.lag() == 0, "every record to be copied", 180)
        copier.finish()
        expected = sorted(str(i).encode() for i in range(sent))
        self.assertEqual(sorted(self.values("in", "read_committed")), expected)
        self.assertEqual(sorted(self.values("out", "read_committed")), expected)
        self.assertGreaterEqual(len(self.values("out", "read_uncommitted")), sent)
        self.assertGreater(copier.committed, 0)
