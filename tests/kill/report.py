# SPDX-License-Identifier: LGPL-2.1-or-later
"""What came of each case: printed, counted and, of a long run, kept in a file (tests/results.py)."""
import os
import pathlib
import sys

from waits import known

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import results  # pylint: disable=wrong-import-position; it is beside us, not among the modules


class Report:
    def __init__(self, run, seed, keeps):
        """KEEPS: what has passed at this commit is not run again."""
        self.book = results.Results(run) if keeps else None
        self.seed = seed
        self.counted, self.failed, self.waiting = 0, 0, 0

    def todo(self, names):
        """Those of this part that have not passed yet."""
        part = results.part_of(names, os.environ.get("PART"))
        if not self.book:
            return part
        self.book.begin(self.seed)
        todo = self.book.todo(names)
        self.counted += len(part) - len(todo)
        return todo

    def words_of(self, names):
        """What was noted beside those that have passed before."""
        if not self.book or not self.book.path.exists():
            return []
        lines = [line.split(" ", 2) for line in self.book.path.read_text(encoding="utf-8").splitlines()]
        return [line[2].strip("()") for line in lines if line[0] == "ok" and line[1] in names and len(line) > 2]

    def _note(self, verdict, name, words):
        if self.book:
            self.book.add(verdict, name, words)

    def passed(self, name, seconds, words="", count=1):
        """COUNT things that can fail."""
        self.counted += count
        print(f"ok {name} ({seconds:.1f}s)", flush=True)
        self._note("ok", name, words)

    def fail(self, name, why, story):
        """False where it fails in a way that is known, which is told and is neither passed nor failed."""
        reason = known(f"{why}\n{story}")
        if reason:
            self.wait(name, reason)
            return False
        self.failed += 1
        print(f"not ok {name}\n    " + f"{why}\n{story}".replace("\n", "\n    "), flush=True)
        self._note("not ok", name, "")
        return True

    def wait(self, name, reason):
        self.waiting += 1
        print(f"waits {name} ({reason})", flush=True)
        self._note("waits", name, "")

    def end(self):
        if self.waiting:
            print(f"{self.waiting} wait for their mending")
        print(f"{self.counted} passed, {self.failed} failed, 0 skipped", flush=True)
        return 1 if self.failed else 0
