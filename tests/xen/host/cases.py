# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which cases there are, what machine each wants, and how long each takes.

A case says what it wants in comments: `# deadline: SECONDS`, `# exhaustive`, and for each of its runs a line
`# machine: WORDS`; without such a line it has one run, on any machine. README.md beside the cases has the words.
"""

import dataclasses
import re

WORDS = {"any", "alone", "fresh", "oxenstored", "two-vcpus", "exhaustive"}
DEADLINE = 300


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a case on a machine of one kind."""
    case: str
    words: frozenset = frozenset()
    deadline: int = DEADLINE

    @property
    def name(self):
        return ":".join([self.case] + [word for word in ("oxenstored", "two-vcpus") if word in self.words])

    @property
    def kind(self):
        """What a machine is booted with."""
        return ("oxenstored" if "oxenstored" in self.words else "xenstored", 2 if "two-vcpus" in self.words else 1)

    @property
    def fresh(self):
        return "fresh" in self.words

    @property
    def alone(self):
        """Nothing else may run meanwhile; two processors are all that a machine of the gate can count on."""
        return bool(self.words & {"alone", "two-vcpus"})

    @property
    def exhaustive(self):
        return "exhaustive" in self.words


def runs_of(path):
    """The runs of the case in this file."""
    text = path.read_text(encoding="utf-8")
    deadline = re.search(r"^# deadline: *(\d+)", text, re.M)
    lines = re.findall(r"^# machine:(.*)$", text, re.M) or ["any"]
    more = {"exhaustive"} if re.search(r"^# exhaustive$", text, re.M) else set()
    runs = [Run(path.stem, frozenset(set(line.split()) | more), int(deadline[1]) if deadline else DEADLINE)
            for line in lines]
    for run in runs:
        if run.words - WORDS:
            raise SystemExit(f"{path}: unknown words after '# machine:': {' '.join(sorted(run.words - WORDS))}")
    if len({run.name for run in runs}) < len(runs):
        raise SystemExit(f"{path}: two runs on the same kind of machine")
    return runs


def all_runs(directory):
    return [run for path in sorted(directory.glob("*.sh")) for run in runs_of(path)]


def find(runs, word):
    """The runs that a word on the command line means: a case, or one of its runs; a unique beginning is enough."""
    beginning, _, kind = word.partition(":")
    cases = {run.case for run in runs if run.case.startswith(beginning)}
    if beginning in cases:
        cases = {beginning}
    found = [run for run in runs if run.case in cases and (not kind or kind in run.words)]
    if len(cases) != 1 or not found:
        raise SystemExit(f"'{word}' names no one case (there are: {' '.join(sorted({run.case for run in runs}))})")
    return found


def choose(runs, words):
    """The gate's without a word, else `exhaustive`, or the cases that the words name."""
    if not words or words == ["exhaustive"]:
        return [run for run in runs if run.exhaustive == bool(words)]
    return list(dict.fromkeys(run for word in words for run in find(runs, word)))


def read_times(*paths):
    """NAME SECONDS a line; later lines are right."""
    times = {}
    for path in paths:
        for line in path.read_text().splitlines() if path.exists() else ():
            if line and not line.startswith("#"):
                name, seconds = line.split()
                times[name] = float(seconds)
    return times


def longest_first(runs, times):
    """A run that was never measured may take as long as it is allowed to."""
    return sorted(runs, key=lambda run: -times.get(run.name, run.deadline))


def write_times(path, runs, times):
    known = sorted({run.name for run in runs} & set(times))
    lines = ["# Seconds that each case took, by which the longest come first; `machine times` writes this."]
    path.write_text("\n".join(lines + [f"{name} {times[name]:.0f}" for name in known]) + "\n")
