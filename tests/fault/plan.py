# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan that faults.so follows, and its log: which call of which program fails, and what calls there were."""
import ctypes
import errno
import mmap
import os
import subprocess

PROGRAMS = ("other", "agent", "worker")
GROUPS = ("none", "files", "sockets")
SHORT_WRITE = 1000
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EMFILE": errno.EMFILE, "EAGAIN": errno.EAGAIN,
          "EPIPE": errno.EPIPE, "SHORT": SHORT_WRITE}


class _Layout(ctypes.Structure):
    _fields_ = [("program", ctypes.c_uint32), ("group", ctypes.c_uint32), ("nth", ctypes.c_uint32),
                ("error", ctypes.c_uint32), ("traces", ctypes.c_uint32), ("hits", ctypes.c_uint32),
                ("count", ctypes.c_uint32 * len(GROUPS) * len(PROGRAMS))]


class Call:
    """One call: who made it in which step, its number, what it was about, and the way to it as addresses."""

    def __init__(self, line):
        head, _, way = line.rstrip("\n").partition(" |")
        self.program, self.group, number, error, self.step, self.name, what = head.split(" ", 6)
        self.number, self.failed = int(number), int(error) != 0
        self.what, self.way = what.strip(), way.split()
        self.functions = []  # see resolve()

    @property
    def path(self):
        """That which it is about; of a rename the new name."""
        return self.what if "spawn" in self.name else self.what.split(" ")[-1]


class Plan:
    def __init__(self, path, library, under):
        self.path, self.library, self.under = str(path), str(library), [str(one) for one in under]
        self.traces = False  # whether the log tells the way to each call; to one that fails it always does
        with open(self.path, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.layout = _Layout.from_buffer(self.map)
        self.log = self.path + ".log"
        open(self.log, "w").close()

    def environment(self):
        """What the agent's environment needs beside what it has."""
        return {"LD_PRELOAD": self.library, "FAULT_PLAN": self.path, "FAULT_UNDER": ":".join(self.under)}

    def arm(self, program, group, nth, error):
        """The nth call of that program and group, from now on, fails with that error."""
        self.clear()
        self.layout.error, self.layout.nth = ERRORS[error], nth
        self.layout.group, self.layout.program = GROUPS.index(group), PROGRAMS.index(program)

    def clear(self):
        """Nothing fails; counts and log begin anew."""
        ctypes.memset(ctypes.byref(self.layout), 0, ctypes.sizeof(self.layout))
        self.layout.traces = self.traces
        os.truncate(self.log, 0)

    def hits(self):
        return self.layout.hits

    def calls(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return [Call(line) for line in file if line.endswith("\n")]


def resolve(calls, programs):
    """Gives each call its way as functions, innermost first: (function, file); PROGRAMS are the binaries by name."""
    for name, binary in programs.items():
        mine = [call for call in calls if call.program == name]
        addresses = sorted({address for call in mine for address in call.way})
        if not addresses:
            continue
        told = subprocess.run(["addr2line", "-f", "-s", "-e", str(binary)], input="\n".join(addresses), text=True,
                              capture_output=True, check=True).stdout.split("\n")
        known = {address: (told[2 * i], told[2 * i + 1].split(":")[0]) for i, address in enumerate(addresses)}
        for call in mine:
            call.functions = [known[address] for address in call.way if known[address][0] not in ("_start", "main")]
