# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays an action in a world: an operation, perhaps with kills in it, and all that has to be true behind it.

An action is a line, so that what has failed can be repeated:

    create name=s1 memory=no disk-xvda=internal disk-xvdb=external ! worker after disks 1500
    revert name=s1 start=paused ! both at 80000 ! worker before tidy
    writes 20 | pause | unpause | shutdown | boot

What stands behind a ! is a kill: whom (worker, agent, both), and when. `at N` is N microseconds after the request.
`before STEP` and `after STEP [N]` is when the worker writes that step into its journal, or N microseconds later. A
second kill is in the recovery from the first. An agent that was killed is started again at once, or with `late` at the
end of a kill when its worker has ended.
"""
import collections
import os
import re
import time

import invariants
import procs
import waits
from model import Loss

Kill = collections.namedtuple("Kill", "who when step delay late")
# What a kill has ended, and how many microseconds behind the step.
Hit = collections.namedtuple("Hit", "operation step delay recovery")
HIT_SECONDS = 60


class Action:
    def __init__(self, line):
        self.request, *kills = [part.strip() for part in line.split("!")]
        self.operation = self.request.split()[0]
        self.keys = dict(re.findall(r"(\S+)=(\S+)", self.request))
        self.kills = [parse_kill(kill) for kill in kills]

    def __str__(self):
        return " ! ".join([self.request, *map(format_kill, self.kills)])


def parse_kill(text):
    words = text.split()
    late = words[-1] == "late"
    words = words[:-1] if late else words
    if words[1] == "at":
        return Kill(words[0], "at", None, int(words[2]), late)
    return Kill(words[0], words[1], words[2], int(words[3]) if len(words) > 3 else 0, late)


def format_kill(kill):
    words = [kill.who, kill.when, kill.step or "", str(kill.delay or ""), "late" if kill.late else ""]
    return " ".join(word for word in words if word)


class Player:
    def __init__(self, world):
        self.world = world
        self.played = []  # the actions as they can be repeated
        self.hits = []  # of the last action's kills; None for one that has hit nothing
        self.took = 0  # seconds from the request to the answer, kills and all
        self.status, self.unclear = {}, False
        self.acting = None  # what is being played, for a report

    def play(self, action):
        """Raises Loss where something is not as it has to be behind it."""
        self.hits, self.acting = [], action
        if action.operation in ("create", "delete", "revert", "list"):
            self._operate(action)
        else:
            getattr(self, "_" + action.operation)(*action.request.split()[1:])
        self.played.append(str(action))
        self.acting = None

    def story(self):
        """What led here, to be repeated, and what the agent has said."""
        log = self.world.log.read_text(errors="replace").splitlines()
        played = self.played + ([str(self.acting)] if self.acting else [])
        head = f"to repeat it: storm.py BUILD play FILE {self.world.disks_word()}, with these lines in FILE"
        return "\n".join([head, *played, "the agent's log:", *log[-40:]])

    # ---- what somebody else does

    def _writes(self, count):
        """Until so many more were acknowledged; none if the guest does not run."""
        end, writer = self.world.model.number + int(count), self.world.writer
        writer.go()
        if self.world.life() == "running":
            procs.until(60, lambda: self.world.model.number >= end or writer.error)
            if writer.error or self.world.model.number < end:
                raise writer.error or Loss("the guest runs and cannot write")

    def _pause(self):
        self.world.pause()

    def _unpause(self):
        self.world.unpause()

    def _shutdown(self):
        self.world.writer.park()
        self.world.shut_down()

    def _boot(self):
        self.world.boot()

    # ---- an operation

    def _operate(self, action):
        world = self.world
        life, domid = world.life(), world.double.domid()
        world.coming = ("revert", action.keys["name"]) if action.operation == "revert" else (None, None)
        world.decided = action.operation != "revert"
        self._arm(action.kills[0] if action.kills else None)
        world.model.ask()
        world.writer.go()
        began = time.monotonic()
        ident = world.ask(action.request)
        for at, kill in enumerate(action.kills):
            self._kill(action, at, kill, began, ident)
        self.status = world.wait_final(ident)
        world.model.end_asking()
        world.wait_for_workers()
        self._put_right()
        world.settle()
        self.took = time.monotonic() - began
        world.killpoint.unlink(missing_ok=True)
        world.writer.park()
        done = self._conclude(action, domid)
        world.decided = True
        invariants.check(world, self._life_after(action, life, done))

    def _put_right(self):
        """A recovery that was killed is tried again by the next agent: what came of it is seen then."""
        message = self.status.get("message") or ""
        self.unclear = "could not be put right" in message
        if self.unclear:
            self.world.agent_kill()
            self.world.agent_start()

    def _conclude(self, action, domid):
        world, name, done = self.world, action.keys.get("name"), self._is_done(action, domid)
        if action.operation == "create" and done:
            invariants.learn(world, name)
        elif action.operation == "delete" and done:
            world.model.deleted(name)
        if action.operation in ("delete", "revert") and done:
            world.untidy = False
        if action.operation == "revert" and not done:
            now, back = world.double.domid(), self._went_back()
            world.coming = ("boot", None) if back and now != world.met else (None, None)
            if now != domid and not back:
                raise Loss(f"the revert has failed ({self.status.get('message')}), and there is another domain or none")
        return done

    def _is_done(self, action, domid):
        """By what was answered, or, where that was that nobody knows, by what is seen."""
        message = self.status.get("message") or ""
        if not self.unclear:
            deleted = action.operation == "delete" and "the snapshot is deleted" in message
            return self.status["state"] == "done" or deleted
        if action.operation == "revert":
            return self.world.double.domid() != domid and not self._went_back()
        return invariants.is_stored(self.world, action.keys["name"]) == (action.operation == "create")

    def _went_back(self):
        """Whether the snapshot's state was broken off too often, and the VM was booted from its disks as before."""
        lines = re.findall(rf"request r{self.world.asked}: revert of .*", self.world.log.read_text(errors="replace"))
        return any("as it was before" in line for line in lines)

    @staticmethod
    def _life_after(action, life, done):
        if action.operation != "revert" or not done:
            return life
        return "paused" if action.keys.get("start") == "paused" else "running"

    # ---- kills

    def _arm(self, kill):
        if kill and kill.when != "at":
            text = f"{kill.who} {kill.when} {kill.step} {kill.delay}\n"
            new = self.world.killpoint.with_suffix(".new")
            new.write_text(text)
            new.rename(self.world.killpoint)

    def _kill(self, action, at, kill, began, ident):
        world = self.world
        if at > 0:
            self._arm(kill)
        if kill.when == "at":
            hit = self._kill_at(action.operation, kill, began if at == 0 else time.monotonic(), at > 0)
        else:
            hit = self._await_hit(action, kill, ident, at > 0)
        self.hits.append(hit)
        if hit and kill.when == "at":
            action.kills[at] = kill._replace(when="after", step=hit.step, delay=hit.delay)
        if not world.agent_lives():
            if kill.late:
                procs.until(HIT_SECONDS, lambda: not world.worker())
            world.agent_start()

    def _await_hit(self, action, kill, ident, recovery):
        """Until the library has killed, or the operation has ended without coming there."""
        world, deaths = self.world, self._deaths()
        fired = procs.until(HIT_SECONDS, lambda: not world.killpoint.exists() or self._is_over(ident), 0.002)
        if world.killpoint.exists():
            world.killpoint.unlink(missing_ok=True)
            if not fired:
                raise TimeoutError(f"{action}: it neither came there nor ended")
            return None
        # what is killed later may have ended by then
        procs.until(HIT_SECONDS, lambda: self._deaths() != deaths or self._is_over(ident), 0.002)
        return Hit(action.operation, kill.step, kill.delay, recovery) if self._deaths() != deaths else None

    def _deaths(self):
        """Changes with each death of a worker or of the agent."""
        world = self.world
        return world.agent_lives(), world.log.read_text().count("ended without a result")

    def _is_over(self, ident):
        return self.world.state(ident) in ("done", "failed", "cancelled", "rejected")

    def _kill_at(self, operation, kill, began, recovery):
        world = self.world
        while time.monotonic() < began + kill.delay / 1e6:
            time.sleep(max(0, min(0.002, began + kill.delay / 1e6 - time.monotonic())))
        worker = world.worker()
        targets = [pid for pid in ([worker] if kill.who != "agent" else []) +
                   ([world.agent.pid] if kill.who != "worker" else []) if pid]
        standing = [pid for pid in targets if procs.stop(pid)]
        step, age = self._last_step()
        lives = worker and (worker in standing or procs.is_alive(worker))
        for pid in standing:
            procs.kill(pid)
        if world.agent.pid in standing:
            world.agent.wait(HIT_SECONDS)
        if not lives or step is None or not standing:
            return None
        return Hit(operation, step, age, recovery)

    def _last_step(self):
        """The last step in the journal, "begun" if there is none yet, and how many microseconds ago it was written;
        None: there is no journal."""
        path = self.world.store / self.world.vm / "journal"
        try:
            text, written = path.read_text(), os.stat(path).st_mtime_ns
        except OSError:
            return None, 0
        words = re.findall(r'^{"(step|outcome)": ?"([^"]*)"', text, re.M)
        step = "begun" if not words else "outcome" if words[-1][0] == "outcome" else words[-1][1]
        return (step if text else None), max(0, time.time_ns() - written) // 1000
