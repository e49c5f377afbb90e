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
succeed, at the first try, with its calls in that order. BUILD in the environment is where the programs are; JOBS is how
many run side by side, by itself one more than there are processors. Ends with "N passed, N failed, N skipped"; what waits
(see the file of that name) is none of these.
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
from crew import Crew, jobs  # noqa: E402
from images import ImageError  # noqa: E402
from model import Loss  # noqa: E402
from qmp import QmpError  # noqa: E402
from stage import FaultStage, Scenario, all_scenarios, foreign_files  # noqa: E402

GATE = 10  # one of so many
MODES = ("", "--gate", "--only", "--first", "--order", "--list")
NEED_NAMES = ("--only", "--first")
WITH_NAMES = (*NEED_NAMES, "--order")
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


class Hand:
    """One of those that work side by side: a task is a scenario, which is to be run undisturbed, or that and a case."""

    def __init__(self, build):
        self.build, self.waits = build, Waits()
        self.kind, self.stage = None, None

    def do(self, task):
        scenario, case = task
        return self.run(scenario, case) if case else self.undisturbed(scenario)

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

    def run(self, scenario, case):
        """Verdict, reasons, and how many seconds it took."""
        began = time.monotonic()
        try:
            stage = self.stage_of(scenario)
            stage.attempt(scenario, case)
            if stage.apart:
                self.drop()
            verdict, why = ("ok", "") if stage.player.met else ("skip", "it never came to that call")
        except TROUBLE as error:
            message = self.stage.player.status.get("message") or "" if self.stage else ""
            reason = self.waits.reason(case.name, str(error), message)
            verdict, why = ("waits", reason) if reason else ("not ok", str(error))
            story = self.stage.story() if self.stage else []
            if verdict == "not ok":
                why += "\n" + "\n".join(story)
            self.drop()
        return verdict, why, time.monotonic() - began


class Told:
    """What has come of each, for the reader and for the file of results."""

    def __init__(self, results):
        self.results, self.failed = results, 0

    def undisturbed(self, scenario, wrong):
        self.add(f"{scenario}/{UNDISTURBED}", "not ok" if wrong else "ok", "\n".join(wrong), 0)

    def add(self, name, verdict, why, seconds):
        self.failed += verdict == "not ok"
        first, *rest = why.split("\n")
        self.results.add(verdict, name, first if why else f"{seconds:.1f}s")
        print("\n    ".join([f"{verdict} {name} ({seconds:.1f}s) {first}", *rest]), flush=True)


def in_gate(name):
    return number_of(name) % GATE == 0


def wanted(name, patterns, gate):
    if patterns:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    return not gate or name.endswith(UNDISTURBED) or in_gate(name)


def might_match(pattern, scenario):
    words = pattern.split("/")[:4]
    return all(fnmatch.fnmatchcase(have, want) for have, want in zip(scenario, words))


def undisturbed(crew, scenarios):
    """Calls, and what is wrong, by scenario, in their order."""
    found = {scenario: answer for (scenario, _), answer in crew.do((scenario, None) for scenario in scenarios)}
    return {scenario: found[scenario] for scenario in scenarios}


def check_order(crew, told, names):
    scenarios = [Scenario(*name.split("/")) for name in names] or all_scenarios()
    for scenario, (_, wrong) in undisturbed(crew, scenarios).items():
        told.undisturbed(scenario, wrong)
    print(f"{len(scenarios) - told.failed} passed, {told.failed} failed, 0 skipped")
    return told.failed > 0


def all_jobs(crew, patterns, gate):
    """Every case that is asked for, by name: its scenario, and the case or what is wrong without one."""
    scenarios = [scenario for scenario in all_scenarios()
                 if not patterns or any(might_match(pattern, scenario) for pattern in patterns)]
    found, foreign = {}, foreign_files()
    for scenario, (calls, wrong) in undisturbed(crew, scenarios).items():
        name = f"{scenario}/{UNDISTURBED}"
        if wrong or wanted(name, patterns, gate):
            found[name] = scenario, wrong
        found.update({case.name: (scenario, case) for case in cases(calls, scenario, foreign)
                      if wanted(case.name, patterns, gate)})
    return found


def run_cases(crew, told, found, names, first):
    """FIRST ends it with the first that fails. Kind by kind: another one needs another world."""
    for name in names:
        if name.endswith(UNDISTURBED):
            told.undisturbed(*found[name])
    todo = [found[name] for name in names if not name.endswith(UNDISTURBED)]
    todo.sort(key=lambda job: job[0].kind)
    for (_, case), answer in crew.do(job for job in todo if not (first and told.failed)):
        told.add(case.name, *answer)


def main(words):
    build = os.environ.get("BUILD") or TOP / "build/gcc"
    mode, patterns = (words[0], words[1:]) if words else ("", [])
    if mode not in MODES or (patterns and mode not in WITH_NAMES) or (mode in NEED_NAMES and not patterns):
        print(__doc__, file=sys.stderr)
        return 2
    results = load_results().Results("order" if mode == "--order" else "fault")
    told, single = Told(results), mode in NEED_NAMES
    with Crew(jobs(), functools.partial(Hand, build)) as crew:
        if mode == "--order":
            return check_order(crew, told, patterns)
        found = all_jobs(crew, patterns, mode == "--gate")
        if mode == "--list":
            print("\n".join(found))
            return 0
        if not found:
            raise SystemExit(f"there is no such case: {patterns}")
        results.begin()
        run_cases(crew, told, found, list(found) if single else results.todo(list(found)), mode == "--first")
    passed, failed, skipped = results.sum(list(found))
    print(f"{results.waiting(list(found))} wait for their mending")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return (told.failed if single else failed) > 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a world must not outlive who has made it
    sys.exit(main(sys.argv[1:]))
