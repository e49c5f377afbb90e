#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make kill-storm N= SEED=: random operations on a VM with several disks of mixed kinds, while a writer stamps every
disk; worker, agent or both are killed at random times, and after each recovery everything has to be as it has to be.

storm.py BUILD N           until N kills have ended one of them inside an operation, by SEED, which is printed
storm.py BUILD play FILE   plays the actions in FILE once more; of a failed run they are printed, see player.py
storm.py BUILD fixed       plays all cases in fixed/ but those that wait (waits.py)

Most kills come at a random moment. A quarter is aimed into the steps that have had the fewest, for some are over in a
millisecond. The report counts them by operation, kind and the last step in the journal. Ends with "N passed, N failed,
N skipped": kills that everything has survived, or cases; and worlds that have failed. HISTOGRAM=FILE is where the report goes as well; with RESULTS=FILE a run that was
broken off goes on.
"""
import collections
import os
import pathlib
import random
import sys
import time

from loops import steps_of
from model import Loss
from player import Action, Player, parse_kill
from results import Results
from waits import told
from world import World

DISKS = {"xvda": "qcow2", "xvdb": "raw", "xvdc": "qcow2"}
MOST_SNAPSHOTS = 4
UNDISTURBED = {"create": 0.35, "list": 1}  # how many of an operation are not killed, for there must be something to kill
WORLD_KILLS = 60  # then another world, so that what a failure needs does not get too long
AIMED, SECOND = 0.25, 0.15  # how many kills are aimed, and how many are followed by one in the recovery
FIXED = pathlib.Path(__file__).parent / "fixed"


class Histogram:
    def __init__(self):
        self.kills = collections.Counter()  # by operation, kind, step and whether it was a recovery
        self.aimed = 0
        self.operations = collections.Counter()

    def count(self, hit, kind, aimed):
        self.kills[hit.operation, kind, hit.step, hit.recovery] += 1
        self.aimed += aimed

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
            yield f"{operation + ' ' + step:24}" + "".join(f"{of[kind]:10}" for kind in kinds) + f"{again:10}{every:8}{share:7.1f}"
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


class Storm:
    def __init__(self, build, seed, results):
        self.build, self.seed, self.results = os.path.abspath(build), seed, results
        steps = steps_of(build)
        self.steps = [(operation, step) for operation in steps for step in steps[operation]
                      if (operation, step) != ("create", "freeze")]
        self.histogram = Histogram()
        self.leaks = 0

    def _world(self):
        return World(self.build, DISKS, f"{self.build}/tests/kill/killpoint.so")

    def run(self, kills):
        round_ = 0
        while self.histogram.total() < kills and self.results.failed < 20:
            self._round(round_, kills)
            round_ += 1
            self.report()

    def _round(self, number, kills):
        """One world. Its actions are drawn by the seed and the round's number."""
        seed = f"{self.seed}.{number}"
        end = min(kills, self.histogram.total() + WORLD_KILLS)
        began, before = time.monotonic(), self.histogram.total()
        with self._world() as world:
            player = Player(world)
            chooser = Chooser(world, random.Random(seed), self.steps, self.histogram)
            try:
                player.play(Action("writes 10"))
                while self.histogram.total() < end:
                    self._one(player, chooser)
                    player.play(Action(f"writes {chooser.chance.randrange(1, 12)}"))
                give_back(player)
            except (Loss, TimeoutError, RuntimeError, OSError) as error:
                self.results.fail(f"SEED={seed} after {self.histogram.total() - before} kills", error, story(world, player))
            self.leaks = max(self.leaks, world.leaks)
        survived = self.histogram.total() - before
        self.results.passed(f"SEED={seed}, {survived} kills", time.monotonic() - began, survived)

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

    def report(self):
        lines = list(self.histogram.lines(self.steps))
        if os.environ.get("HISTOGRAM"):
            pathlib.Path(os.environ["HISTOGRAM"]).write_text(
                f"{self.results.commit} SEED={self.seed}\n" + "\n".join(lines) + "\n", encoding="utf-8")
        return lines


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


def story(world, player):
    log = world.log.read_text(errors="replace").splitlines()
    played = player.played + ([f"{player.acting}"] if player.acting else [])
    return "\n".join(["to repeat it: storm.py BUILD play FILE, with these lines in FILE", *played, "the agent's log:", *log[-40:]])


def play(build, file, results):
    """Plays the lines of a file."""
    build = os.path.abspath(build)
    began = time.monotonic()
    with World(build, DISKS, f"{build}/tests/kill/killpoint.so") as world:
        player = Player(world)
        try:
            for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith("#"):
                    player.play(Action(line))
            results.passed(os.path.basename(file), time.monotonic() - began)
        except (Loss, TimeoutError, RuntimeError, OSError) as error:
            results.fail(os.path.basename(file), error, story(world, player))


def play_fixed(build, results):
    for file in sorted(FIXED.glob("*.play")):
        reason = told(file.read_text(encoding="utf-8"))
        if reason:
            results.wait(f"fixed {file.stem}", reason)
        else:
            play(build, file, results)


def main(build, what, *rest):
    seed = int(os.environ.get("SEED") or time.time_ns() % 1000000)
    results = Results("kill-storm", seed)
    if what == "play":
        play(build, rest[0], results)
        return results.end()
    if what == "fixed":
        play_fixed(build, results)
        return results.end()
    print(f"kill storm: SEED={seed}", flush=True)
    storm = Storm(build, seed, results)
    try:
        storm.run(int(what))
    finally:
        print(*storm.report(), sep="\n", flush=True)
    short = storm.histogram.short(storm.steps)
    if short:
        print(f"less than one kill in a hundred: {', '.join(' '.join(step) for step in short)}")
    if storm.leaks:
        print(f"clusters that qemu-img check calls leaked, at most in one image: {storm.leaks}")
    return results.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
