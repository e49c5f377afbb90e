# SPDX-License-Identifier: LGPL-2.1-or-later
"""A world for the worker and its agent on an ordinary machine: all real but the hypervisor and libxl.

    world = World(build, disks={"xvda": "qcow2", "xvdb": "raw"})   xenstored, a VM that runs, the agent
    ident = world.ask("create name=one memory=no")                 about the VM; the answer is in dom0's tree
    status = world.wait_final(ident)                               a dict: state, error, message, ... ; or TimeoutError
    world.list()                                                   of dicts with the keys of docs/protocol.md
    world.agent_start(), agent_stop(), agent_kill(), worker()
    world.settle()                                                 until no operation and no journal is left
    world.pause(), unpause(), shut_down(), boot()                  what somebody else does with the VM
    world.life()                                                   running, paused, stopped (or suspended)
    world.close()                                                  ends everything and removes the directory

It is a context manager. `writer` and `model` (writer.py, model.py) come with it: world.writer.go() has the disks
stamped, park() ends that, and invariants.check(world) compares everything there is with what has to be.
PRELOAD is a library for the agent and its workers; ENV is added to their environment.

The process that has a world adopts what its agents leave behind, so that no process can get lost.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import images
import procs
from double import Double, disks_of, disks_of_line
from model import STRIDE, Loss, Model
from qmp import Qmp
from writer import Writer
from xenstore import Store

VM = "01234567-89ab-4cde-8f01-23456789abcd"
FINAL = ("done", "failed", "cancelled", "rejected")
PR_SET_CHILD_SUBREAPER = 36
BLOCKS = 32  # of each disk: 1 MiB
REQUEST = "/local/domain/0/snapshot/request"
STATUS = "/local/domain/0/snapshot/status"


class World:
    vm = VM

    def __init__(self, build, disks, preload=None, env=None):
        signal.signal(signal.SIGTERM, _end)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.build = pathlib.Path(build).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="xensnap-kill-"))
        self.store, self.run_dir = self.dir / "store", self.dir / "run"
        self.images = self.dir / "images"
        self.killpoint, self.log = self.dir / "killpoint", self.dir / "agent.log"
        self.preload, self.extra, self.asked, self.leaks = preload, env or {}, 0, 0
        self.xenstored = self.agent = self.xs = self.writer = None
        self.double = Double(self.dir, self.build, VM)
        self.images.mkdir()
        (self.dir / "xen").mkdir()
        self.bases = {vdev: (str(self.images / f"{vdev}.{kind}"), kind) for vdev, kind in disks.items()}
        self.model = Model({vdev: BLOCKS for vdev in disks})
        self.untidy = False  # something was put right by hand, so that an image may wait for the next operation
        self.looks, self.thorough_every = 0, 1  # see invariants.check()
        self.looked_at = {}  # what images.Chains has found
        self.met, self.coming = None, (None, None)  # the domid that is known, and what may bring another
        self.decided = True  # whether it is known how a revert has ended
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    protects = bool(os.environ.get("PROTECT"))  # images are made immutable: "protect" in xensnap.conf

    def _begin(self):
        for path, kind in self.bases.values():
            images.make(path, kind, BLOCKS * STRIDE)
        self._xenstored_start()
        self.boot()
        (self.dir / "xensnap.conf").write_text(f"[agent]\nstore = {self.store}\n" +
                                                 ("protect = yes\n" if self.protects else ""))
        self.agent_start()
        self.idle_descriptors = self._descriptors_at_rest()
        self.writer = Writer(self, self.model)
        self.writer.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """What this world has started ends with it, whatever state it is in."""
        if self.writer:
            self.writer.end()
        if self.xs:
            self.xs.close()
        for number in signal.SIGTERM, signal.SIGKILL:
            for pid in self.descendants():
                procs.send(pid, number)
                procs.send(pid, signal.SIGCONT)
            if procs.until(5, lambda: not self.descendants()):
                break
        images.wipe(self.dir)

    def keep(self, name):
        """Copies store and images beside the programs, for who wants to know what is wrong in them; returns where."""
        kept = self.build / "failed" / name.replace("/", "-")
        images.wipe(kept)
        for part in self.store, self.images:
            if part.is_dir():
                shutil.copytree(part, kept / part.name, symlinks=True)
        return f"store and images: {kept}"

    # ---- processes

    def environment(self):
        return {**os.environ, **self.double.environment(), "KILLPOINT": str(self.killpoint), **self.extra}

    def _started(self, arguments, log, **more):
        with open(log, "ab") as file:
            return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                    env={**self.environment(), **more})

    def _xenstored_start(self):
        daemon = sorted(pathlib.Path("/usr/lib").glob("xen-*/bin/xenstored"))[0]
        shim = self.build / "tests/integration/xenstored-shim.so"
        self.xenstored = self._started([daemon, "-N", "--pid-file", self.dir / "xenstored.pid"],
                                       self.dir / "xenstored.log", LD_PRELOAD=str(shim))
        if not procs.until(10, self._xenstored_answers):
            raise TimeoutError(f"xenstored does not start: {(self.dir / 'xenstored.log').read_text()}")

    def _xenstored_answers(self):
        try:
            self.xs = Store(str(self.dir / "socket"))
            self.xs.write("/local/domain/0/name", "Domain-0")
        except OSError:
            return False
        return True

    def agent_start(self):
        preload = {"LD_PRELOAD": str(self.preload)} if self.preload else {}
        self.log.write_text("")
        self.agent = self._started([self.build / "xensnapd", "--config", self.dir / "xensnap.conf", "--run",
                                    self.run_dir, "--libexec", self.double.libexec], self.log, **preload)
        if not procs.until(60, lambda: ": ready: " in self.log.read_text() or self.agent.poll() is not None):
            raise TimeoutError("the agent does not start")
        if self.agent.poll() is not None:
            raise RuntimeError(f"the agent has ended: {self.log.read_text()}")

    def _descriptors_at_rest(self):
        """Those that the agent has when it has nothing to do: the same ten times in a row."""
        seen = []

        def rests():
            seen.append(procs.descriptors(self.agent.pid))
            return seen[-10:] == [seen[-1]] * 10

        if not procs.until(30, rests, 0.01):
            raise TimeoutError(f"the agent does not come to rest: {seen[-1]}")
        return seen[-1]

    def agent_stop(self):
        self.agent.terminate()
        return self.agent.wait(60)

    def agent_kill(self):
        self.agent.kill()
        self.agent.wait(60)

    def agent_lives(self):
        return self.agent.poll() is None

    def worker(self):
        """The pid of the worker that is at it, also of one whose agent has died; None: there is none."""
        for pid in procs.children(self.agent.pid) + procs.children(os.getpid()):
            if procs.is_alive(pid) and procs.name(pid) == "xensnap-worker":
                return pid
        return None

    def descendants(self):
        """What was started in this world, by whomever, and is alive; what has ended is reaped."""
        own = {process.pid for process in (self.agent, self.xenstored) if process}
        found, todo = [], [os.getpid()]
        while todo:
            for pid in procs.children(todo.pop()):
                if procs.state(pid) == "Z" and procs.parent(pid) == os.getpid():
                    self._reap(pid, own)
                elif procs.is_alive(pid) and procs.has_setting(pid, f"XL_DOUBLE={self.dir}"):
                    found.append(pid)
                    todo.append(pid)
        return found

    def processes_of(self, domid):
        """A domain's QEMU, and whoever looks after it, while it lives."""
        monitors = {pid for pid in self.descendants() if procs.name(pid) == "xensnap-monitor"
                    and procs.arguments(pid)[-1] == str(domid)}
        return self.double.processes(domid) | monitors

    def _reap(self, pid, own):
        if pid in own:
            for process in self.agent, self.xenstored:
                process.poll()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    # ---- the VM, as somebody else has to do with it

    def life(self):
        return self.double.life()

    def pause(self):
        self.double.pause()

    def unpause(self):
        self.double.unpause()

    def boot(self):
        """Starts it with the disks that disk.cfg names, as its owner has been told to."""
        self.coming = ("boot", None)
        self.double.boot(self.configured())

    def shut_down(self):
        """It has written everything and is gone; and so is its QEMU."""
        self.double.destroy()
        if not procs.until(60, lambda: not self.qemus()):
            raise TimeoutError("QEMU does not end")

    def qemus(self):
        return [pid for pid in self.descendants() if procs.name(pid).startswith("qemu-system")]

    def vm_file(self, name):
        """The text of a file in the VM's directory of the store; empty: it is not there."""
        try:
            return (self.store / VM / name).read_text()
        except OSError:
            return ""

    def configured(self):
        """The disks that the VM is started with: path and kind by vdev."""
        return disks_of_line(self.vm_file("disk.cfg")) or self.bases

    def disks_word(self):
        """As parse_disks() takes it."""
        return ",".join(f"{vdev}={kind}" for vdev, (_, kind) in sorted(self.bases.items()))

    def noted_images(self):
        return json.loads(self.vm_file("images.json") or '{"ledger": []}')["ledger"]

    def stored(self):
        """The disks of our copy of its configuration."""
        return disks_of(self.vm_file("config.json")) or self.bases

    def written_to(self):
        """The images that QEMU's devices write to."""
        with Qmp(self.double.writer_monitor(self.met)) as monitor:
            return self.double.written_to(monitor)

    def may_write(self, domid):
        """A revert that was broken off ends with the snapshot's state or with what there was before, and the writer must
        not take one for the other. The journal tells, and without one the answer, which comes then."""
        if domid == self.met or self.coming[0] != "revert" or self.decided:
            return True
        journal = self.vm_file("journal")
        if '{"step":"put-back"}' in journal:
            self.coming = ("boot", None)
        return bool(journal)

    def meet(self, domid):
        """There is a domain that nobody has looked at yet, perhaps: the model is told what it is, and its memory has to
        be of the same moment. A domain that nothing was to bring is a Loss; so is a second one after the guest has gone
        on in the first."""
        if domid == self.met:
            return
        how, name = self.coming
        self.coming = (None, None)
        if how is None:
            raise Loss(f"domain {domid} has come in the place of {self.met}, and nothing was to bring it")
        if how == "revert":
            self.model.reverted(name)
        may = self.model.memories.get(name, {0}) if how == "revert" else {0}
        holds = self.double.memory(domid)
        if holds not in may:
            raise Loss(f"domain {domid}, {how} {name}: its memory is of write {holds}, and its disks of {sorted(may)}")
        self.met, self.model.remembers = domid, holds

    def check_memory(self):
        """It is a guest that went on all the while, and not an older one."""
        holds = self.double.memory(self.met)
        if holds != self.model.remembers:
            raise Loss(f"domain {self.met}: its memory is of write {holds} and was of {self.model.remembers}")

    # ---- requests

    def ask(self, line):
        """Asks in dom0's tree for LINE about the VM; returns the request's ID."""
        self.asked += 1
        ident = f"r{self.asked}"
        operation, _, rest = line.partition(" ")
        if not procs.until(30, lambda: self.xs.read(REQUEST) == ""):
            raise TimeoutError("the agent takes no requests")
        self.xs.write(REQUEST, f"{operation} id={ident} domain={VM} {rest}".strip())
        return ident

    def status(self, ident):
        base = f"{STATUS}/{ident}"
        return {key: self.xs.read(f"{base}/{key}") for key in self.xs.list(base)}

    def state(self, ident):
        return self.xs.read(f"{STATUS}/{ident}/state")

    def wait_final(self, ident, seconds=120):
        if not procs.until(seconds, lambda: self.state(ident) in FINAL):
            raise TimeoutError(f"request {ident} is still {self.state(ident)}")
        return self.status(ident)

    def done(self, line, seconds=120):
        """Asks and waits; anything but done is an error."""
        status = self.wait_final(self.ask(line), seconds)
        if status["state"] != "done":
            raise RuntimeError(f"{line}: {status}")
        return status

    def list(self, base=f"/tool/xensnap/vm/{VM}/list"):
        count = int(self.xs.read(f"{base}/count") or 0)
        return [{key: self.xs.read(f"{base}/{n}/{key}") for key in self.xs.list(f"{base}/{n}")} for n in range(count)]

    def wait_for_workers(self, seconds=60):
        if not procs.until(seconds, lambda: not self.worker()):
            raise TimeoutError(f"worker {self.worker()} does not come to its end")

    def settle(self):
        """Until no worker is left, and then no journal. One whose worker has been killed when its outcome was told is
        left for the next request."""
        self.wait_for_workers()
        if procs.until(1, lambda: not self.vm_file("journal")):
            return
        if '{"outcome":' in self.vm_file("journal"):
            self.wait_final(self.ask("delete name=nothing-of-that-name"))
            self.wait_for_workers()
        if not procs.until(3, lambda: not self.vm_file("journal")):
            raise Loss(f"a journal is left, and nobody is at it: {self.vm_file('journal')}")


def parse_disks(word):
    return dict(disk.split("=") for disk in word.split(","))


def _end(number, _frame):
    """So that what was started is ended, and that is not broken off."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
