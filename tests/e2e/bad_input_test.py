"""Wrong flags, missing things, foreign tables, destroyed records: an exit code and a message that says what did not happen."""
import re
import socket

import harness
import judge

NOBODY = "127.0.0.1:1"  # a port on which nobody listens


class Usage(harness.Case):
    def refused(self, *arguments, code: int, says: str, seconds: float = 30, **options) -> harness.Done:
        done = self.ok(*arguments, code=code, seconds=seconds, **options)
        self.assertRegex(done.err, says, str(done))
        self.assertNotIn("terminate called", done.err)
        return done

    def test_an_unknown_command_names_the_nearest(self):
        self.refused("brokr", code=2, says="broker")

    def test_an_unknown_flag_names_the_nearest(self):
        self.refused("ingest", "run", "--tpic", "x", "--lake", self.lake, code=2, says="--topic")
        self.refused("broker", "--ephemral", code=2, says="--ephemeral")
        self.refused("produce", "x", "--key-feld", "id", code=2, says="--key-field")
        self.refused("audit", "run", "--topic", "x", "--lake", "x", "--jsn", code=2, says="--json")
        self.refused("offsets", "lag", "--jsn", code=2, says="--json")

    def test_values_that_are_no_values_are_refused(self):
        common = ["ingest", "run", "--bootstrap-server", NOBODY, "--topic", "x", "--lake", self.lake]
        for flag, value in (("--roll-records", "many"), ("--roll-records", "0"), ("--codec", "zip"), ("--memory-max", "1"),
                            ("--roll-interval", "soon")):
            with self.subTest(f"{flag} {value}"):
                self.refused(*common, flag, value, code=2, says=f"{flag.lstrip('-')}|{re.escape(value)}")
        self.refused("broker", "--ephemeral", "--listen", "127.0.0.1:99999", code=2, says="99999")
        self.refused("broker", "--ephemeral", "--create", "a:0", code=2, says="a:0")

    def test_an_unknown_property_names_the_nearest(self):
        self.refused("broker", "--ephemeral", "--listen", "127.0.0.1:0", "-X", "log.retention.mss=1", code=2,
                     says="log.retention.ms")

    def test_a_broker_that_is_not_there_is_an_error_that_names_it(self):
        self.refused("ingest", "run", "--bootstrap-server", NOBODY, "--topic", "x", "--lake", self.lake, "--until", "end",
                     code=1, says="127.0.0.1:1", seconds=60)
        self.refused("audit", "run", "--bootstrap-server", NOBODY, "--topic", "x", "--lake", self.lake, "--timeout", "2s", code=4,
                     says="127.0.0.1:1|x", seconds=60)
        self.refused("offsets", "range", "--bootstrap-server", NOBODY, "--topic", "x", code=1, says="127.0.0.1:1", seconds=60)
        self.assertFalse((self.lake / "x").exists(), "a table was begun")

    def test_an_unreadable_file_is_an_error_that_names_it(self):
        broker = self.broker("--create", "x:1")
        self.refused("produce", "x", self.directory / "none.ndjson", "--bootstrap-server", broker.address, code=1,
                     says="none.ndjson")
        self.refused("ingest", "run", "--bootstrap-server", broker.address, "--topic", "x", "--lake", self.lake, "--schema",
                     self.directory / "none.json", "--until", "end", code=1, says="none.json")
        bad = self.directory / "bad.toml"
        bad.write_text("version = 1\n[ingest]\ntopc = 'x'\n")
        done = harness.run("ingest", "run", "--config", bad)
        self.assertIn(done.code, (2, 78), str(done))
        self.assertRegex(done.err, "topc", str(done))

    def test_an_unknown_topic_is_an_error_that_names_it(self):
        broker = self.broker("-X", "auto.create.topics.enable=false")
        for command in (["ingest", "run", "--until", "end", "--lake", self.lake, "--topic", "nowhere"],
                        ["consume", "nowhere", "--exit-eof"], ["offsets", "range", "--topic", "nowhere"]):
            with self.subTest(command[0]):
                self.refused(*command, "--bootstrap-server", broker.address, code=1, says="nowhere", seconds=60)

    def test_a_remote_listener_without_tls_is_refused(self):
        self.refused("broker", "--ephemeral", "--listen", "0.0.0.0:0", code=2, says="0.0.0.0|loopback")

    def test_a_second_broker_on_the_directory_is_refused_and_names_the_first(self):
        broker = self.broker()
        self.refused("broker", "--listen", "127.0.0.1:0", "--data-dir", broker.data_dir, code=1, says=str(broker.process.pid))

    def test_a_port_that_is_taken_is_an_error_that_names_it(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused("broker", "--ephemeral", "--listen", address, code=1, says=address)


class Tables(harness.Case):
    def fill(self, broker, topic: str, count: int = 100) -> None:
        self.produce(broker, topic, [harness.Feed.line(n) for n in range(count)])

    def test_a_table_of_another_cluster_is_refused_and_both_are_named(self):
        first = self.broker("--create", "events:1")
        self.fill(first, "events")
        self.ingest(first.address, "events")
        first.stop()
        (self.directory / "second").mkdir()
        second = harness.Broker(self.directory / "second", "--create", "events:1")
        self.processes.append(second)
        self.fill(second, "events")
        done = harness.run(*self.ingest_arguments(second.address, "events", "--until", "end"))
        self.assertEqual(done.code, 1, str(done))
        self.assertIn(first.cluster, done.err)
        self.assertIn(second.cluster, done.err)
        self.assertEqual(judge.query(self.lake / "events", "count(*)"), (100,))

    def test_a_topic_that_was_deleted_and_created_again_is_refused(self):
        broker = self.broker("--create", "events:1")
        self.fill(broker, "events")
        self.ingest(broker.address, "events")
        import kafka.admin  # the judge's client: sluice has no command that deletes a topic

        admin = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.address)
        admin.delete_topics(["events"])
        admin.create_topics([kafka.admin.NewTopic("events", 1, 1)])
        admin.close()
        self.fill(broker, "events", 500)
        done = harness.run(*self.ingest_arguments(broker.address, "events", "--until", "end"))
        self.assertEqual(done.code, 1, str(done))
        self.assertRegex(done.err, "deleted and made anew", str(done))
        self.assertEqual(judge.query(self.lake / "events", "count(*)"), (100,))

    def test_records_that_retention_destroyed_halt_the_partition_with_the_exact_range(self):
        lasting = ("--create", "events:1", "-X", "log.segment.bytes=1048576")
        broker = self.broker(*lasting, "-X", "log.retention.bytes=1", "-X", "log.retention.check.interval.ms=100")
        self.fill(broker, "events", 10)
        self.ingest(broker.address, "events")
        for begin in range(10, 40000, 10000):
            self.produce(broker, "events", [harness.Feed.line(n) for n in range(begin, begin + 10000)])

        def log_start() -> int:
            rows = self.ok("offsets", "range", "--bootstrap-server", broker.address, "--topic", "events", "--json").json()
            return rows["rows"][0]["log_start"]

        harness.wait_until(lambda: log_start() > 10, "retention")
        broker.stop()
        broker.arguments = lasting  # no retention any more: the range that is lost stands still
        broker.start()
        done = harness.run(*self.ingest_arguments(broker.address, "events", "--until", "end"))
        self.assertEqual(done.code, 1, str(done))
        self.assertIn(f"[10,{log_start()})", done.err, str(done))
        self.assertEqual(judge.query(self.lake / "events", "count(*)"), (10,))
