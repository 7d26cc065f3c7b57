"""Plays a sequence: against two brokers at a time, or against one and the recorded answers of the other."""
import re

import compare
import side

SHORT_SECONDS = 0.15  # an answer that has to wait for other members is not there after this
LATE_SECONDS = 5
HARMLESS = re.compile(r"configs\[|error_message|api_keys\[")  # both brokers are in the same state, whatever they say of it
RECORDED = ("answer", "late")


class Outcome:
    """What one sequence showed."""

    def __init__(self):
        self.steps = []  # each with its "answer", and maybe "late": [[lane, answer]] that came after it
        self.found = {}  # class -> {"step", "version", "path", "ours", "kafka", "reason"}

    def unexplained(self):
        return {name: what for name, what in self.found.items() if what["reason"] is None}


class Player:
    """One sequence. `ours` is a Side; `other` (a Side or Recorded) gives the answers it is compared with."""

    def __init__(self, ours, other, names, table):
        self.ours, self.other, self.names, self.table = ours, other, names, table
        self.outcome = Outcome()
        self.busy = {}  # lane -> step that waits for its answer
        self.told = []  # [(step, the other's answer)] of the last step

    def step(self, given):
        """False when the sequence cannot go on: after a difference without a reason the two are in different states."""
        step = dict(given)
        for one in (self.other, self.ours):
            one.send(step)
        mine, other = self.answers(step)
        step["answer"] = other
        self.outcome.steps.append(step)
        self.told = [(step, other)]
        if side.WAITING in (mine, other):
            self.busy[step["lane"]] = step
        return all([self.judge(step, mine, other), self.late_answers(step)])

    def answers(self, step):
        if "waits" not in step:
            return self.ours.receive(step), self.other.receive(step)
        other = self.other.receive(step, SHORT_SECONDS)
        if other is None and self.other.is_recorded:
            return side.WAITING, side.WAITING
        mine = self.ours.receive(step, LATE_SECONDS if other is not None else 0.0)
        if other is None and mine is not None:
            other = self.other.receive(step, LATE_SECONDS)
        return waiting_or(mine), waiting_or(other)

    def late_answers(self, now):
        """Takes the answers that have come to requests before `now`."""
        good, late = True, []
        for lane, step in list(self.busy.items()):
            if step is now:
                continue
            other = self.other.receive(step, 0.0)
            if other is None and self.other.is_recorded:
                continue
            mine = self.ours.receive(step, LATE_SECONDS if other is not None else 0.0)
            if other is None and mine is not None:
                other = self.other.receive(step, LATE_SECONDS)
            if mine is None and other is None:
                continue
            del self.busy[lane]
            late.append([lane, waiting_or(other)])
            self.told.append((step, other))
            good = self.judge(step, waiting_or(mine), waiting_or(other)) and good
        if late:
            now["late"] = late
        return good

    def judge(self, step, mine, other):
        good = True
        differing = compare.classes(self.names[step["key"]], mine, other) if mine != other else {}
        if any(path.endswith("error_code") for path, _, _ in differing.values()):  # the rest follows from that
            differing = {name: what for name, what in differing.items() if what[0].endswith("error_code")}
        for name, (path, ours, kafka) in differing.items():
            reason = self.table.reason(name)
            self.outcome.found.setdefault(name, {"step": len(self.outcome.steps) - 1, "version": step["version"], "path": path,
                                                 "ours": ours, "kafka": kafka, "reason": reason})
            ends = HARMLESS.search(path) is None if reason is None else reason.startswith("(ends)")
            good = good and not ends
        return good

    def close(self):
        self.ours.close()
        self.other.close()


def waiting_or(answer):
    return side.WAITING if answer is None else answer


class Recorded:
    """The other broker's answers, from a file."""

    is_recorded = True

    def __init__(self):
        self.now, self.late = None, {}

    def send(self, step):
        self.now, self.late = step, dict(map(tuple, step.get("late", [])))

    def receive(self, step, seconds=0.0):
        if step is not self.now:
            return self.late.pop(step["lane"], None)
        return None if step["answer"] == side.WAITING else step["answer"]

    def close(self):
        pass


def live(player, generator):
    """A new sequence, made while it is played."""
    for step in generator.steps(player.busy):
        good = player.step(step)
        for told, answer in player.told:
            generator.learn(told, answer)
        if not good:
            break
    return player.outcome


def replay(player, steps):
    """Steps that were made before; with Recorded, whose answers are in them."""
    for step in steps:
        if step["lane"] not in player.busy and not player.step(step):
            break
    return player.outcome


def bare(step):
    """The step as it is asked."""
    return {key: value for key, value in step.items() if key not in RECORDED}
