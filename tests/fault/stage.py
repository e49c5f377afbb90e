# SPDX-License-Identifier: LGPL-2.1-or-later
"""A world whose agent and workers follow a plan, and what one operation with a fault in it has to leave behind."""
import collections
import contextlib
import json
import os
import pathlib
import time

import images
import invariants
import loops
import procs
import small
from cases import fits
from model import Loss
from plan import Plan, resolve
from player import Player
from world import FINAL, World

ANSWER_SECONDS, WORK_SECONDS, RECOVERY_SECONDS = 60, 60, 3
THOROUGH_EVERY = 5  # of the looks, unless it is an image that gets the error; what is broken stays broken
HERE = pathlib.Path(__file__).resolve().parent
DOUBLE, BIN = HERE.parent / "double", HERE / "bin"


@contextlib.contextmanager
def patience(most):
    """Invariants wait for what comes a little later; here so many seconds at most."""
    until = procs.until
    procs.until = lambda seconds, *more: until(min(seconds, most), *more)
    try:
        yield
    finally:
        procs.until = until


class Scenario(collections.namedtuple("Scenario", "operation kind memory life")):
    def __str__(self):
        return "/".join(self)


def all_scenarios():
    found = [Scenario(operation, kind, memory, "running") for operation in ("create", "delete", "revert")
             for kind in ("internal", "external", "mixed") for memory in ("memory", "disks")]
    return found + [Scenario(operation, "mixed", "disks", "stopped") for operation in ("create", "delete", "revert")]


class FaultWorld(World):
    """PRELOAD is faults.so. Store and images are on small file systems, where those can be mounted."""


    def _begin(self):
        self.plan = Plan(self.dir / "plan", self.preload, [self.store, self.images, self.run_dir])
        self.qemu_img = self.dir / "qemu-img"
        self.store.mkdir(0o700)
        self.small = [path for path in (self.store, self.images) if small.mount(path)]
        super()._begin()
        if not procs.until(10, self._is_idle):
            raise RuntimeError("the agent runs without its faults, or does not come to rest")

    def close(self):
        super().close()
        for path in getattr(self, "small", []):
            small.unmount(path)
        images.wipe(self.dir)

    def arm(self, case):
        """From now on what the case says is to fail fails."""
        if case.program == "qemu-img":
            errors = {"EIO": 5, "ENOSPC": 28}
            self.qemu_img.with_suffix(".calls").write_text("")
            self.qemu_img.write_text(f"{case.nth} {case.group} {errors[case.error]}\n")
        elif case.program == "space":
            self.plan.clear()
            small.squeeze(getattr(self, case.group), case.nth << 10)
        else:
            self.plan.arm(case.program, case.group, case.nth, case.error)

    def disarm(self, case):
        """Whether it was reached; nothing fails any more."""
        self.plan.clear()
        if case.program == "qemu-img":
            self.qemu_img.unlink()
            return len(self.qemu_img.with_suffix(".calls").read_text().splitlines()) >= case.nth
        if case.program == "space":
            small.release(getattr(self, case.group))
            return True
        return False

    def _is_idle(self):
        self.idle_descriptors = procs.descriptors(self.agent.pid)
        time.sleep(0.05)
        return self.idle_descriptors == procs.descriptors(self.agent.pid) and self.plan.log in self.idle_descriptors

    def environment(self):
        plan = self.plan.environment()
        del plan["LD_PRELOAD"]  # that is the agent's alone
        path = f"{BIN}:{os.environ['PATH']}"
        return {**super().environment(), **plan, "PATH": path, "FAULT_QEMU_IMG": str(self.qemu_img)}


class FaultPlayer(Player):
    """Plays operations of which one call fails; without a case all goes well, and little is looked at behind it."""

    def __init__(self, world):
        super().__init__(world)
        self.case, self.hit, self.calls, self.restarts = None, None, [], 0
        self.met = False  # whether what was to fail has come

    def _operate(self, action):
        world = self.world
        life, domid = world.life(), world.double.domid()
        world.coming = ("revert", action.keys["name"]) if action.operation == "revert" else (None, None)
        world.decided = not self.case
        world.model.ask()
        if self.case and self.case.program == "space":
            world.writer.park()  # the guest has to do with its own errors
        else:
            world.writer.go()
        world.plan.clear()
        self.restarts = 0
        if self.case:
            world.arm(self.case)
        ident = world.ask(action.request)
        try:
            self._await(ident)
        finally:
            self.calls = world.plan.calls()
            if self.case:
                self.hit = next((call for call in self.calls if call.failed), None)
                self.met = world.disarm(self.case) or self.hit is not None
        world.writer.park()
        world.model.end_asking()
        self.unclear = False
        world.decided = True
        self._judge_answer()
        life = self._life_after(action, life, self._conclude(action, domid))
        # the next operation tries it again
        world.untidy |= self.case is not None and "the snapshot is deleted" in (self.status.get("message") or "")
        if self.case or action.operation == "revert":
            self._check(life)

    def _await(self, ident):
        """Until it is answered and nobody works at it any more. An agent that ends is started anew, as systemd does."""
        world, self.status = self.world, {}

        def is_over():
            if not world.agent_lives():
                self.restarts += 1
                world.agent_start()
            return not world.worker() and world.state(ident) in FINAL

        if not procs.until(ANSWER_SECONDS, is_over):
            raise Loss(f"no answer: {world.state(ident)}{', the agent was restarted' if self.restarts else ''}")
        self.status = world.status(ident)

    def _is_done(self, action, domid):
        finished = "the VM has the snapshot's state" in (self.status.get("message") or "")
        return (action.operation == "revert" and finished) or super()._is_done(action, domid)

    def _conclude(self, action, domid):
        """A revert that fails behind its point of no return ends with the VM as it was, booted from its disks: another
        domain, that has all that was written, and knows nothing of it."""
        message, now = self.status.get("message") or "", self.world.double.domid()
        if action.operation != "revert" or "the VM is " not in message or self.status["state"] == "done":
            return super()._conclude(action, domid)
        if " again as it was before" not in message or (now == domid) != (domid is None):
            raise Loss(f"the revert has failed ({message}), and the domain is {now}, before {domid}")
        self.world.coming = ("boot", None) if now != self.world.met else (None, None)
        return False

    def _judge_answer(self):
        state, word = self.status["state"], self.status.get("error")
        if not self.case:
            if state != "done":
                raise Loss(f"it fails without a fault: {self.status}")
        elif state not in ("done", "failed", "rejected"):
            raise Loss(f"the answer is {state}")
        elif state != "done" and not fits(self.case, self.hit, word):
            raise Loss(f"{word} does not fit {self.case.error}: {self.status.get('message')}")
        elif state != "done" and not self.met:
            raise Loss(f"it fails, and the call that was to fail never came: {self.status}")

    def _check(self, life):
        """At once, or after one recovery without a fault."""
        world = self.world
        if not self.restarts:
            try:
                with patience(1):
                    self._whole(life)
                return
            except Loss:
                world.agent_stop()
                world.agent_start()
        # One recovery, however long it is at it; not a second one, which the agent would try some time after that.
        procs.until(WORK_SECONDS, lambda: not world.worker())
        procs.until(RECOVERY_SECONDS, lambda: not world.vm_file("journal") and not world.worker())
        with patience(RECOVERY_SECONDS):
            self._whole(life)

    def _whole(self, life):
        if self.world.vm_file("journal"):
            raise Loss(f"a journal is left: {self.world.vm_file('journal')}")
        invariants.check(self.world, life)
        for directory in sorted((self.world.store / self.world.vm).glob("*-*-*/")):
            check_files(directory)


def check_files(directory):
    """What a revert to this snapshot needs beside its disks."""
    record = json.loads((directory / "snapshot.json").read_text())
    if f"uuid {record['vm']}" not in (directory / "config.json").read_text():
        raise Loss(f"the configuration of {record['name']} is none")
    memory = record.get("memory")
    if memory and (directory / "memory").stat().st_size != memory["size"]:
        raise Loss(f"the memory of {record['name']} is not as long as its record says")


class FaultStage(loops.Stage):
    def __init__(self, build, kind):  # pylint: disable=super-init-not-called; another world, and another player
        self.world = FaultWorld(build, loops.DISKS[kind], pathlib.Path(build).resolve() / "tests/fault/faults.so")
        self.player = FaultPlayer(self.world)
        self.number = 0
        self.apart = False  # the VM is in images of its own, and no other case can be played with it
        self.programs = {"agent": self.world.build / "xensnapd", "worker": self.world.double.libexec / "xensnap-worker"}

    def _is_left_to_the_next(self):
        """Whether what has failed came behind the outcome: the next operation tidies up."""
        hit = self.player.hit
        if hit and hit.program == "worker":
            resolve([hit], self.programs)
        return hit is not None and any(name in ("store_tidy", "report") for name, _ in hit.functions)

    def clear(self):
        if self.world.untidy or self._is_left_to_the_next():
            if self.world.life() == "stopped":
                self.play("boot")
                self.world.meet(self.world.double.domid())
            self.play("writes 7")
            self.done(f"create name={self.number} memory=no type=external")
        super().clear()

    def has_its_own_images(self):
        """Where a revert could not know that nothing else needs an image it makes another one of it, in which the VM
        stays, and says so."""
        return "no image is put back in its place" in (self.player.status.get("warning") or "")

    def check_empty(self):
        if not self.apart:
            super().check_empty()

    def line_of(self, scenario, name):
        if scenario.operation == "create":
            return f"create name={name} {loops.keys_of(scenario)}"
        return f"{scenario.operation} name={name}"

    def attempt(self, scenario, case):
        """Raises Loss if anything is wrong behind it; returns the calls that it made."""
        self.number += 1
        name = f"s{self.number}"
        self.player.case, self.player.hit, self.player.met = None, None, False
        self.arrange(scenario, name)
        self.world.thorough_every = 1 if case and case.program in ("qemu-img", "space") else THOROUGH_EVERY
        self.player.case = case
        try:
            self.play(self.line_of(scenario, name))
        finally:
            self.player.case = None
        calls, self.apart = self.player.calls, self.has_its_own_images()
        self.clear()
        return calls

    def dry_run(self, scenario):
        """The calls of an operation that nothing happens to, with their ways."""
        self.world.plan.traces = True
        try:
            calls = self.attempt(scenario, None)
        finally:
            self.world.plan.traces = False
        resolve(calls, self.programs)
        return calls

    def story(self):
        """What is known of a failure: the call, the way to it, the agent's log."""
        hit, lines = self.player.hit, []
        if hit:
            resolve([hit], self.programs)
            lines.append(f"{hit.program} {hit.step} {hit.name} {hit.what}")
            lines += [f"  {function} ({file})" for function, file in hit.functions]
        lines.append(f"answer: {self.player.status}")
        with open(self.world.log, encoding="utf-8", errors="replace") as log:
            return lines + log.read().splitlines()[-15:]


def foreign_files():
    """The sources of what stands in libxl's place."""
    return {path.name for path in DOUBLE.glob("*.c")}
