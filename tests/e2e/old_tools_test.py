"""Apache Kafka's own tools by their own names: the text that scripts parse, and exit codes that scripts can trust."""
import subprocess

import harness
import offsets_test

READERS = """
GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
readers         orders          0          8               10              2               -               -               -
readers         orders          1          2               10              8               -               -               -
"""
RESET = """
GROUP           TOPIC           PARTITION  NEW-OFFSET
readers         orders          0          {}
readers         orders          1          {}
readers         orders          2          {}
"""


class OldTools(offsets_test.Positions):
    def setUp(self):
        super().setUp()
        self.state = {"XDG_STATE_HOME": str(self.directory / "state")}

    def tool(self, name, *arguments, code=0, server="--bootstrap-server"):
        return self.ok("compat", name, server, self.server.address, *arguments, code=code, env=self.state)

    def test_the_users_own_command_line_by_the_tools_own_name(self):
        self.trim({0: 3})
        link = self.directory / "kafka-run-class.sh"
        link.symlink_to(harness.BINARY)
        for time, expected in (("-2", "orders:0:3\norders:1:0\norders:2:0\n"), ("-1", "".join(f"orders:{p}:10\n" for p in range(3)))):
            done = subprocess.run([link, "kafka.tools.GetOffsetShell", "--broker-list", self.server.address, "-topic", "orders",
                                   "--time", time], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, expected, ""))

    def test_get_offsets_filters_as_kafkas(self):
        get = "kafka-get-offsets"
        self.assertEqual(self.tool(get, "--topic", "o.*", "--partitions", "0").out, "orders:0:10\nother:0:30\n")
        self.assertEqual(self.tool(get, "--topic-partitions", "orders:1-,other:0").out, "orders:1:10\norders:2:10\nother:0:30\n")
        self.assertEqual(self.tool(get, "--topic-partitions", "orders:-1").out, "orders:0:10\n")
        self.assertEqual(self.tool(get, "--topic", "nowhere", code=1).err,
                         "Error occurred: Could not match any topic-partitions with the specified filters\n")
        self.tool(get, "--topic", "orders", "--time", "soon", code=2)
        self.tool(get, "--tpic", "orders", code=2)

    def test_consumer_groups_prints_what_kafkas_prints(self):
        groups = "kafka-consumer-groups"
        self.commit("readers", {0: 8, 1: 2})
        self.assertEqual(self.tool(groups, "--list").out, "readers\n")
        described = self.tool(groups, "--describe", "--group", "readers")
        self.assertEqual(described.out, READERS)
        self.assertEqual(described.err, "\nConsumer group 'readers' has no active members.\n")
        reset = [groups, "--reset-offsets", "--group", "readers"]
        self.assertEqual(self.tool(*reset, "--topic", "orders", "--to-offset", "5", "--dry-run").out, RESET.format(5, 5, 5))
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})
        self.assertEqual(self.tool(*reset, "--all-topics", "--to-current", "--export").out, "orders,0,8\norders,1,2\n\n")
        self.assertEqual(self.tool(*reset, "--topic", "orders", "--to-offset", "99", "--execute").out, RESET.format(10, 10, 10))
        self.assertEqual(self.stored("readers"), {0: 10, 1: 10, 2: 10})
        self.ok("offsets", "undo", "--last", "--execute", "--bootstrap-server", self.server.address, env=self.state)
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})
        self.assertEqual(self.tool(groups, "--delete", "--group", "readers").out,
                         "Deletion of requested consumer groups ('readers') was successful.\n")

    def test_what_fails_has_an_exit_code(self):
        consumer = self.consumer("live", **{"client.id": "c-1"})
        self.addCleanup(consumer.close)
        consumer.subscribe(["orders"])
        harness.wait_until(lambda: consumer.poll(0.05) or consumer.assignment(), "an assignment")
        groups = "kafka-consumer-groups"
        lines = self.tool(groups, "--describe", "--group", "live").out.splitlines()
        self.assertEqual([line.split()[:3] + line.split()[-2:] for line in lines[2:]],
                         [["live", "orders", str(p), "/127.0.0.1", "c-1"] for p in range(3)])
        self.assertIn("Assignments can only be reset if the group 'live' is inactive, but the current state is Stable.",
                      self.tool(groups, "--reset-offsets", "--group", "live", "--topic", "orders", "--to-earliest", "--execute",
                                code=1).out)
        self.tool(groups, "--describe", "--group", "nobody", code=1)
        self.tool(groups, "--delete", "--group", "live", code=1)
        self.tool(groups, "--describe", "--list", code=2)

    def test_delete_records(self):
        file = self.directory / "records.json"
        file.write_text('{"partitions":[{"topic":"orders","partition":0,"offset":3}],"version":1}')
        self.assertEqual(self.tool("kafka-delete-records", "--offset-json-file", file).out,
                         "Executing records delete operation\nRecords delete operation completed:\n"
                         "partition: orders-0\tlow_watermark: 3\n")
        file.write_text('{"partitions":[{"topic":"orders","partition":0,"offset":99}],"version":1}')
        self.assertIn("partition: orders-0\terror: ", self.tool("kafka-delete-records", "--offset-json-file", file, code=1).out)
