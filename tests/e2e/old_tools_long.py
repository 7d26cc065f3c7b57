"""The drop-ins beside the tools of Apache Kafka themselves, at the same broker: the same text, byte for byte."""
import pathlib
import subprocess

import harness
import offsets_test

SHORT_NAMES = {"kafka-get-offsets": "get-offsets", "kafka-consumer-groups": "groups"}
TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/apache-kafka"


class Beside(offsets_test.Positions):
    def both(self, name, *arguments):
        """What the two print, Kafka's first."""
        common = ["--bootstrap-server", self.server.address, *arguments]
        theirs = subprocess.run([TOOL, "run", SHORT_NAMES[name], *common], capture_output=True, text=True, timeout=180,
                                check=False)
        ours = harness.run("compat", name, *common, env={"XDG_STATE_HOME": str(self.directory / "state")})
        return theirs.stdout, ours.out

    def test_the_texts_are_the_same(self):
        self.commit("readers", {0: 8, 1: 2})
        self.commit("a-group-with-a-long-name", {0: 30}, topic="other")
        consumer = self.consumer("live", **{"client.id": "c-1"})
        self.addCleanup(consumer.close)
        consumer.subscribe(["orders"])
        harness.wait_until(lambda: consumer.poll(0.05) or consumer.assignment(), "an assignment")
        for name, *arguments in (
                ("kafka-get-offsets", "--topic", "orders", "--time", "-2"),
                ("kafka-get-offsets", "--topic-partitions", "orders:1-,other:0"),
                ("kafka-get-offsets", "--topic", "orders", "--time", "1015500"),
                ("kafka-get-offsets", "--topic", "o.*", "--partitions", "0,2", "--time", "max-timestamp"),
                ("kafka-consumer-groups", "--describe", "--group", "readers"),
                ("kafka-consumer-groups", "--describe", "--group", "live"),
                ("kafka-consumer-groups", "--describe", "--group", "a-group-with-a-long-name"),
                ("kafka-consumer-groups", "--reset-offsets", "--group", "readers", "--topic", "orders", "--to-offset", "5", "--dry-run"),
                ("kafka-consumer-groups", "--reset-offsets", "--group", "readers", "--all-topics", "--shift-by", "-100", "--dry-run"),
                ("kafka-consumer-groups", "--reset-offsets", "--group", "live", "--topic", "orders", "--to-earliest", "--execute"),
                ("kafka-consumer-groups", "--reset-offsets", "--group", "readers", "--topic", "orders:1", "--to-latest", "--execute"),
                ("kafka-consumer-groups", "--reset-offsets", "--group", "readers", "--all-topics", "--to-current", "--export", "--dry-run"),
        ):
            with self.subTest(" ".join([name, *arguments])):
                theirs, ours = self.both(name, *arguments)
                self.assertTrue(theirs, "Kafka's tool printed nothing")
                self.assertEqual(ours, theirs)
        self.assertEqual(self.stored("readers"), {0: 8, 1: 10})
