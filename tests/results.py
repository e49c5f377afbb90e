#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every long run shares: which part of it is to be done, what is done already, and where that stands.

A run is a list of names. PART=k/n takes every n-th of them, from the k-th on. Each result is a line that is appended to
RESULTS, or to build/results/RUN.COMMIT:

    ok NAME (WORDS)
    not ok NAME (WORDS)
    skip NAME (WORDS)
    waits NAME (WORDS)

What waits is known to be wrong, and is no part of a sum. A name that stands there as ok is not run again, so a run that was broken off goes on when it is started again. COMMIT
has a suffix when the tree has changes, so that what passed then counts for these changes only. What SEED draws is part
of the names: a name with another seed is another test. A seed that was not given is in the file's comments.

As a program, for bash:

    results.py file RUN             where the results are
    results.py seed                 SEED, or one drawn now
    results.py todo RUN < NAMES     the names that are to be run, one a line
    results.py add RUN VERDICT NAME [WORDS]
    results.py sum RUN < NAMES      the sum line of this part; exits 1 unless all of it has passed
"""

import fcntl
import hashlib
import os
import pathlib
import random
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"(ok|not ok|skip|waits) (\S+)(?: \((.*)\))?$")


def git(*words):
    return subprocess.run(["git", "-C", TOP, *words], check=True, capture_output=True, timeout=60).stdout


def changes():
    """What the tree has beside its commit, as bytes."""
    found = git("diff", "HEAD", "--binary")
    for name in git("ls-files", "--others", "--exclude-standard", "-z").split(b"\0")[:-1]:
        path = os.path.join(os.fsencode(TOP), name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found += name + file.read()
    return found


def commit():
    """The commit's short name; "none" outside of a repository, where nothing tells one state from another."""
    try:
        name = git("rev-parse", "--short=12", "HEAD").decode().strip()
        changed = changes()
    except (OSError, subprocess.SubprocessError):
        return "none"
    return name + ("+" + hashlib.sha256(changed).hexdigest()[:8] if changed else "")


def seed():
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 1 << 31))


def part_of(names, part):
    """Of these names every n-th from the k-th on, for PART=k/n."""
    found = re.fullmatch(r"(\d+)/(\d+)", part or "1/1")
    k, n = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= k <= n:
        raise SystemExit(f"PART={part}: it is k/n, with k from 1 to n")
    return list(names)[k - 1::n]


class Results:
    """The result file of one run."""

    def __init__(self, run):
        self.commit = commit()
        self.path = pathlib.Path(os.environ.get("RESULTS") or TOP / "build" / "results" / f"{run}.{self.commit}")

    def last(self):
        """The last verdict of each name, of this commit alone."""
        found, ours = {}, False
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            if line.startswith("# commit "):
                ours = self.commit != "none" and line.split()[2] == self.commit
            match = LINE.match(line)
            if ours and match:
                found[match[2]] = match[1]
        return found

    def append(self, line):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            heads = [head for head in file if head.startswith("# commit ")]
            if not heads or heads[-1].split()[2] != self.commit:
                file.write(f"# commit {self.commit}\n")
            file.write(line + "\n")

    def begin(self, drawn=None):
        """A comment that tells how a run was started, for who goes on with it."""
        words = [f"PART={os.environ.get('PART') or '1/1'}"] + ([f"SEED={drawn}"] if drawn is not None else [])
        self.append(f"# begun {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(words)}")

    def todo(self, names):
        last = self.last()
        return [name for name in part_of(names, os.environ.get("PART")) if last.get(name) != "ok"]

    def add(self, verdict, name, words=""):
        line = f"{verdict} {name}" + (f" ({words})" if words else "")
        if not LINE.match(line):
            raise ValueError(f"this is no result: {line}")
        self.append(line)

    def sum(self, names):
        """passed, failed, skipped of this part; what has no result has failed, and what waits is none of them."""
        last = self.last()
        verdicts = [last.get(name) for name in part_of(names, os.environ.get("PART"))]
        passed, skipped = verdicts.count("ok"), verdicts.count("skip")
        return passed, len(verdicts) - passed - skipped - verdicts.count("waits"), skipped

    def waiting(self, names):
        """How many of this part wait."""
        last = self.last()
        return sum(last.get(name) == "waits" for name in part_of(names, os.environ.get("PART")))


def main(words):
    names = sys.stdin.read().split() if words and words[0] in ("todo", "sum") else []
    match words:
        case ["seed"]:
            print(seed())
        case ["file", run]:
            print(Results(run).path)
        case ["todo", run]:
            results = Results(run)
            results.begin(os.environ.get("SEED"))
            print("\n".join(results.todo(names)))
        case ["add", run, verdict, name, *rest]:
            Results(run).add(verdict, name, " ".join(rest))
        case ["sum", run]:
            passed, failed, skipped = Results(run).sum(names)
            print(f"{passed} passed, {failed} failed, {skipped} skipped")
            return failed > 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
