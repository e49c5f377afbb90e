#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make kill-storm N= SEED=: random operations on a VM with several disks of mixed kinds, while a writer stamps every
disk; worker, agent or both are killed at random times, and after each recovery everything has to be as it has to be.

storm.py BUILD N                 until N kills have ended one of them inside an operation, by SEED, which is printed
storm.py BUILD play FILE [DISKS] plays the actions in FILE once more; of a failed run they are printed, see player.py
storm.py BUILD fixed             plays all cases in fixed/ but those that wait (waits.py)

Most kills come at a random moment. A quarter is aimed into the steps that have had the fewest, for some are over in a
millisecond. The report counts them by operation, kind and the last step in the journal; HISTOGRAM=FILE is where it goes
as well. JOBS rounds run side by side (crew.py). With KEEP=1 a run that was broken off goes on, see tests/results.py. Ends with "N passed, N failed, N skipped":
kills that everything has survived, or cases; and worlds that have failed.
"""
import collections
import functools
import os
import pathlib
import random
import re
import sys
import time

from crew import Crew, jobs
from loops import steps_of
from model import Loss
from player import Action, Player, parse_kill
from report import Report, results
from waits import told
from world import World, parse_disks

DISKS = {"xvda": "qcow2", "xvdb": "raw", "xvdc": "qcow2"}
MOST_SNAPSHOTS = 4
UNDISTURBED = {"create": 0.35, "list": 1}  # how many are not killed, for there must be snapshots
ROUND_KILLS = 60  # then another world, so that what a failure needs does not get too long
MOST_FAILURES = 20
THOROUGH_EVERY = 5  # of the looks behind a kill; what is broken stays broken
ENOUGH_KILLS = 1000  # for each step to have one in a hundred
AIMED, SECOND = 0.25, 0.15  # how many kills are aimed, and how many are followed by one in the recovery
FIXED = pathlib.Path(__file__).parent / "fixed"


class Histogram:
    def __init__(self, kills=()):
        self.kills = collections.Counter(kills)  # by operation, kind, step and whether it was a recovery
        self.aimed = 0
        self.operations = collections.Counter()

    def count(self, hit, kind, aimed):
        self.kills[hit.operation, kind, hit.step, hit.recovery] += 1
        self.aimed += aimed

    def words(self):
        """For add()."""
        return " ".join(f"{'.'.join(map(str, key))}={count}" for key, count in sorted(self.kills.items()))

    def add(self, words):
        for key, count in re.findall(r"(\S+)=(\d+)", words):
            operation, kind, step, recovery = key.split(".")
            self.kills[operation, kind, step, recovery == "True"] += int(count)

    def total(self):
        return self.kills.total()

    def of_step(self, operation, step):
        return sum(n for (op, _, at, _), n in self.kills.items() if (op, at) == (operation, step))

    def short(self, steps):
        """The steps with less than one kill in a hundred."""
        return [(operation, step) for operation, step in steps if self.of_step(operation, step) * 100 < self.total()]

    def lines(self, steps):
        kinds = sorted({kind for _, kind, _, _ in self.kills})
        yield f"{'killed in':24}" + "".join(f"{kind:>10}" for kind in kinds) + f"{'recovery':>10}{'all':>8}{'%':>7}"
        order = {step: at for at, step in enumerate(steps)}
        for operation, step in sorted({(op, at) for op, _, at, _ in self.kills} | set(steps),
                                      key=lambda key: (key[0], order.get(key, -1 if key[1] == "begun" else 99))):
            of = {kind: self.kills[operation, kind, step, False] for kind in kinds}
            again = sum(self.kills[operation, kind, step, True] for kind in kinds)
            every = sum(of.values()) + again
            share = 100 * every / max(1, self.total())
            columns = "".join(f"{of[kind]:10}" for kind in kinds)
            yield f"{operation + ' ' + step:24}{columns}{again:10}{every:8}{share:7.1f}"
        yield f"{self.total()} kills, {self.aimed} of them aimed; operations: " + \
              ", ".join(f"{count} {operation}" for operation, count in sorted(self.operations.items()))


class Chooser:
    """Draws the next action for the world as it is."""

    def __init__(self, world, chance, steps, histogram):
        self.world, self.chance, self.steps, self.histogram = world, chance, steps, histogram
        self.named = 0
        self.took = collections.defaultdict(lambda: 0.15)  # seconds that an operation takes, by its word
        self.kind = "-"

    def next(self):
        """The action, what kind it is of, and whether its kill is aimed."""
        between = self._between()
        if between:
            return Action(between), "-", False
        aim = self._aim() if self.chance.random() < AIMED else None
        operation = aim[0] if aim else self._operation()
        if operation != "create" and not self.world.model.snapshots:
            operation, aim = "create", None
        line = {"create": self._create, "delete": self._delete, "revert": self._revert, "list": self._list}[operation]()
        action = Action(line)
        if aim or self.chance.random() > UNDISTURBED.get(operation, 0.1):
            action.kills = self._kills(operation, aim)
        return action, self.kind, bool(aim)

    def _between(self):
        """What somebody else does with the domain, now and then; otherwise some writes."""
        life, chance = self.world.life(), self.chance.random()
        if life == "paused" and chance < 0.5:
            return "unpause"
        if life == "stopped" and chance < 0.4:
            return "boot"
        if life == "running" and chance < 0.06:
            return "pause" if chance < 0.03 or not self.world.model.snapshots else "shutdown"
        return None

    def _operation(self):
        count = len(self.world.model.snapshots)
        weights = {"create": 5 if count < MOST_SNAPSHOTS else 0, "delete": 2 * count, "revert": 4 if count else 0,
                   "list": 0.3}
        if count >= MOST_SNAPSHOTS:
            weights["delete"] = 12
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def _aim(self):
        """The step with the fewest kills."""
        fewest = min(self.histogram.of_step(*step) for step in self.steps)
        return self.chance.choice([step for step in self.steps if self.histogram.of_step(*step) == fewest])

    # ---- requests

    def _create(self):
        self.named += 1
        life = self.world.life()
        now = self.world.written_to() if life != "stopped" else self.world.configured()
        inside = [vdev for vdev, (_, kind) in now.items() if kind == "qcow2"]
        memory = life != "stopped" and self.chance.random() < 0.5
        kinds = {vdev: "internal" if vdev in inside and self.chance.random() < 0.5 else "external" for vdev in now}
        if self.chance.random() < 0.25 and len(inside) == len(now):
            kinds = dict.fromkeys(now, "internal")
        elif self.chance.random() < 0.25:
            kinds = dict.fromkeys(now, "external")
        elif not memory and self.chance.random() < 0.2:
            kinds.pop(self.chance.choice(sorted(kinds)))
        self.kind = "mixed" if len(set(kinds.values())) > 1 else next(iter(kinds.values()))
        words = [f"disk-{vdev}={kind}" for vdev, kind in sorted(kinds.items())] + ([] if memory else ["memory=no"])
        return f"create name=s{self.named} {' '.join(words)}"

    def _one(self):
        name = self.chance.choice(sorted(self.world.model.snapshots))
        self.kind = next(entry["type"] for entry in self.world.list() if entry["name"] == name)
        return name

    def _delete(self):
        return f"delete name={self._one()}"

    def _revert(self):
        return f"revert name={self._one()}" + (" start=paused" if self.chance.random() < 0.15 else "")

    def _list(self):
        return "list"

    # ---- kills

    def _kills(self, operation, aim):
        who = self.chance.choices(["worker", "agent", "both"], [5, 3, 2])[0]
        late = " late" if who == "agent" and self.chance.random() < 0.3 else ""
        if aim:
            kill = f"{who} {self.chance.choice(['before', 'after', 'after'])} {aim[1]}"
            if self.chance.random() < 0.7 and "after" in kill:
                kill += f" {self.chance.randrange(1, 4000)}"
        else:
            kill = f"{who} at {int(self.chance.random() * 1.1 * self.took[operation] * 1e6)}"
        kills = [parse_kill(kill + late)]
        if self.chance.random() < SECOND:
            who = self.chance.choice(["worker", "agent", "both"])
            kills.append(parse_kill(f"{who} at {int(self.chance.random() * self.took[operation] * 1e6)}"))
        return kills

    def learn(self, action, seconds):
        """How long an operation takes that nobody has disturbed; a kill makes it longer or shorter."""
        word = action.operation
        self.took[word] += (min(seconds, 2) - self.took[word]) * (0.3 if not action.kills else 0.05)


# What a round is told: its name, how many kills it has to come to, and the histogram so far, for its aims.
Task = collections.namedtuple("Task", "name kills before")
# And what it answers: where it has failed, `failed` is (why, story).
Answer = collections.namedtuple("Answer", "seconds kills aimed operations leaks failed")


class Hand:
    """Runs rounds. Each has its own worlds, and draws its actions by the seed, its number and the world's."""

    def __init__(self, build, steps):
        self.build, self.steps = build, steps

    def do(self, task):
        began = time.monotonic()
        self.histogram, self.leaks, self.failed = Histogram(task.before), 0, None
        world, end = 0, self.histogram.total() + task.kills
        while self.histogram.total() < end and not self.failed:
            self._world(f"{task.name}.{world}", end)
            world += 1
        return Answer(time.monotonic() - began, self.histogram.kills - task.before, self.histogram.aimed,
                      self.histogram.operations, self.leaks, self.failed)

    def drop(self):
        """Nothing stays between two rounds."""

    def _world(self, name, end):
        with World(self.build, DISKS, f"{self.build}/tests/kill/killpoint.so") as world:
            player, world.thorough_every = Player(world), THOROUGH_EVERY
            chooser = Chooser(world, random.Random(name), self.steps, self.histogram)
            try:
                player.play(Action("writes 10"))
                while self.histogram.total() < end:
                    self._one(player, chooser)
                    player.play(Action(f"writes {chooser.chance.randrange(1, 12)}"))
                give_back(player)
            except (Loss, TimeoutError, RuntimeError, OSError) as error:
                self.failed = str(error), f"{world.keep(name)}\n{player.story()}"
            self.leaks = max(self.leaks, world.leaks)

    def _one(self, player, chooser):
        action, kind, aimed = chooser.next()
        began = time.monotonic()
        player.play(action)
        if action.operation in ("create", "delete", "revert"):
            chooser.learn(action, time.monotonic() - began)
            self.histogram.operations[action.operation] += 1
        for at, hit in enumerate(player.hits):
            if hit:
                self.histogram.count(hit, kind, aimed and at == 0)


class Storm:
    """All rounds, and what has come of them."""

    def __init__(self, build, seed, report):
        self.build, self.seed, self.report = os.path.abspath(build), seed, report
        steps = steps_of(build)
        self.steps = [(operation, step) for operation in steps for step in steps[operation]
                      if (operation, step) != ("create", "freeze")]
        self.histogram = Histogram()
        self.leaks = 0

    def run(self, kills):
        names = [f"{self.seed}/{number}" for number in range((kills + ROUND_KILLS - 1) // ROUND_KILLS)]
        todo = self.report.todo(names)
        for words in self.report.words_of(set(names) - set(todo)):
            self.histogram.add(words)
        with Crew(jobs(), functools.partial(Hand, self.build, self.steps)) as crew:
            for task, answer in crew.do(self._tasks(todo, min(ROUND_KILLS, kills))):
                self._add(task.name, answer)
                self.write()

    def _tasks(self, names, kills):
        for name in names:
            if self.report.failed >= MOST_FAILURES:
                print("that is enough", flush=True)
                return
            yield Task(name, kills, self.histogram.kills.copy())

    def _add(self, name, answer):
        survived = answer.kills.total()
        self.histogram.kills += answer.kills
        self.histogram.aimed += answer.aimed
        self.histogram.operations += answer.operations
        self.leaks = max(self.leaks, answer.leaks)
        if answer.failed:
            self.report.fail(name, *answer.failed)
            self.report.counted += survived
        else:
            self.report.passed(name, answer.seconds, Histogram(answer.kills).words(), survived)

    def lines(self):
        return list(self.histogram.lines(self.steps))

    def write(self):
        if os.environ.get("HISTOGRAM"):
            head = f"{results.commit()} SEED={self.seed}"
            pathlib.Path(os.environ["HISTOGRAM"]).write_text("\n".join([head, *self.lines(), ""]), encoding="utf-8")


def give_back(player):
    """At the end all snapshots are deleted, which has to succeed when nobody disturbs it."""
    world = player.world
    for life, word in ("paused", "unpause"), ("stopped", "boot"):
        if world.life() == life:
            player.play(Action(word))
    player.play(Action("writes 5"))
    for name in sorted(world.model.snapshots):
        player.play(Action(f"delete name={name}"))
        if player.status["state"] != "done":
            raise Loss(f"a delete that nobody disturbs ends with {player.status}")


def play(build, file, report, disks=None):
    """Plays the lines of a file."""
    build, name, began = os.path.abspath(build), pathlib.Path(file).stem, time.monotonic()
    with World(build, disks or DISKS, f"{build}/tests/kill/killpoint.so") as world:
        player = Player(world)
        try:
            for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith("#"):
                    player.play(Action(line))
            report.passed(name, time.monotonic() - began)
        except (Loss, TimeoutError, RuntimeError, OSError) as error:
            report.fail(name, error, f"{world.keep(name)}\n{player.story()}")


def play_fixed(build, report):
    for file in sorted(FIXED.glob("*.play")):
        reason = told(file.read_text(encoding="utf-8"))
        if reason:
            report.wait(file.stem, reason)
        else:
            play(build, file, report)


def storm(build, kills, seed):
    print(f"kill storm: SEED={seed}", flush=True)
    report = Report("kill-storm", seed, bool(os.environ.get("KEEP")))
    one = Storm(build, seed, report)
    try:
        one.run(kills)
    finally:
        print(*one.lines(), sep="\n", flush=True)
    short = one.histogram.short(one.steps)
    if short and kills >= ENOUGH_KILLS:
        report.fail("steps", f"less than one kill in a hundred: {', '.join(' '.join(step) for step in short)}", "")
    if one.leaks:
        print(f"clusters that qemu-img check calls leaked, at most in one image: {one.leaks}")
    return report.end()


def main(build, what, *rest):
    if what.isdigit():
        return storm(build, int(what), results.seed())
    report = Report("kill-fixed", None, False)
    if what == "play":
        play(build, rest[0], report, parse_disks(rest[1]) if len(rest) > 1 else None)
    else:
        play_fixed(build, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
