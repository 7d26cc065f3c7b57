"""Ingest from a real Apache Kafka: transactions that were aborted are explained gaps, and never rows."""
import pathlib
import subprocess

import confluent_kafka
import confluent_kafka.admin
import harness
import judge

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/apache-kafka"
PORT = 29092


class ApacheKafka(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(harness.tempfile.mkdtemp(prefix="sluice-kafka-"))
        done = subprocess.run([TOOL, "start", cls.root / "kafka", "--port", str(PORT)], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=600)
        cls.address = done.stdout.strip()

    @classmethod
    def tearDownClass(cls):
        subprocess.run([TOOL, "stop", cls.root / "kafka"], check=True, timeout=120)
        harness.shutil.rmtree(cls.root, ignore_errors=True)

    def create(self, topic: str, partitions: int, **config) -> None:
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        new = confluent_kafka.admin.NewTopic(topic, partitions, 1, config=config)
        admin.create_topics([new])[topic].result(60)

    def transactions(self, topic: str, rounds: int, each: int) -> int:
        """Commits the even rounds and aborts the odd ones; returns how many records count, with ids from 0 without a gap."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.address, "transactional.id": f"{topic}-writer",
                                             "linger.ms": 20, "compression.type": "lz4"})
        producer.init_transactions(60)
        kept = 0
        for number in range(rounds):
            producer.begin_transaction()
            for at in range(each):
                identity = kept + at if number % 2 == 0 else 1_000_000 + at
                producer.produce(topic, harness.Feed.line(identity))
            producer.flush(60)
            if number % 2 == 0:
                producer.commit_transaction(60)
                kept += each
            else:
                producer.abort_transaction(60)
        return kept

    def assert_table(self, topic: str, count: int) -> None:
        judge.assert_exactly_once(self, self.lake / topic, count, sum(n * 7 % 1000 for n in range(count)))
        report = self.audit(self.address, topic, seconds=120)
        self.assertEqual((report["records"], report["missing"], report["duplicate"], report["altered"]), (count, 0, 0, 0))

    def test_aborted_transactions_become_gaps_and_committed_ones_rows(self):
        self.create("transactions", 3)
        count = self.transactions("transactions", rounds=30, each=200)
        self.ingest(self.address, "transactions", "--roll-records", 500, seconds=120)
        self.assert_table("transactions", count)

    def test_a_topic_that_ends_with_an_aborted_transaction_is_read_to_its_end(self):
        self.create("tail", 1)
        count = self.transactions("tail", rounds=2, each=100)
        self.ingest(self.address, "tail", seconds=60)
        self.assert_table("tail", count)

    def test_records_of_a_transaction_that_is_open_wait(self):
        self.create("open", 1)
        count = self.transactions("open", rounds=1, each=100)
        producer = confluent_kafka.Producer({"bootstrap.servers": self.address, "transactional.id": "late"})
        producer.init_transactions(60)
        producer.begin_transaction()
        for number in range(100, 150):
            producer.produce("open", harness.Feed.line(number))
        producer.flush(60)
        self.ingest(self.address, "open", seconds=60)
        self.assert_table("open", count)
        producer.commit_transaction(60)
        self.ingest(self.address, "open", seconds=60)
        self.assert_table("open", count + 50)

    def test_workers_that_die_under_load_write_every_record_once(self):
        self.create("killed", 4)
        feed = self.feed(self.address, "killed")
        arguments = self.ingest_arguments(self.address, "killed", "--roll-records", 1500)
        for number in range(10):
            worker = self.start("worker", *arguments)
            goal = self.commits("killed") + 1 + number % 4
            harness.wait_until(lambda: self.commits("killed") >= goal or not worker.running(), f"{goal} commits")
            self.assertTrue(worker.running(), str(worker))
            worker.kill()
        feed.finish()
        self.ingest(self.address, "killed", seconds=120)
        judge.assert_exactly_once(self, self.lake / "killed", feed.count, feed.sum)
        report = self.audit(self.address, "killed", seconds=120)
        self.assertEqual((report["records"], report["missing"], report["duplicate"], report["altered"]), (feed.count, 0, 0, 0))

    def test_a_compacted_topic_leaves_gaps_that_are_explained(self):
        self.create("compacted", 1, **{"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01",
                                       "max.compaction.lag.ms": "100", "segment.bytes": "1048576"})
        producer = confluent_kafka.Producer({"bootstrap.servers": self.address})
        for number in range(3000):
            producer.produce("compacted", harness.Feed.line(number), key=str(number % 10))
            if number % 100 == 0:
                producer.flush(60)
        producer.flush(60)

        def compacted() -> bool:
            consumer = confluent_kafka.Consumer({"bootstrap.servers": self.address, "group.id": "look",
                                                 "enable.partition.eof": True, "auto.offset.reset": "earliest"})
            consumer.assign([confluent_kafka.TopicPartition("compacted", 0, 0)])
            seen = 0
            while (message := consumer.poll(10)) is not None and message.error() is None:
                seen += 1
            consumer.close()
            producer.produce("compacted", harness.Feed.line(3000), key="roll")  # rolls the segment, so that it can be cleaned
            producer.flush(60)
            return seen < 2000

        harness.wait_until(compacted, "compaction", 120)
        self.ingest(self.address, "compacted", seconds=60)
        report = self.audit(self.address, "compacted", seconds=120)
        self.assertEqual((report["missing"], report["duplicate"], report["altered"]), (0, 0, 0))
