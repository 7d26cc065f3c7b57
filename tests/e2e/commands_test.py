"""The commands by themselves: ready line, start-up, memory, signals, what goes in and what comes out."""
import json
import re
import signal
import socket
import struct

import harness

READY_MS_MAX = 50
IDLE_KIB_MAX = 30 * 1024
FRAME_GARBAGE = [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(200), struct.pack(">i", 2**31 - 1) + b"\0\x12\0\0",
                 struct.pack(">i", -5), struct.pack(">ihhi", 8, 999, 0, 1), struct.pack(">ihhih", 10, 3, 9, 1, 32767)]


class BrokerProcess(harness.Case):
    def test_is_ready_at_once_and_small(self):
        said = []
        for _ in range(5):
            broker = harness.Broker(self.directory, "--create", "events:4")
            self.processes.append(broker)
            said.append(float(re.search(r"\((\d+(?:\.\d+)?) ms\)", broker.process.out())[1]))
            self.assertLess(broker.process.memory_kib(), IDLE_KIB_MAX)
            self.assertEqual(broker.stop(), 0)
        self.assertLess(min(said), READY_MS_MAX, said)

    def test_stops_cleanly_and_has_everything_after(self):
        broker = self.broker("--create", "events:1")
        lines = [harness.Feed.line(n) for n in range(500)]
        self.produce(broker, "events", lines)
        for end in (broker.stop, broker.kill):
            end()
            broker.start()
            read = self.ok("consume", "events", "--bootstrap-server", broker.address, "--exit-eof", "-f", "%v\\n")
            self.assertEqual(read.out.splitlines(), lines)

    def test_ephemeral_leaves_nothing(self):
        process = self.start("ephemeral", "broker", "--listen", "127.0.0.1:0", "--ephemeral")
        harness.wait_until(lambda: "ready kafka://" in process.out(), "the ready line")
        self.assertEqual(process.stop(), 0)

    def test_garbage_closes_that_connection_alone_and_memory_stays(self):
        broker = self.broker("--create", "events:1")
        self.produce(broker, "events", ["{}"])
        before = broker.process.memory_kib()
        for garbage in FRAME_GARBAGE * 10:
            with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as connection:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
                self.assertLess(len(answer), 4096)
        self.assertLess(broker.process.memory_kib() - before, 8 * 1024)
        self.produce(broker, "events", ["{}"])
        self.assertTrue(broker.process.err(), "nothing was said about the closed connections")


class ProduceConsume(harness.Case):
    def test_counts_what_was_read_and_acknowledged(self):
        broker = self.broker("--create", "events:1")
        source = self.directory / "in.ndjson"
        source.write_text("".join(f"{harness.Feed.line(n)}\n" for n in range(1234)))
        done = self.ok("produce", "events", source, "--bootstrap-server", broker.address, "--key-field", "name")
        self.assertRegex((done.out + done.err).replace(",", ""), r"read 1234\s+acked 1234\s+failed 0")

    def test_records_come_back_by_offset_count_and_format(self):
        broker = self.broker("--create", "events:1")
        self.produce(broker, "events", [f'{{"id":"k{n}"}}' for n in range(10)], "--key-field", "id")
        common = ["consume", "events", "--bootstrap-server", broker.address]
        self.assertEqual(self.ok(*common, "-o", "7", "--exit-eof", "-f", "%p %o %k %v\\n").out,
                         "".join(f'0 {n} k{n} {{"id":"k{n}"}}\n' for n in (7, 8, 9)))
        self.assertEqual(self.ok(*common, "-o", "-2", "--exit-eof", "-f", "%o,").out, "8,9,")
        self.assertEqual(self.ok(*common, "-o", "start", "-n", "3", "-f", "%o,").out, "0,1,2,")
        read = self.ok(*common, "-o", "start", "-n", "1", "--json").lines()
        self.assertEqual((read[0]["offset"], json.loads(read[0]["value"])), (0, {"id": "k0"}))

    def test_an_offset_that_is_not_there_is_an_error_and_no_reset(self):
        broker = self.broker("--create", "events:1")
        self.produce(broker, "events", ["{}"])
        done = harness.run("consume", "events", "--bootstrap-server", broker.address, "-o", "100", "--exit-eof")
        self.assertEqual((done.code, done.out), (1, ""), str(done))
        self.assertRegex(done.err, "100")

    def test_produce_goes_on_when_the_broker_comes_back(self):
        broker = self.broker("--create", "events:2")
        feed = self.feed(broker.address, "events")
        for _ in range(3):
            harness.wait_until(lambda goal=feed.count + 3000: feed.count >= goal, "load")
            broker.restart()
        feed.finish()
        offsets = self.ok("offsets", "range", "--bootstrap-server", broker.address, "--topic", "events", "--output", "kafka")
        self.assertEqual(sum(int(line.split(":")[2]) for line in offsets.out.split()), feed.count)


class IngestProcess(harness.Case):
    def test_ends_on_a_signal_between_commits_and_goes_on_later(self):
        broker = self.broker("--create", "events:2")
        feed = self.feed(broker.address, "events")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            worker = self.start("worker", *self.ingest_arguments(broker.address, "events", "--roll-records", 1000))
            harness.wait_until(lambda goal=self.commits("events") + 3: self.commits("events") >= goal, "commits")
            worker.popen.send_signal(number)
            self.assertEqual(worker.wait(), code, str(worker))
        feed.finish()
        self.ingest(broker.address, "events")
        report = self.audit(broker.address, "events")
        self.assertEqual((report["records"], report["missing"], report["duplicate"]), (feed.count, 0, 0))

    def test_says_each_commit_as_a_line_of_json(self):
        broker = self.broker("--create", "events:1")
        self.produce(broker, "events", [harness.Feed.line(n) for n in range(1000)])
        lines = self.ingest(broker.address, "events", "--roll-records", 250, "--json").lines()
        commits = [line for line in lines if "begin" in line]
        self.assertGreaterEqual(len(commits), 4, lines)
        self.assertEqual([c["begin"] for c in commits[1:]], [c["end"] for c in commits[:-1]])
        self.assertEqual((commits[0]["begin"], commits[-1]["end"]), (0, 1000))

    def test_memory_stays_below_what_was_allowed(self):
        broker = self.broker("--create", "events:4")
        self.produce(broker, "events", [harness.Feed.line(n) for n in range(200_000)])
        worker = self.start("worker", *self.ingest_arguments(broker.address, "events", "--memory-max", "192MiB", "--roll-records",
                                                             1_000_000, "--until", "end"))
        peak = 0

        def ended() -> bool:
            nonlocal peak
            try:
                peak = max(peak, worker.memory_kib())
            except (FileNotFoundError, TypeError, ProcessLookupError):
                pass
            return not worker.running()

        harness.wait_until(ended, "the end", 60)
        self.assertEqual(worker.wait(), 0, str(worker))
        self.assertLess(peak, 192 * 1024)

    def test_a_config_file_says_what_flags_say_and_flags_win(self):
        broker = self.broker("--create", "events:1")
        self.produce(broker, "events", [harness.Feed.line(n) for n in range(100)])
        config = self.directory / "ingest.toml"
        config.write_text(f'version = 1\n[ingest]\nbootstrap_server = "{broker.address}"\ntopic = "nowhere"\n'
                          f'lake = "{self.lake}"\n')
        done = harness.run("ingest", "run", "--config", config, "--topic", "events", "--until", "end")
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(self.commits("events"), 1)
