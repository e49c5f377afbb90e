# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine of the pool, through the verbs of the program `machine`."""

import asyncio
import contextlib
import ctypes
import enum
import os
import signal
import time

BOOT_SECONDS = 300
PUSH_SECONDS = 300
# run-case says this before it does anything; a machine that is silent so long does not run it.
FIRST_LINE = b"run-case: "
FIRST_LINE_SECONDS = float(os.environ.get("XEN_MACHINE_FIRST_LINE") or 60)
# Beyond a case's own deadline, which run-case keeps: for what it does before and after.
GRACE_SECONDS = float(os.environ.get("XEN_MACHINE_GRACE") or 120)
# ssh's exit code when the machine does not answer.
GONE = 255
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Verdict(enum.Enum):
    """How a case ended, by the exit code of run-case."""
    OK = "ok"
    SKIP = "skip"
    FAILED = "not ok"
    TRIPLE_FAULT = "triple fault"
    LOST = "lost"


async def within(awaitable, seconds):
    """Like asyncio.wait_for, which in Python 3.11 forgets that it was cancelled if the awaitable ends just then."""
    async with asyncio.timeout(seconds):
        return await awaitable


def end_with_parent():
    """Whoever is killed outright cannot end its children itself."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Machine:
    """Off at first; `kind` is what it was booted with, None when it is off."""

    def __init__(self, program, name, log):
        self.program, self.name, self.log = program, name, log
        self.kind = None

    async def start(self, *words, **options):
        environment = os.environ | {"XEN_MACHINE_INSTANCE": f"pool-{self.name}"}
        return await asyncio.create_subprocess_exec(
            self.program, *words, stdin=asyncio.subprocess.DEVNULL, env=environment, start_new_session=True,
            preexec_fn=end_with_parent, **options)

    async def verb(self, seconds, *words):
        """Whether that verb succeeded in time; what it says goes into the machine's log."""
        with open(self.log, "ab") as log:
            process = await self.start(*words, stdout=log, stderr=log)
            try:
                return await within(process.wait(), seconds) == 0
            except TimeoutError:
                return False
            finally:
                await end_process(process)

    async def boot(self, kind, tree):
        """A new machine of that kind with the install tree and the cases in it."""
        await self.down()
        xenstored, processors = kind
        self.kind = kind
        up = await self.verb(BOOT_SECONDS, "up", "--vcpus", str(processors), "--xenstored", xenstored)
        return up and (not tree or await self.verb(PUSH_SECONDS, "push", tree)) and \
            await self.verb(PUSH_SECONDS, "push-cases")

    async def down(self):
        if self.kind:
            self.kind = None
            await self.verb(60, "down")

    async def run(self, case, seconds, output, echo=False):
        """Runs a case; its words go into the file `output`. Returns the verdict and the exit code."""
        process = await self.start("case", case, str(seconds), stdout=asyncio.subprocess.PIPE,
                                   stderr=asyncio.subprocess.STDOUT)
        try:
            return verdict_of(await follow(process, seconds + GRACE_SECONDS, output, echo))
        finally:
            await end_process(process)
            # asyncio closes a pipe at its end only, and complains about one that is left open.
            with contextlib.suppress(TimeoutError):
                await within(process.stdout.read(), 10)


async def follow(process, seconds, output, echo):
    """Copies what it says; returns its exit code, None if there was no first line, GONE if it is not done in time."""
    end = time.monotonic() + seconds
    with open(output, "wb", buffering=0) as file:
        try:
            line = await within(process.stdout.readline(), FIRST_LINE_SECONDS)
        except TimeoutError:
            line = b""
        file.write(line)
        if not line.startswith(FIRST_LINE):
            return None
        try:
            while line := await within(process.stdout.read(65536), end - time.monotonic()):
                file.write(line)
                if echo:
                    print(line.decode(errors="replace"), end="", flush=True)
            return await within(process.wait(), 10)
        except TimeoutError:
            file.write(b"FAIL: the machine does not answer any more\n")
            return GONE


def verdict_of(code):
    known = {None: Verdict.LOST, 0: Verdict.OK, 75: Verdict.TRIPLE_FAULT, 77: Verdict.SKIP}
    return known.get(code, Verdict.FAILED), code


async def end_process(process):
    """It and what it started: first a word, for `machine up` takes down what it has begun."""
    for how, seconds in ((signal.SIGTERM, 40), (signal.SIGKILL, 10)):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(TimeoutError):
            await within(process.wait(), seconds)
