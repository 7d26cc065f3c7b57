"""kill -9 of worker and broker under load: nothing missing, nothing twice; by audit and by readers we did not write."""
import json
import os
import random

import harness
import judge

LONG = bool(os.environ.get("SLUICE_LONG"))
KILLS = 100 if LONG else 10
SEED = int(os.environ.get("SLUICE_SEED", "1"))
TOPIC = "events"


class Killed(harness.Case):
    """A broker, a producer that never stops, and workers on one table; each of them but the producer dies again and again."""

    def worker(self, index: int) -> harness.Process:
        arguments = self.ingest_arguments(self.broker_.address, TOPIC, "--roll-records", 1500, "--roll-interval", "1s")
        return self.start(f"worker-{index}", *arguments)

    def begin(self, workers: int) -> None:
        self.random, self.kills = random.Random(SEED), 0
        self.broker_ = self.broker("--create", f"{TOPIC}:4")
        self.feed_ = self.feed(self.broker_.address, TOPIC, per_second=20000)
        self.workers = [self.worker(i) for i in range(workers)]

    def await_progress(self) -> None:
        """Some commits more, then a moment that is different each time: kills fall into every stage of the work."""
        goal = self.commits(TOPIC) + self.random.randint(1, 5)

        def progress():
            for index, worker in enumerate(self.workers):
                if not worker.running():  # a worker that gives up while the broker is gone is started again, as by a supervisor
                    self.assertNotIn(worker.wait(), (0, 2, 78), str(worker))
                    self.workers[index] = self.worker(index)
            return self.commits(TOPIC) >= goal

        harness.wait_until(progress, f"{goal} commits", 60)
        self.random_moment()

    def random_moment(self) -> None:
        goal = harness.time.monotonic() + self.random.random() * 0.15
        harness.wait_until(lambda: harness.time.monotonic() >= goal, "a moment")

    def kill_something(self) -> None:
        self.kills += 1
        victim = self.random.randint(0, len(self.workers))
        if victim == len(self.workers):
            self.broker_.restart()
        else:
            self.workers[victim].kill()
            self.workers[victim] = self.worker(victim)

    def finish(self) -> None:
        self.feed_.finish()
        for worker in self.workers:
            worker.kill()
        self.ingest(self.broker_.address, TOPIC, seconds=120)
        report = self.audit(self.broker_.address, TOPIC, seconds=300)
        counts = {key: report[key] for key in ("records", "missing", "duplicate", "altered")}
        self.assertEqual(counts, {"records": self.feed_.count, "missing": 0, "duplicate": 0, "altered": 0})
        judge.assert_exactly_once(self, self.lake / TOPIC, self.feed_.count, self.feed_.sum)
        if tally := os.environ.get("SLUICE_TALLY"):
            with open(tally, "a", encoding="utf-8") as file:
                counts = {"kills": self.kills, "records": self.feed_.count, "commits": self.commits(TOPIC)}
                file.write(json.dumps(counts) + "\n")

    def test_one_worker_and_the_broker_die_under_load_and_every_record_is_there_once(self):
        self.begin(workers=1)
        for _ in range(KILLS // 2):
            self.await_progress()
            self.kill_something()
        self.finish()

    def test_two_workers_that_fight_for_the_same_partitions_and_die_write_every_record_once(self):
        self.begin(workers=2)
        for _ in range(KILLS - KILLS // 2):
            self.await_progress()
            self.kill_something()
        self.finish()

    def test_two_workers_that_fight_and_live_write_every_record_once(self):
        self.begin(workers=2)
        goal = 40
        harness.wait_until(lambda: self.commits(TOPIC) >= goal, f"{goal} commits", 60)
        for worker in self.workers:
            self.assertTrue(worker.running(), str(worker))
        self.finish()
