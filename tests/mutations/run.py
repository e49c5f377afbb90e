#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows that each mutation of the programs makes the test fail that it names, and that this test passes without it.

run.py [NAME...]: these patches of tests/mutations, or all. In a copy of the tree, build/mutations, so that nobody
else's programs change. PART=k/n does the k-th of n parts. The head of a patch is a sentence that says what it breaks, and

    Caught-by: unit NAME | integration NAME | order SCENARIO | fault PATTERN | kill WORDS... | power WORDS...

the quickest test that catches it. What takes power cuts is skipped here; those runs take the patches themselves.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "tests"))
import results  # noqa: E402  pylint: disable=wrong-import-position

BUILD_SECONDS, TEST_SECONDS = 600, 600
TARGETS = ("all", "unit", "integration", "fault-programs")
# What says which of the mutations are tried, and where that is kept, says nothing of the tests that catch them.
OURS = {key: value for key, value in os.environ.items() if key not in ("PART", "RESULTS", "SEED")}
TARGETS_OF = {"order": ("fault-programs",), "fault": ("fault-programs",), "kill": ("kill-programs",),
                "integration": ("all", "integration")}


class Mutation:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        head, _, _ = path.read_text().partition("\n--- ")
        self.breaks = head.split("\n")[0]
        caught = [line.split(":", 1)[1].split() for line in head.split("\n") if line.startswith("Caught-by:")]
        if len(caught) != 1 or not caught[0]:
            raise SystemExit(f"{path.name} does not say who catches it")
        self.caught_by = caught[0]


def command_of(words):
    """The test's command line; None: not on this machine."""
    kind, rest = words[0], words[1:]
    match kind:
        case "unit":
            return [f"build/gcc/tests/unit/test-{rest[0]}"]
        case "integration":
            return [f"tests/integration/test-{rest[0]}.sh", "build/gcc"]
        case "order":
            return ["tests/fault/run.py", "--order", *rest]
        case "fault":
            return ["tests/fault/run.py", "--first", *rest]
        case "kill":
            return ["tests/kill/loops.py", "build/gcc", "/".join(rest)]
        case "power":
            return None
    raise SystemExit(f"nobody knows how to run: {' '.join(words)}")


def targets_of(words):
    """What of the programs its test needs: linking the others would cost more than the test."""
    return (command_of(words)[0],) if words[0] == "unit" else TARGETS_OF[words[0]]


class Tree:
    """The copy, and whether a test passes in it as it is."""

    def __init__(self, directory):
        self.dir, self.log = directory, directory.parent / "mutations.log"
        self.passes = {}
        directory.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        self.fill()
        if not self.build():
            raise SystemExit(f"the tree cannot be built; see {self.log}")

    def fill(self):
        files = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                               capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, files):
            source, target = TOP / name, self.dir / name
            if not source.exists() or (target.exists() and target.read_bytes() == source.read_bytes()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.remove_others(set(files))

    def remove_others(self, names):
        """What the tree has no more: make takes what it finds."""
        for path in self.dir.rglob("*"):
            name = str(path.relative_to(self.dir))
            if path.is_file() and not name.startswith("build/") and name not in names:
                path.unlink()

    def run(self, command, seconds):
        """Its exit code, None if it did not end; what it has printed is in the log."""
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            try:
                return subprocess.run(command, cwd=self.dir, env=OURS, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      timeout=seconds, check=False).returncode
            except subprocess.TimeoutExpired:
                return None

    def build(self, *targets):
        return self.run(["make", "--no-print-directory", "CC=gcc", *(targets or TARGETS)], BUILD_SECONDS) == 0

    def test(self, words):
        return self.run(command_of(words), TEST_SECONDS)

    def passes_as_it_is(self, words):
        key = " ".join(words)
        if key not in self.passes:
            self.passes[key] = self.build(*targets_of(words)) and self.test(words) == 0
        return self.passes[key]

    def patch(self, mutation, *options):
        return self.run(["patch", "-p1", "-s", "-f", *options, "-i", mutation.path], 60) == 0


def try_one(tree, mutation):
    """ok, not ok or skip, and why."""
    if command_of(mutation.caught_by) is None:
        return "skip", "takes power cuts"
    if not tree.passes_as_it_is(mutation.caught_by):
        return "not ok", "the test fails without it"
    if not tree.patch(mutation):
        tree.fill()
        return "not ok", "the patch does not fit any more"
    built = tree.build(*targets_of(mutation.caught_by))
    code = tree.test(mutation.caught_by) if built else 0
    if not tree.patch(mutation, "-R"):
        raise SystemExit(f"{mutation.name} cannot be taken back; see {tree.log}")
    if not built:
        return "not ok", "it does not compile"
    if code is None:
        return "not ok", "the test does not end with it"
    if code == 77:
        return "skip", "the test cannot run here"
    return ("not ok", "the test passes with it") if code == 0 else ("ok", "caught")


def main(names):
    mutations = {path.stem: Mutation(path) for path in sorted(HERE.glob("*.patch"))}
    run = results.Results("mutations")
    mine = names or list(mutations)
    run.begin()
    todo = names or run.todo(mine)
    tree = Tree(TOP / "build" / "mutations") if todo else None
    for name in todo:
        began = time.monotonic()
        verdict, why = try_one(tree, mutations[name])
        took = f"{time.monotonic() - began:.1f}s"
        run.add(verdict, name, f"{why}, {took}")
        print(f"{verdict:6} {name:34} {' '.join(mutations[name].caught_by)}: {why}, {took}\n       "
              f"{mutations[name].breaks}", flush=True)
    passed, failed, skipped = run.sum(mine)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
