#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the cases on several emulated machines at once: what `machine run` and `machine test` do.

    pool.py run [exhaustive | NAME...]     boots machines, and takes them down at the end, however that comes
    pool.py test [NAME...]                 in the machine that is up
    pool.py times                          keeps the times of the last runs in tests/xen/times

The longest case comes first. Cases that need a machine of their own come before the others, whose machines stay; those
that must be alone come last. What is tried again, and when a run is given up, README.md says.
"""

import asyncio
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import cases
from backend import GONE, Machine, Verdict

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE.parent))
import results  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ.get("XEN_MACHINE_DIR") or HERE.parent.parent / "build" / "xen")
PROGRAM = os.environ.get("XEN_MACHINE_PROGRAM") or str(HERE / "machine")
CASES = pathlib.Path(os.environ.get("XEN_MACHINE_CASES") or HERE / "cases")
TIMES = pathlib.Path(os.environ.get("XEN_MACHINE_TIMES") or HERE / "times")
TOOK = BUILD / "took"
MACHINE_MEGABYTES = 7000
LOST_AT_MOST = 1
ORDINARY = ("xenstored", 1)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text):
    print(f"{time.monotonic() - say.began:4.0f}s  {text}", file=sys.stderr, flush=True)


say.began = time.monotonic()


def machine_count(environment):
    """As many as there are cores and memory for."""
    if environment.get("XEN_MACHINES"):
        return max(1, int(environment["XEN_MACHINES"]))
    with open("/proc/meminfo", encoding="ascii") as file:
        free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) // 1024
    return max(1, min(len(os.sched_getaffinity(0)), free // MACHINE_MEGABYTES))


class Given_up(Exception):
    """Too many machines were lost."""


class Report:
    """The lines on standard output, the logs, and the numbers at the end."""

    def __init__(self, results_file=None):
        self.results = results_file
        self.verdicts = {}
        self.lost = self.triple_faults = 0

    def output(self, run):
        return BUILD / "logs" / run.name / "output.txt"

    def begin(self, run):
        """Where its output goes, with nothing of an earlier run there."""
        shutil.rmtree(self.output(run).parent, ignore_errors=True)
        self.output(run).parent.mkdir(parents=True)
        return self.output(run)

    def tell(self, run, verdict, seconds, where, code):
        self.verdicts[run.name] = verdict
        lines = self.output(run).read_text(errors="replace").splitlines() if self.output(run).exists() else []
        words = f"{seconds:.1f}s, {where}"
        if verdict == Verdict.SKIP:
            words = lines[-1] if lines else "no reason given"
        print(f"{verdict.value} {run.name} ({words})")
        if verdict == Verdict.FAILED:
            print("\n".join(f"    {line}" for line in lines[-30:]))
            print(f"    exit code {code}; logs are in {self.output(run).parent}")
        sys.stdout.flush()
        if self.results:
            self.results.add(verdict.value, run.name, words)
        if verdict == Verdict.OK:
            with open(TOOK, "a", encoding="utf-8") as took:
                took.write(f"{run.name} {seconds:.1f}\n")

    def sum(self, runs):
        """Prints it; whether all is well."""
        verdicts = [self.verdicts.get(run.name) for run in runs]
        for run in runs:
            if run.name not in self.verdicts:
                print(f"not ok {run.name} (not run)")
        troubles = [f"{n} {what}{'' if n == 1 else 's'}{lost}" for n, what, lost in
                    ((self.lost, "machine", " lost"), (self.triple_faults, "triple fault", "")) if n]
        if troubles:
            print(", ".join(troubles))
        passed, skipped = verdicts.count(Verdict.OK), verdicts.count(Verdict.SKIP)
        failed = len(verdicts) - passed - skipped
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return failed == 0 and self.lost <= LOST_AT_MOST


class Pool:
    """The machines, and the runs that are still to be done, the longest first."""

    def __init__(self, runs, machines, report, tree=""):
        self.machines, self.report, self.tree = machines, report, tree
        self.together = [run for run in runs if not run.alone]
        self.alone = [run for run in runs if run.alone]

    async def run(self):
        await all_of(self.work(machine) for machine in self.machines)
        if self.alone:
            await all_of(machine.down() for machine in self.machines[1:])
        for run in sorted(self.alone, key=lambda run: run.kind != ORDINARY):
            await self.serve(self.machines[0], run)

    async def work(self, machine):
        while run := self.take(machine):
            await self.serve(machine, run)

    def take(self, machine):
        """The next for this machine: what it can run as it is, before what it would have to be booted for."""
        if not self.together:
            return None
        special = lambda run: run.fresh or run.kind != ORDINARY  # noqa: E731
        fitting = lambda run: not run.fresh and run.kind == machine.kind  # noqa: E731
        chosen = next(filter(fitting, self.together), None) or next(filter(special, self.together), self.together[0])
        self.together.remove(chosen)
        return chosen

    async def serve(self, machine, run):
        """Runs it, and a second time if it was the machine that failed, or the emulated processor."""
        faults = 0
        while True:
            verdict, seconds, code = await self.attempt(machine, run)
            if verdict == Verdict.LOST:
                self.report.lost += 1
                await machine.down()
                say(f"machine {machine.name} is lost; it never ran {run.name} (see {keep_console(machine)})")
                if self.report.lost > LOST_AT_MOST:
                    self.together.clear()
                    raise Given_up()
            elif verdict == Verdict.TRIPLE_FAULT:
                faults += 1
                self.report.triple_faults += 1
                if faults > 1:
                    verdict = Verdict.FAILED
                    break
                say(f"{run.name} again: the emulated processor failed, not the case")
            else:
                break
        self.report.tell(run, verdict, seconds, f"machine {machine.name}", code)
        await self.look_after(machine, run, verdict, code)

    async def attempt(self, machine, run):
        if machine.kind != run.kind or run.fresh:
            say(f"machine {machine.name} boots for {run.name}")
            if not await machine.boot(run.kind, self.tree):
                return Verdict.LOST, 0, None
        say(f"{run.name} on machine {machine.name} (deadline {run.deadline} s)")
        began = time.monotonic()
        verdict, code = await machine.run(run.case, run.deadline, self.report.begin(run),
                                          bool(os.environ.get("XEN_MACHINE_VERBOSE")))
        return verdict, time.monotonic() - began, code

    async def look_after(self, machine, run, verdict, code):
        """Fetches what tells about a failure; a machine that is of no more use goes."""
        if verdict == Verdict.FAILED:
            await machine.verb(180, "collect", run.case, str(self.report.output(run).parent))
        if run.fresh or code == GONE:
            await machine.down()


def keep_console(machine):
    """Where the console of a lost machine is kept: its directory is the next one's."""
    console = BUILD / f"run-pool-{machine.name}" / "console.log"
    kept = machine.log.with_name(f"lost-{machine.name}-{time.strftime('%H%M%S')}.log")
    if console.exists():
        shutil.copy(console, kept)
    return kept if kept.exists() else machine.log


class Here(Machine):
    """The machine that is up already, which is neither booted nor taken down."""

    async def start(self, *words, **options):
        return await asyncio.create_subprocess_exec(self.program, *words, stdin=asyncio.subprocess.DEVNULL,
                                                    start_new_session=True, **options)

    async def down(self):
        pass


class PoolHere(Pool):
    """Whatever machine a case wants, it gets the one that is there."""

    async def run(self):
        if not await self.machines[0].verb(300, "push-cases"):
            raise SystemExit(f"the cases cannot be put into the machine: see {self.machines[0].log}")
        self.machines[0].kind = ORDINARY
        for run in self.together:
            await self.serve(self.machines[0], run)


async def all_of(coroutines):
    """All of them to their end; the first that raises ends the others after the case that they are at."""
    outcomes = await asyncio.gather(*coroutines, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def guard(machines):
    """Takes the machines down when this process is gone, however it went: then the pipe to it is closed."""
    program = "trap '' INT TERM HUP; read -r; for name; do XEN_MACHINE_INSTANCE=$name \"$0\" down & done; wait"
    names = [f"pool-{machine.name}" for machine in machines]
    return subprocess.Popen(["bash", "-c", program, PROGRAM, *names], stdin=subprocess.PIPE, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def only_one():
    """The lock of whoever runs a pool in this build directory; its machines are nobody else's."""
    file = open(BUILD / "pool.lock", "w", encoding="ascii")  # pylint: disable=consider-using-with
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(f"another 'machine run' is at work in {BUILD}") from None
    return file


def image():
    """The image that all of them boot; it is made if need be, which may take minutes."""
    made = subprocess.run([PROGRAM, "image"], stdout=subprocess.PIPE, timeout=1800, check=False)
    if made.returncode:
        raise SystemExit("there is no image to boot")
    return made.stdout.decode().strip()


async def until_signal(work):
    """Its end, or that of the first signal, which cancels it: then it cleans up, too."""
    task = asyncio.ensure_future(work)
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


def run_to_end(pool, report, runs):
    """Runs the pool; its exit code."""
    try:
        asyncio.run(until_signal(pool.run()))
    except Given_up:
        print(f"{report.lost} machines were lost: the run is given up")
    except asyncio.CancelledError:
        say("interrupted")
        report.sum(runs)
        return 130
    return 0 if report.sum(runs) else 1


def log_of(name):
    path = BUILD / "logs" / f"machine-{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def verb_run(words):
    chosen = cases.choose(cases.all_runs(CASES), words)
    keeps = words == ["exhaustive"] or bool(os.environ.get("RESULTS"))
    book = results.Results("exhaustive" if words == ["exhaustive"] else "xen") if keeps else None
    names = [run.name for run in chosen]
    todo = set(book.todo(names) if book else results.part_of(names, os.environ.get("PART")))
    if book:
        book.begin()
        say(f"results are in {book.path}; {len(todo)} are to be run, of {len(names)}")
    runs = cases.longest_first([run for run in chosen if run.name in todo], cases.read_times(TIMES))
    if not runs:
        print("0 passed, 0 failed, 0 skipped")
        return 0
    return run_machines(runs, Report(book))


def run_machines(runs, report):
    BUILD.mkdir(parents=True, exist_ok=True)
    lock = only_one()
    os.environ["XEN_MACHINE_IMAGE"] = image()
    tree = pathlib.Path(os.environ.get("XENSNAP_DESTDIR") or BUILD / "install")
    count = min(machine_count(os.environ), len(runs))
    machines = [Machine(PROGRAM, str(number), log_of(number)) for number in range(1, count + 1)]
    say(f"runs of cases: {len(runs)}, machines: {count}")
    keeper = guard(machines)
    try:
        return run_to_end(Pool(runs, machines, report, str(tree) if tree.is_dir() else ""), report, runs)
    finally:
        for number in SIGNALS:  # the end is near: whoever asks for it again is to wait
            signal.signal(number, signal.SIG_IGN)
        keeper.stdin.close()
        keeper.wait(120)
        lock.close()


def verb_test(words):
    chosen = cases.choose(cases.all_runs(CASES), words)
    runs = list(dict.fromkeys(cases.Run(run.case, deadline=run.deadline) for run in chosen))
    report = Report()
    return run_to_end(PoolHere(runs, [Here(PROGRAM, "here", log_of("here"))], report), report, runs)


def verb_times(words):
    if words:
        raise SystemExit("times takes no words")
    cases.write_times(TIMES, cases.all_runs(CASES), cases.read_times(TIMES, TOOK))
    return 0


def main(words):
    verbs = {"run": verb_run, "test": verb_test, "times": verb_times}
    if not words or words[0] not in verbs:
        print(__doc__, file=sys.stderr)
        return 2
    return verbs[words[0]](words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
