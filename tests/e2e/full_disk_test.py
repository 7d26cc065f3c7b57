"""A disk that is full: nothing acknowledged is lost, reads go on, work resumes when there is room."""
import os
import pathlib
import subprocess

import harness
import judge

DISK_MIB = 24


class FullDisk(harness.Case):
    """A small tmpfs is the disk; run.py lets people who are not root mount one, in a namespace of their own."""

    def setUp(self):
        super().setUp()
        self.disk = self.directory / "disk"
        self.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(self.disk)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"the test needs a small disk, and cannot mount one: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(self.disk)], check=False)

    def fill_up(self, leave_kib: int = 0) -> pathlib.Path:
        """A file that takes all the room but some."""
        ballast = self.disk / "ballast"
        free = os.statvfs(self.disk)
        with ballast.open("wb") as file:
            for _ in range(free.f_bavail * free.f_frsize // 4096 - leave_kib // 4):
                file.write(bytes(4096))
        return ballast

    def test_the_broker_answers_reads_and_resumes_when_there_is_room(self):
        broker = self.broker("--create", "events:1", data_dir=self.disk / "broker")
        self.produce(broker, "events", [harness.Feed.line(n) for n in range(1000)])
        ballast = self.fill_up(leave_kib=64)
        feed = self.feed(broker.address, "events", per_second=50000)
        harness.wait_until(lambda: os.statvfs(self.disk).f_bavail < 4 or feed.count > 20000, "a full disk")
        harness.wait_until(lambda: feed.count > 20000, "more load than room")
        self.assertTrue(broker.process.running(), str(broker.process))
        read = self.ok("consume", "events", "--bootstrap-server", broker.address, "-o", "start", "-n", "1000", "-f", "%o\\n")
        self.assertEqual(read.out.split(), [str(n) for n in range(1000)])
        ballast.unlink()
        feed.finish()
        offsets = self.ok("offsets", "range", "--bootstrap-server", broker.address, "--topic", "events", "--output", "kafka")
        self.assertEqual(offsets.out.strip(), f"events:0:{1000 + feed.count}")
        broker.restart()
        ids = self.ok("consume", "events", "--bootstrap-server", broker.address, "-o", "1000", "--exit-eof", "-f", "%v\\n")
        self.assertEqual(ids.out.splitlines(), [harness.Feed.line(n) for n in range(feed.count)])

    def test_the_worker_commits_nothing_half_and_resumes_when_there_is_room(self):
        broker = self.broker("--create", "events:2")
        self.produce(broker, "events", [harness.Feed.line(n) for n in range(20000)])
        lake = self.disk / "lake"
        arguments = ["ingest", "run", "--bootstrap-server", broker.address, "--topic", "events", "--lake", lake, "--until",
                     "end", "--roll-records", 2000]
        ballast = self.fill_up(leave_kib=96)
        done = harness.run(*arguments)
        self.assertEqual(done.code, 1, str(done))
        self.assertRegex(done.err, "(?i)no space", str(done))
        ballast.unlink()
        self.ok(*arguments)
        judge.assert_exactly_once(self, lake / "events", 20000, sum(n * 7 % 1000 for n in range(20000)))
        self.ok("audit", "run", "--bootstrap-server", broker.address, "--topic", "events", "--lake", lake)
