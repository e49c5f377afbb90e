# SPDX-License-Identifier: LGPL-2.1-or-later
"""What came of each case of a long run: printed, counted, and written to a file that names the commit.

RESULTS=FILE in the environment is the file; without it nothing is written. A run that was broken off and is started
again with the same SEED and the same commit leaves out what that file says has passed. PART=k/n is the k-th of n parts.
"""
import os
import subprocess

from waits import known, remedied


class Results:
    def __init__(self, run, seed):
        self.run, self.seed = run, seed
        self.counted, self.failed, self.waiting = 0, 0, 0
        self.file = os.environ.get("RESULTS")
        self.commit = commit()
        self.known = self._read()

    def _key(self, name):
        return f"{self.commit} {self.run} SEED={self.seed} {name}"

    def _read(self):
        if not self.file or not os.path.exists(self.file):
            return set()
        with open(self.file, encoding="utf-8") as file:
            return {line.removeprefix("ok ").rstrip() for line in file if line.startswith("ok ")}

    def _note(self, word, name):
        if self.file:
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(f"{word} {self._key(name)}\n")

    def part(self, cases):
        """Those of this part that have not passed before."""
        part, of = map(int, (os.environ.get("PART") or "1/1").split("/"))
        for case in cases[part - 1::of]:
            name = " ".join(case) if isinstance(case, tuple) else str(case)
            if self._key(name) in self.known:
                self.counted += 1
            else:
                yield case

    def passed(self, name, seconds, count=1):
        self.counted += count
        print(f"ok {name} ({seconds:.1f}s)", flush=True)
        self._note("ok", name)

    def fail(self, name, why, story):
        """Unless it fails in a way that is known."""
        reason = known(f"{why}\n{story}")
        if reason:
            self.wait(name, reason)
            return
        self.failed += 1
        print(f"not ok {name}\n    " + f"{why}\n{story}".replace("\n", "\n    "), flush=True)
        self._note("not ok", name)

    def wait(self, name, reason):
        """What waits for its mending is told, and is neither passed nor failed."""
        self.waiting += 1
        print(f"waits {name} ({reason})", flush=True)

    def end(self):
        for reason, times in remedied.items():
            print(f"waits, put right by hand {times} times: {reason}")
        if self.waiting:
            print(f"{self.waiting} wait for their mending")
        print(f"{self.counted} passed, {self.failed} failed, 0 skipped", flush=True)
        return 1 if self.failed else 0


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    told = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
