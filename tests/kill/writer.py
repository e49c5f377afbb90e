# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest would do: stamps every disk, one write after the other, through QEMU's devices.

Writer(world, model) is a thread. It writes while the domain runs, finds the next domain when one is replaced, and
tells the model what it has begun and what was acknowledged. park() returns when no write is under way; go() lets it go
on.
"""
import threading
import time

from guest_disk import Guest, GuestError
from model import STRIDE, Loss, mark

PAUSE = 0.004  # between two writes: others need the processors too
WRITE_SECONDS = 60


class Writer(threading.Thread):
    def __init__(self, world, model):
        super().__init__(daemon=True)
        self.world, self.model = world, model
        self.guest, self.domid = None, None
        self.error = None
        self.may_run, self.parked, self.ended = threading.Event(), threading.Event(), False

    # ---- what others say

    def go(self):
        self.parked.clear()
        self.may_run.set()

    def park(self):
        self.may_run.clear()
        if not self.parked.wait(2 * WRITE_SECONDS):
            raise TimeoutError("the writer does not come to its end")
        if self.error:
            raise self.error

    def end(self):
        self.ended = True
        self.may_run.set()
        self.join(2 * WRITE_SECONDS)
        self._close()

    def flush(self, domid):
        """What QEMU holds of its images in memory goes to the files; the writer is parked."""
        if not self._connect(domid):
            raise Loss(f"domain {domid}: its QEMU does not serve its disks")
        for vdev, disk in self.guest.disks.items():
            disk.flush()
            self._await(disk, f"flush of {vdev}")

    # ---- what it does

    def run(self):
        while True:
            if not self.may_run.is_set():
                self.parked.set()
                self.may_run.wait()
            if self.ended:
                break
            try:
                time.sleep(PAUSE if self._turn() else 2 * PAUSE)
            except Exception as error:  # pylint: disable=broad-except; whoever parks it hears of it
                self.error = error
                self.parked.set()
                return

    def _turn(self):
        """Writes once if there is a domain that runs. A write that is under way when the domain is paused goes on, as
        one that a guest has given to QEMU does; the guest hears of it when it runs again."""
        with self.world.double.while_running() as domid:
            if domid is None or not self.world.may_write(domid) or not self._connect(domid):
                return False
            self.world.meet(domid)
            write = self.model.begin()
            disk = self.guest.disks[write.vdev]
            try:
                disk.write(write.block * STRIDE, mark(write.number))
            except GuestError:
                return self._lost()
        try:
            self._await(disk, f"write {write.number} to {write.vdev}")
        except GuestError:
            return self._lost()
        self.model.acknowledge()
        self._remember(domid, write.number)
        return True

    def _lost(self):
        self.model.lose()
        self._close()
        return False

    @staticmethod
    def _await(disk, what):
        """A disk may be drained for a while, and a job end meanwhile."""
        end = time.monotonic() + WRITE_SECONDS
        while not disk.is_done():
            if time.monotonic() > end:
                raise Loss(f"the {what} was not answered for {WRITE_SECONDS} s")
            time.sleep(PAUSE / 8)

    def _remember(self, domid, number):
        """Only a guest that runs hears of it."""
        with self.world.double.while_running() as now:
            if now == domid:
                self.world.double.remember(domid, number)
                self.model.remembers = number

    def _connect(self, domid):
        if self.guest and self.domid == domid:
            return True
        self._close()
        try:
            self.guest = Guest(self.world.dir / f"qtest-{domid}", self.model.order)
        except GuestError:
            return False
        self.domid = domid
        return True

    def _close(self):
        if self.guest:
            self.guest.close()
        self.guest = None
