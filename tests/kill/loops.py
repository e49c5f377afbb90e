#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kill-at-every-step loops: {internal, external, mixed} x {memory, disks only} x {running, paused, stopped} x
{worker, agent} x {before, after} each step of create, delete and revert.

loops.py BUILD           one combination for each operation, kind and step, drawn by SEED, which is printed
loops.py BUILD all       all of them; PART=k/n does every n-th
loops.py BUILD NAME...   these combinations, as they are printed

JOBS of them run side by side, each process with worlds of its own (crew.py).
Ends with "N passed, N failed, N skipped". What fails in a known way (waits.py) is told and is none of these. A
combination whose operation has no such step must be one of which comes() says so; and each step has to be met by a
combination.
"""
import collections
import functools
import itertools
import os
import random
import subprocess
import sys
import time

import procs
from crew import Crew, jobs
from model import Loss
from player import Action, Player
from report import Report, results
from world import World

KINDS = ("internal", "external", "mixed")
# A raw disk has no snapshot inside it.
DISKS = {"internal": {"xvda": "qcow2", "xvdb": "qcow2"},
         "external": {"xvda": "qcow2", "xvdb": "raw", "xvdc": "qcow2"},
         "mixed": {"xvda": "qcow2", "xvdb": "raw", "xvdc": "qcow2"}}
KEYS = {"internal": "type=internal", "external": "type=external",
        "mixed": "disk-xvda=internal disk-xvdb=external disk-xvdc=internal"}

Combination = collections.namedtuple("Combination", "operation kind memory life who when step")


def comes(combination):
    """Whether the operation comes to that step at all; None: there is no such operation. Reasons: docs/store.md."""
    operation, kind, memory, life, _, _, step = combination
    if operation == "create" and memory == "memory" and life == "stopped":
        return None  # it has no memory
    switches = operation == "create" and memory == "disks" and life == "running" and kind != "internal"
    never = {("create", "freeze"): True,  # only if it is asked for; integration test-quiesce kills there
             ("create", "save"): memory == "disks",
             ("create", "pause"): not switches,
             ("create", "resume"): memory == "disks" and not switches,
             ("revert", "pause"): life != "running",
             ("revert", "destroy"): life == "stopped"}
    return not never.get((operation, step), False)


def all_combinations(steps):
    for operation, kind, memory, life in itertools.product(steps, KINDS, ("memory", "disks"),
                                                           ("running", "paused", "stopped")):
        for who, when, step in itertools.product(("worker", "agent"), ("before", "after"), steps[operation]):
            combination = Combination(operation, kind, memory, life, who, when, step)
            if comes(combination) is not None:
                yield combination


def draw(steps, chance):
    """One of those that come, for each operation, kind and step."""
    by = collections.defaultdict(list)
    for combination in all_combinations(steps):
        if comes(combination):
            by[combination.operation, combination.kind, combination.step].append(combination)
    return [chance.choice(choices) for choices in by.values()]


def steps_of(build):
    """By operation, as the worker prints them, and the end of its work."""
    steps = collections.defaultdict(list)
    worker = f"{build}/tests/double/xensnap-worker"
    for line in subprocess.run([worker, "--steps"], capture_output=True, text=True, check=True).stdout.splitlines():
        operation, step = line.split()
        if operation in ("create", "delete", "revert"):  # the ways out are killed by integration test-release and so on
            steps[operation].append(step)
    return {operation: found + ["outcome"] for operation, found in steps.items()}


def keys_of(combination):
    return KEYS[combination.kind] + ("" if combination.memory == "memory" else " memory=no")


class Stage:
    """A world in which one combination after the other is tried, as long as nothing was wrong in it."""

    def __init__(self, build, kind):
        preload = os.path.abspath(f"{build}/tests/kill/killpoint.so")
        self.world = World(build, DISKS[kind], preload)
        self.player = Player(self.world)
        self.number = 0

    def play(self, line):
        action = Action(line)
        self.player.play(action)
        return self.player.status

    def done(self, line):
        status = self.play(line)
        if status["state"] != "done":
            raise Loss(f"{line}: {status}")

    def arrange(self, combination, name):
        """What the operation is to find. A VM that does not run is known by its snapshots."""
        self.play("writes 7")
        if combination.operation != "create":
            self.done(f"create name={name} {keys_of(combination)}")
        elif combination.life == "stopped":
            self.done(f"create name={name}-known {keys_of(combination)}")
        self.play("writes 7")
        if combination.life != "running":
            self.play("pause" if combination.life == "paused" else "shutdown")

    def line_of(self, combination, name):
        kill = f"! {combination.who} {combination.when} {combination.step}"
        if combination.operation == "create":
            return f"create name={name} {keys_of(combination)} {kill}"
        start = " start=paused" if combination.operation == "revert" and combination.life == "paused" else ""
        return f"{combination.operation} name={name}{start} {kill}"

    def clear(self):
        """Everything is given back: the domain runs in its own images again, and the store is empty."""
        if self.world.life() == "paused":
            self.play("unpause")
        elif self.world.life() == "stopped":
            self.play("boot")
        self.play("writes 7")
        for name in sorted(self.world.model.snapshots):
            self.done(f"delete name={name}")
        # What was given up while the VM was stopped goes with the next operation, now that it has run without it.
        if any(image.get("waits") for image in self.world.noted_images()):
            self.done("create name=last memory=no type=external")
            self.done("delete name=last")
        self.world.writer.park()
        self.check_empty()

    def check_empty(self):
        if not procs.until(5, lambda: not os.listdir(self.world.store)):
            raise Loss(f"the store is not empty: {os.listdir(self.world.store)}")
        if self.world.written_to() != self.world.bases:
            raise Loss(f"the domain goes on in {self.world.written_to()}")

    def try_out(self, combination):
        """Whether it came to that step; Loss if anything is wrong then."""
        self.number += 1
        name = f"s{self.number}"
        self.arrange(combination, name)
        self.play(self.line_of(combination, name))
        met = self.player.hits != [None]
        if met != comes(combination):
            raise Loss("it came to a step to which it has no reason to come" if met else "it never came to that step")
        self.clear()
        return met


class Hand:
    """One of those that work side by side; it keeps a stage for each kind."""

    def __init__(self, build):
        self.build, self.stages = build, {}

    def do(self, combination):
        """How long it took, whether it came to the step, and what was wrong, with its story."""
        began, met, wrong = time.monotonic(), False, None
        try:
            met = self.stage_of(combination.kind).try_out(combination)
        except (Loss, TimeoutError, RuntimeError, OSError) as error:
            stage = self.stages.get(combination.kind)
            wrong = str(error), stage.player.story() if stage else ""
            self.end(combination.kind)
        return time.monotonic() - began, met, wrong

    def stage_of(self, kind):
        if kind not in self.stages:
            self.stages[kind] = Stage(self.build, kind)
        return self.stages[kind]

    def end(self, kind):
        stage = self.stages.pop(kind, None)
        if stage:
            stage.world.close()

    def drop(self):
        for kind in list(self.stages):
            self.end(kind)


def run(build, combinations, report):
    """The (operation, step) to which one of them came."""
    steps = set()
    with Crew(jobs(), functools.partial(Hand, build)) as crew:
        for combination, (seconds, met, wrong) in crew.do(combinations):
            name = "/".join(combination)
            if wrong:
                report.fail(name, *wrong)
                continue
            report.passed(name, seconds)
            if met:
                steps.add((combination.operation, combination.step))
    return steps


def chosen(what, steps, seed):
    if what == ("all",):
        return list(all_combinations(steps))
    if what:
        return [Combination(*name.split("/")) for name in what]
    return draw(steps, random.Random(seed))


def main(build, *what):
    steps = steps_of(build)
    seed = results.seed()
    print(f"kill loops: SEED={seed}", flush=True)
    report = Report("kill-loops", seed, what == ("all",))
    todo = report.todo(["/".join(combination) for combination in chosen(what, steps, seed)])
    met = run(build, [Combination(*name.split("/")) for name in todo], report)
    unmet = {(operation, step) for operation in steps for step in steps[operation]} - met - {("create", "freeze")}
    if unmet and not (what or report.failed or report.waiting):
        report.fail("steps", f"no combination came to {sorted(unmet)}", "")
    return report.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
