"""Positions: seen with lag and lost apart, moved by plan, undo file and read-back, also through the old tools' texts."""
import json

import confluent_kafka
import confluent_kafka.admin
import harness


class Positions(harness.Case):
    def setUp(self):
        super().setUp()
        self.outsiders = {}
        self.server = self.broker("--create", "orders:3", "--create", "other:1", "-X", "auto.create.topics.enable=false",
                                  "-X", "group.initial.rebalance.delay.ms=0")
        for topic, partitions in (("orders", 3), ("other", 1)):
            producer = confluent_kafka.Producer({"bootstrap.servers": self.server.address})
            for number in range(30):
                producer.produce(topic, str(number), partition=number % partitions, timestamp=1_000_000 + 1000 * number)
            self.assertEqual(producer.flush(30), 0)

    def offsets(self, command, *arguments, code=0, **options):
        return self.ok("offsets", command, "--bootstrap-server", self.server.address, *arguments, code=code, **options)

    def move(self, command, *arguments, **options):
        return self.offsets(command, "--undo-dir", self.directory / "undo", *arguments, **options)

    def rows(self, command, *arguments, code=0):
        return self.offsets(command, "--json", *arguments, code=code).json()["rows"]

    def consumer(self, group, **more):
        return confluent_kafka.Consumer({"bootstrap.servers": self.server.address, "group.id": group,
                                         "auto.offset.reset": "earliest", "enable.auto.commit": False, **more})

    def outsider(self, group):
        """A client that knows the group's positions and never is a member."""
        if group not in self.outsiders:
            self.outsiders[group] = self.consumer(group)
            self.addCleanup(self.outsiders[group].close)
        return self.outsiders[group]

    def commit(self, group, offsets, topic="orders"):
        self.outsider(group).commit(offsets=[confluent_kafka.TopicPartition(topic, p, o) for p, o in offsets.items()],
                                    asynchronous=False)

    def stored(self, group):
        """What a client that we did not write says is stored."""
        told = self.outsider(group).committed([confluent_kafka.TopicPartition("orders", p) for p in range(3)], timeout=30)
        return {one.partition: one.offset for one in told if one.offset >= 0}

    def trim(self, before):
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.server.address})
        points = [confluent_kafka.TopicPartition("orders", p, o) for p, o in before.items()]
        for done in admin.delete_records(points).values():
            done.result(30)


class Looking(Positions):
    def test_get_prints_what_kafkas_tool_prints(self):
        self.trim({0: 4})
        def get(*arguments):
            return self.offsets("get", "--output", "kafka", *arguments).out

        self.assertEqual(get("-t", "orders", "--time", "-2"), "orders:0:4\norders:1:0\norders:2:0\n")
        self.assertEqual(get("-t", "orders", "--time", "-1"), "orders:0:10\norders:1:10\norders:2:10\n")
        self.assertEqual(get("-t", "o.*:0"), "orders:0:10\nother:0:30\n")
        self.assertEqual(get("-t", "orders:1", "--time", "1015500"), "orders:1:5\n")
        self.assertEqual(get("-t", "orders:1", "--time", "1970-01-01T00:16:55.500"), "orders:1:5\n")
        self.assertEqual(get("-t", "orders:1", "--time", "max-timestamp"), "orders:1:9\n")
        self.assertEqual(get("-t", "orders:1", "--time", "-1m"), "", "no record is that young")

    def test_what_cannot_be_asked_is_a_row_with_an_error_and_never_exit_code_0(self):
        rows = self.rows("get", "-t", "orders:0,7", "-t", "nowhere", code=1)
        self.assertEqual([(r["topic"], r["partition"], r["offset"]) for r in rows],
                         [("nowhere", None, None), ("orders", 0, 10), ("orders", 7, None)])
        self.assertEqual([bool(r["error"]) for r in rows], [True, False, True])
        done = self.offsets("get", "--output", "kafka", "-t", "orders:0,7", code=1)
        self.assertEqual(done.out, "orders:0:10\n")
        self.assertIn("orders[7]", done.err)
        for bad in (("--time", "yesterday"), ("-t", "a[")):
            self.offsets("get", *bad, code=2)
        self.offsets("get", "-t", "zz.*", code=1)

    def test_lag_and_lost_are_apart_and_loss_is_judged(self):
        self.commit("readers", {0: 2, 1: 10})
        self.trim({0: 4})
        rows = {r["partition"]: r for r in self.rows("lag", "--group", "readers")}
        self.assertEqual([(rows[p]["lag"], rows[p]["lost"], rows[p]["loss"]) for p in range(3)],
                         [(6, 2, "certain"), (0, 0, "none"), (None, None, None)])
        self.assertEqual(rows[2]["committed"], None)

    def test_all_groups_are_shown_and_one_that_has_nothing_is_told(self):
        self.commit("a1", {0: 1})
        self.commit("a2", {0: 30}, topic="other")
        rows = self.rows("lag", "--all-groups")
        self.assertEqual([(r["group"], r["topic"], r["lag"]) for r in rows if r["committed"] is not None],
                         [("a1", "orders", 9), ("a2", "other", 0)])
        self.assertEqual({r["group"] for r in self.rows("lag", "-g", "a[12]")}, {"a1", "a2"})
        rows = self.rows("lag", "-g", "nobody", "-g", "a1", code=1)
        self.assertEqual({r["group"] for r in rows if r["error"]}, {"nobody"})


class Moving(Positions):
    def test_a_plan_changes_nothing_and_execute_does_what_it_says(self):
        self.commit("readers", {0: 8, 1: 2})
        planned = self.move("reset", "-g", "readers", "-t", "orders", "--to-offset", 5, "--json")
        self.assertEqual([(r["old"], r["new"], r["reread"], r["skipped"]) for r in planned.json()["rows"]],
                         [(8, 5, 3, 0), (2, 5, 0, 3), (None, 5, None, 5)])
        self.assertIn("nothing was changed", planned.err)
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})
        done = self.move("reset", "-g", "readers", "-t", "orders", "--to-offset", 5, "--execute", "--json",
                         "--if-plan", planned.json()["plan"]).json()
        self.assertTrue(done["executed"])
        self.assertEqual([r["stored"] for r in done["rows"]], [5, 5, 5])
        self.assertEqual(self.stored("readers"), {0: 5, 1: 5, 2: 5})

    def test_undo_puts_back_also_what_was_not_there_and_refuses_what_moved_since(self):
        self.commit("readers", {0: 8, 1: 2})
        self.move("reset", "-g", "readers", "-t", "orders", "--to-latest", "--execute")
        self.commit("readers", {1: 9})
        refused = self.move("undo", "--last", "--execute", code=1)
        self.assertIn("orders[1]: the position is 9, not 10", refused.err)
        self.assertEqual(self.stored("readers"), {0: 10, 1: 9, 2: 10})
        self.commit("readers", {1: 10})
        self.move("undo", "--last", "--execute")
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})

    def test_each_target_goes_where_it_says(self):
        for group in ("readers", "model"):
            self.commit(group, {0: 8, 1: 2, 2: 3})
        self.commit("model", {0: 1, 1: 1, 2: 1})
        file = self.directory / "positions.csv"
        file.write_text("orders,0,6\norders,2,7\n")
        for arguments, expected in ((["-t", "orders", "--to-earliest"], {0: 0, 1: 0, 2: 0}),
                                    (["-t", "orders:0", "--shift-by", "4"], {0: 4, 1: 0, 2: 0}),
                                    (["--all-topics", "--to-datetime", "1970-01-01T00:16:55Z"], {0: 5, 1: 5, 2: 5}),
                                    (["--to-group", "model"], {0: 1, 1: 1, 2: 1}),
                                    (["--from-file", file], {0: 6, 1: 1, 2: 7}),
                                    (["-t", "orders", "--by-duration", "PT1H"], {0: 10, 1: 10, 2: 10}),
                                    (["-t", "orders", "--to-current"], {0: 10, 1: 10, 2: 10})):
            with self.subTest(str(arguments)):
                self.move("reset", "-g", "readers", *arguments, "--execute")
                self.assertEqual(self.stored("readers"), expected)
        self.move("set", "-g", "readers", "orders:1=3", "orders:2=4", "--execute")
        self.move("shift", "-g", "readers", "-t", "orders:1", "--by", "-2", "--execute")
        self.assertEqual(self.stored("readers"), {0: 10, 1: 1, 2: 4})

    def test_one_partition_that_cannot_be_moved_keeps_all_where_they_are(self):
        self.commit("readers", {0: 8, 1: 2})
        for arguments in (["set", "orders:0=3", "orders:1=11"], ["set", "orders:0=3", "orders:7=1"],
                          ["set", "orders:0=3", "nowhere:0=1"], ["shift", "-t", "orders", "--by", "-3"]):
            with self.subTest(str(arguments)):
                done = self.move(*arguments, "-g", "readers", "--execute", code=1)
                self.assertIn("no position of group 'readers' was changed", done.err)
                self.assertEqual(self.stored("readers"), {0: 8, 1: 2})
        self.move("set", "-g", "readers", "orders:1=11", "--clamp", "--execute")
        self.assertEqual(self.stored("readers"), {0: 8, 1: 10})

    def test_a_changed_plan_is_not_carried_out(self):
        self.commit("readers", {0: 8})
        plan = self.move("shift", "-g", "readers", "-t", "orders:0", "--by", "-1", "--json").json()["plan"]
        self.commit("readers", {0: 9})
        done = self.move("shift", "-g", "readers", "-t", "orders:0", "--by", "-1", "--execute", "--if-plan", plan, code=1)
        self.assertIn("error[conflict]", done.err)
        self.assertEqual(self.stored("readers"), {0: 9})

    def test_a_live_group_is_refused_and_waited_for(self):
        consumer = self.consumer("live", **{"session.timeout.ms": 6000})
        consumer.subscribe(["orders"])
        harness.wait_until(lambda: consumer.poll(0.1) or consumer.assignment(), "an assignment")
        reset = ["reset", "-g", "live", "-t", "orders", "--to-offset", "1", "--execute"]
        done = self.move(*reset, code=1)
        self.assertRegex(done.err, r"group 'live' is \w+ \(1 members\); no position was changed")
        waiting = self.start("waiting", "offsets", *reset, "--bootstrap-server", self.server.address, "--wait-empty", "30s",
                             "--undo-dir", self.directory / "undo")
        consumer.commit(offsets=[confluent_kafka.TopicPartition("orders", 0, 7)], asynchronous=False)
        self.assertTrue(waiting.running(), str(waiting))
        consumer.close()
        self.assertEqual(waiting.wait(), 0, str(waiting))
        self.assertEqual(self.stored("live"), {0: 1, 1: 1, 2: 1})

    def test_usage_errors_change_nothing(self):
        for arguments in (["reset", "-g", "g", "-t", "orders"], ["reset", "-g", "g", "--to-latest"],
                          ["reset", "-t", "orders", "--to-latest"], ["set", "-g", "g", "orders=1"],
                          ["reset", "-g", "g", "-t", "orders", "--to-latest", "--to-earliest"],
                          ["reset", "-g", "g", "-t", "orders", "--to-offset", "x"], ["undo"]):
            with self.subTest(str(arguments)):
                done = self.move(*arguments, code=2)
                self.assertRegex(done.err, r"nothing was (done|changed)|--help")


class Groups(Positions):
    def groups(self, command, *arguments, code=0):
        return self.ok("groups", command, "--bootstrap-server", self.server.address, *arguments, code=code)

    def join(self, group, **more):
        consumer = self.consumer(group, **more)
        self.addCleanup(consumer.close)
        consumer.subscribe(["orders"])
        harness.wait_until(lambda: consumer.poll(0.05) or consumer.assignment(), "an assignment")
        return consumer

    def test_who_is_in_them_and_where_they_stand(self):
        self.join("classic", **{"client.id": "c-1"})
        self.join("modern", **{"group.protocol": "consumer", "client.id": "m-1"})
        self.commit("readers", {0: 8, 1: 2})
        listed = {r["group"]: (r["type"], r["state"]) for r in self.groups("list", "--json").json()["rows"]}
        self.assertEqual(listed, {"classic": ("classic", "Stable"), "modern": ("consumer", "Stable"),
                                  "readers": ("classic", "Empty")})
        self.assertEqual([r["group"] for r in self.groups("list", "--state", "empty", "--json").json()["rows"]], ["readers"])
        rows = self.groups("describe", "--all", "--json").json()["rows"]
        self.assertEqual([(r["group"], r["partition"], r["committed"], r["lag"], r["client_id"]) for r in rows],
                         [("classic", p, None, None, "c-1") for p in range(3)] +
                         [("modern", p, None, None, "m-1") for p in range(3)] +
                         [("readers", 0, 8, 2, None), ("readers", 1, 2, 8, None), ("readers", 2, None, None, None)])
        members = self.groups("members", "classic", "modern", "--json").json()["rows"]
        self.assertEqual([(r["group"], r["client_id"], r["assigned"]) for r in members],
                         [("classic", "c-1", "orders:0,1,2"), ("modern", "m-1", "orders:0,1,2")])
        states = self.groups("state", "-g", "readers", "-g", "nobody", "--json", code=1).json()["rows"]
        self.assertEqual([(r["group"], r["state"], bool(r["error"])) for r in states],
                         [("nobody", None, True), ("readers", "Empty", False)])

    def test_deleting_is_a_plan_first_and_all_or_nothing(self):
        self.join("live")
        self.commit("old-1", {0: 1})
        self.commit("old-2", {0: 1})
        self.groups("delete", "old-1", "live", "--execute", code=1)
        self.groups("delete", "old-.*")
        self.assertEqual(len(self.groups("list", "--json").json()["rows"]), 3)
        self.groups("delete", "old-.*", "--execute")
        self.assertEqual([r["group"] for r in self.groups("list", "--json").json()["rows"]], ["live"])
        self.groups("delete", "old-1", "--execute", code=1)

    def test_deleted_positions_come_back_by_undo(self):
        self.commit("readers", {0: 8, 1: 2})
        delete = ["-g", "readers", "-t", "orders:1", "--undo-dir", self.directory / "undo"]
        self.groups("delete-offsets", *delete)
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})
        self.groups("delete-offsets", *delete, "--execute")
        self.assertEqual(self.stored("readers"), {0: 8})
        self.groups("delete-offsets", *delete, "--execute", code=1)
        self.move("undo", "--last", "--execute")
        self.assertEqual(self.stored("readers"), {0: 8, 1: 2})


class Texts(Positions):
    def test_what_is_exported_is_imported_into_another_group_and_a_file(self):
        self.commit("readers", {0: 8, 1: 2})
        for number, form in enumerate(("csv", "json", "kafka", "flink")):
            text = self.offsets("export", "-g", "readers", "--format", form).out
            self.move("import", "-", "-g", f"copy-{number}", "--execute", *(["-t", "orders"] if form == "flink" else []),
                      stdin=text)
            self.assertEqual(self.stored(f"copy-{number}"), {0: 8, 1: 2}, form)
        file = self.directory / "positions"
        text = self.offsets("export", "-g", "readers").out
        self.assertEqual(text, "orders,0,8\norders,1,2\n")
        self.move("import", "-", "--positions", file, "--execute", stdin=text)
        self.assertEqual([(r["committed"], r["lag"]) for r in self.rows("lag", "--positions", file)],
                         [(8, 2), (2, 8), (None, None)])

    def test_sparks_form_names_every_partition(self):
        self.commit("readers", {0: 8, 1: 2})
        done = self.offsets("export", "-g", "readers", "--format", "spark")
        self.assertEqual(json.loads(done.out), {"orders": {"0": 8, "1": 2, "2": -2}})
        self.assertIn("orders[2] has no position", done.err)
        self.assertEqual(json.loads(self.offsets("export", "--time", "earliest", "-t", "orders", "--format", "spark").out),
                         {"orders": {"0": 0, "1": 0, "2": 0}})

    def test_a_position_that_is_gone_is_exported_with_an_error(self):
        self.commit("readers", {0: 2})
        self.trim({0: 4})
        done = self.offsets("export", "-g", "readers", code=1)
        self.assertEqual(done.out, "orders,0,2\n")
        self.assertIn("outside of the log [4,10)", done.err)


class Topics(Positions):
    def topics(self, *arguments, code=0):
        return self.ok("topics", *arguments, "--bootstrap-server", self.server.address, code=code)

    def rows_of(self, *arguments, code=0):
        return self.topics(*arguments, "--json", code=code).json()["rows"]

    def ranges(self):
        return {r["partition"]: (r["log_start"], r["log_end"]) for r in self.rows("range", "-t", "orders")}

    def test_they_are_created_described_and_deleted(self):
        self.topics("create", "new", "-p", "2", "-c", "retention.ms=1000")
        self.topics("create", "new", code=1)
        self.assertFalse(self.rows_of("create", "new", "--if-not-exists")[0]["created"])
        self.topics("create", "checked", "--dry-run")
        self.topics("create", "checked", "-c", "retention.ms=never", "--dry-run", code=1)
        self.assertEqual([(r["topic"], r["partitions"]) for r in self.rows_of("list")],
                         [("new", 2), ("orders", 3), ("other", 1)])
        self.assertEqual([(r["partition"], r["leader"], r["replicas"], r["log_end"]) for r in self.rows_of("describe", "orders:1,2")],
                         [(1, 1, "1", 10), (2, 1, "1", 10)])
        configs = {r["name"]: (r["value"], r["is_default"]) for r in self.rows_of("describe", "new", "--configs")}
        self.assertEqual(configs["retention.ms"], ("1000", False))
        self.assertEqual(self.rows_of("delete", "new", "nowhere", "--execute", code=1)[0]["deleted"], False)
        self.assertEqual([(r["topic"], r["records"]) for r in self.rows_of("delete", "o.*")], [("orders", 30), ("other", 30)])
        self.topics("delete", "new", "--execute")
        self.assertEqual([r["topic"] for r in self.rows_of("list")], ["orders", "other"])

    def test_settings_and_partitions_change_with_execute_alone(self):
        alter = ["alter", "orders", "--set", "retention.ms=5000"]
        for execute in ([], ["--execute"]):
            row = self.rows_of(*alter, *execute)[0]
            self.assertEqual((row["old"], row["new"], row["changed"]), ("604800000", "5000", bool(execute)))
        self.assertEqual(self.rows_of(*alter)[0]["old"], "5000")
        self.topics("alter", "orders", "--unset", "retention.ms", "--execute")
        self.assertEqual(self.rows_of(*alter)[0]["old"], "604800000")
        self.topics("alter", "orders", "--set", "retention.mss=1", "--execute", code=1)
        self.assertIn("nothing was changed", self.topics("partitions", "add", "other", "--total", "2").err)
        self.topics("partitions", "add", "other", "--total", "2", "--execute")
        self.topics("partitions", "add", "other", "orders", "--total", "3", "--execute", code=1)
        self.assertEqual([(r["topic"], r["partitions"]) for r in self.rows_of("list")], [("orders", 3), ("other", 2)])

    def test_trim_says_who_has_not_read_what_it_deletes(self):
        self.commit("readers", {0: 2, 1: 9})
        rows = self.rows_of("trim", "orders", "--before", "5")
        self.assertEqual([(r["deletes"], r["unread_by"]) for r in rows], [(5, "readers:2"), (5, None), (5, None)])
        self.assertEqual(self.ranges()[0], (0, 10))
        rows = self.rows_of("trim", "orders:0", "--before", "5", "--execute")
        self.assertEqual([r["new_log_start"] for r in rows], [5])
        self.topics("trim", "orders", "--before", "11", "--execute", code=1)
        self.topics("trim", "orders:1", "--before", "1970-01-01T00:16:55.500", "--execute")
        file = self.directory / "trim.json"
        file.write_text('{"partitions":[{"topic":"orders","partition":2,"offset":10}],"version":1}')
        self.topics("trim", "--offset-json-file", file, "--execute")
        self.assertEqual(self.ranges(), {0: (5, 10), 1: (5, 10), 2: (10, 10)})
