# SPDX-License-Identifier: LGPL-2.1-or-later
"""One operation that is brought to points, one after the other, and the disk as a cut leaves it at each of them."""

import os
import shutil
import time

import points
from machine import Machine, Trouble, lay


class Arrival:
    """What came of it at POINT: the disk, if it came there, and what dom0 said."""

    def __init__(self, point, asked):
        self.point, self.asked = point, asked
        self.disk = None
        self.said = []
        self.seconds = 0

    @classmethod
    def failed(cls, point, text):
        arrival = cls(point, None)
        arrival.said.append(f"FAIL: {text}")
        return arrival

    def told(self, word):
        return next((line.split()[1] for line in self.said if line.startswith(word + " ")), None)

    def rounds(self):
        """That the guest had confirmed before the operation was asked for, and by the cut."""
        return [self.asked or self.told("asked"), self.told("tick")]


class Course:
    """One run of an operation.  At its last point QEMU is killed; at those before it the disk is copied as a kill would
    have left it, see Machine.copy_as_cut."""

    def __init__(self, setting, directory, run, hear):
        self.setting, self.directory, self.run, self.hear = setting, directory, run, hear
        self.began = 0

    def command(self, point, is_first):
        operation, kind, step, when = points.hold_of(point)
        nosync = self.setting.nosync.replace("all", "0")
        if is_first:
            return f"power_cut {operation} {kind} {step} {when} {self.setting.reached} {nosync}"
        return f"power_on {step} {when} {self.setting.reached}"

    def arrivals(self, todo):
        """One for each point, up to the first that it does not come to."""
        layer = f"{self.run}.qcow2"
        self.began = time.monotonic()
        lay(f"{self.directory}/data.raw", layer)
        machine = Machine(self.directory, self.run, layer)
        found = []
        try:
            for point in todo:
                found.append(Arrival(point, found[0].told("asked") if found else None))
                if not self.arrive(machine, found[-1], len(found), point == todo[-1]):
                    break
        except Trouble as trouble:
            found[-1].said.append(f"FAIL: the rig: {trouble}")
        finally:
            machine.cut()
            shutil.rmtree(self.run, ignore_errors=True)
            if found and found[-1].disk == layer:
                found[-1].disk = f"{self.run}.{len(found)}.qcow2"
                os.rename(layer, found[-1].disk)
            elif os.path.exists(layer):
                os.unlink(layer)
        return found

    def arrive(self, machine, arrival, number, is_last):
        """Whether it came there."""
        lines = machine.tell_cut(self.command(arrival.point, number == 1), 600)
        there = self.hear(arrival.said, lines, "cut")
        if there and is_last:
            machine.cut()
            arrival.disk = f"{self.run}.qcow2"
        elif there:
            arrival.disk = f"{self.run}.{number}.qcow2"
            machine.copy_as_cut(f"{self.run}.qcow2", arrival.disk)
            there = list(lines)[-1] == "end 0"
        arrival.seconds = time.monotonic() - self.began
        self.began += arrival.seconds
        return there


def groups(todo, together):
    """Points that one run of an operation can be brought to: those before the steps of an operation and a kind, and
    those after them, for a worker that is stopped before a line cannot be told to stop after it; or each for itself."""
    found = {}
    for point in todo:
        operation, kind, _, when = point.split("/")
        found.setdefault((operation, kind, when) if together else point, []).append(point)
    return list(found.values())
