#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fault run: each call of the agent and the worker on store, images, journal and sockets fails once, one a run.

run.py                      all of it; PART=k/n does the k-th of n parts, and what has passed is not done again
run.py --gate               a fixed share of the cases, and all scenarios without a fault
run.py --only PATTERN...    the cases whose names match, with * for anything
run.py --first PATTERN...   the same, until the first that fails
run.py --order SCENARIO...  no fault: only whether each operation's calls are in an order that a power cut cannot break
run.py --list               the names of all cases

A case is OPERATION/KIND/MEMORY/LIFE/PROGRAM/STEP/CALL/WHAT/NUMBER/ERROR; the first four are the scenario. Each passes
if the answer is done and true, or failed with a fitting word and the guest as it was; and all that has to be true is
so at once, or after one recovery without a fault. Beside them stands SCENARIO/undisturbed, without a fault: it has to
succeed, at the first try, with its calls in that order. BUILD in the environment is where the programs are. Ends with
"N passed, N failed, N skipped"; what waits (see the file of that name) is none of these.
"""
import fnmatch
import functools
import hashlib
import importlib.util
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path[:0] = [str(HERE), str(TOP / "tests/kill")]
# pylint: disable=wrong-import-position
import durable  # noqa: E402
from cases import cases  # noqa: E402
from images import ImageError  # noqa: E402
from model import Loss  # noqa: E402
from qmp import QmpError  # noqa: E402
from stage import FaultStage, Scenario, all_scenarios, foreign_files  # noqa: E402

GATE = 10  # one of so many
UNDISTURBED = "undisturbed"
TROUBLE = (Loss, ImageError, QmpError, TimeoutError, RuntimeError, OSError)


def load_results():
    """tests/results.py; tests/kill has a module of that name. How many calls there are differs a little from one run to
    the next, so that a part is told by the names, and not by their places."""
    spec = importlib.util.spec_from_file_location("run_results", TOP / "tests/results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.part_of = functools.partial(part_by_name, module.part_of)
    return module


def number_of(name):
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def part_by_name(by_place, names, part):
    parts = int((part or "1/1").partition("/")[2] or 1)
    mine = by_place(range(parts), part)  # which refuses what is no part
    return [name for name in names if number_of(name) // GATE % parts in mine]


class Waits:
    """tests/fault/waits: what is known to be wrong, "NAME | FAILURE | MESSAGE # waits: REASON" a line, with * for anything:
    the case, the first line of what is wrong, and what was answered."""

    def __init__(self):
        self.known = []
        for line in (HERE / "waits").read_text().splitlines():
            if line and not line.startswith("#"):
                patterns, _, reason = line.partition("# waits: ")
                name, failure, message = [pattern.strip() for pattern in patterns.split("|")]
                self.known.append(((name, failure, message), reason))

    def reason(self, name, failure, message):
        said = name, failure.split("\n")[0], message
        return next((reason for patterns, reason in self.known if all(map(fnmatch.fnmatchcase, said, patterns))), None)


class Run:
    def __init__(self, build, results):
        self.build, self.results, self.waits = build, results, Waits()
        self.kind, self.stage = None, None
        self.failed = 0

    def stage_of(self, scenario):
        """One world at a time: its kind decides which disks it has."""
        if self.stage and self.kind != scenario.kind:
            self.drop()
        if not self.stage:
            self.kind, self.stage = scenario.kind, FaultStage(self.build, scenario.kind)
        return self.stage

    def drop(self):
        if self.stage:
            self.stage.world.close()
        self.stage = None

    def undisturbed(self, scenario):
        """The calls of a run without a fault, and what is wrong in it. One that fails is not tried again: what hangs or
        fails when nothing disturbs it would be seen nowhere else."""
        try:
            stage = self.stage_of(scenario)
            calls = stage.dry_run(scenario)
        except TROUBLE as error:
            wrong = [str(error), *(self.stage.story() if self.stage else [])]
            self.drop()
            return [], wrong
        return calls, durable.told(durable.check(calls, scenario.operation, stage.world.store))

    def tell_undisturbed(self, scenario, wrong):
        self.failed += bool(wrong)
        self.tell("not ok" if wrong else "ok", f"{scenario}/{UNDISTURBED}", "\n".join(wrong), 0)

    def run(self, scenario, case):
        began = time.monotonic()
        try:
            stage = self.stage_of(scenario)
            stage.attempt(scenario, case)
            verdict, why = ("ok", "") if stage.player.met else ("skip", "it never came to that call")
        except TROUBLE as error:
            message = self.stage.player.status.get("message") or "" if self.stage else ""
            reason = self.waits.reason(case.name, str(error), message)
            verdict, why = ("waits", reason) if reason else ("not ok", str(error))
            self.failed += verdict == "not ok"
            story = self.stage.story() if self.stage else []
            if verdict == "not ok":
                why += "\n" + "\n".join(story)
            self.drop()
        self.tell(verdict, case.name, why, time.monotonic() - began)

    def tell(self, verdict, name, why, seconds):
        first, *rest = why.split("\n")
        self.results.add(verdict, name, first if why else f"{seconds:.1f}s")
        print("\n    ".join([f"{verdict} {name} ({seconds:.1f}s) {first}", *rest]), flush=True)


def in_gate(name):
    return number_of(name) % GATE == 0


def check_order(run, names):
    scenarios = [Scenario(*name.split("/")) for name in names] or all_scenarios()
    for scenario in scenarios:
        _, wrong = run.undisturbed(scenario)
        run.tell_undisturbed(scenario, wrong)
    print(f"{len(scenarios) - run.failed} passed, {run.failed} failed, 0 skipped")
    return run.failed > 0


def all_jobs(run, patterns, gate):
    """Every case that is asked for, by name, as what has to be called."""
    found, foreign = {}, foreign_files()
    for scenario in all_scenarios():
        if patterns and not any(might_match(pattern, scenario) for pattern in patterns):
            continue
        calls, wrong = run.undisturbed(scenario)
        if wrong or not patterns:
            found[f"{scenario}/{UNDISTURBED}"] = functools.partial(run.tell_undisturbed, scenario, wrong)
        for case in cases(calls, scenario, foreign):
            if gate and not in_gate(case.name):
                continue
            if not patterns or any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns):
                found[case.name] = functools.partial(run.run, scenario, case)
    return found


def might_match(pattern, scenario):
    words = pattern.split("/")[:4]
    return all(fnmatch.fnmatchcase(have, want) for have, want in zip(scenario, words))


def main(words):
    build = os.environ.get("BUILD") or TOP / "build/gcc"
    mode, patterns = (words[0], words[1:]) if words else ("", [])
    results = load_results().Results("order" if mode == "--order" else "fault")
    run = Run(build, results)
    try:
        if mode == "--order":
            return check_order(run, patterns)
        found = all_jobs(run, patterns, mode == "--gate")
        if mode == "--list":
            print("\n".join(found))
            return 0
        if not found:
            raise SystemExit(f"there is no such case: {patterns}")
        results.begin()
        for name in list(found) if mode in ("--only", "--first") else results.todo(list(found)):
            found[name]()
            if mode == "--first" and run.failed:
                break
    finally:
        run.drop()
    passed, failed, skipped = results.sum(list(found))
    print(f"{results.waiting(list(found))} wait for their mending")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return (run.failed if mode in ("--only", "--first") else failed) > 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a world must not outlive who has made it
    sys.exit(main(sys.argv[1:]))
