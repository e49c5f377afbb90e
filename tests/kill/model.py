# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the disks of a domain have to hold: every write's number, for the current disks and for each snapshot.

Writes are numbered from 1 and done one at a time, over all disks in turn. A block holds one number, so the state of a
disk is a list of numbers, 0 for a block that was never written. A snapshot is of one instant if its disks are the
state after the same write k; and k lies between what was acknowledged when the snapshot was asked for and what was
begun when it was done.

In the images a number is a byte, mark(), that fills the block. Two writes to one block have the same mark only if
MARKS * blocks * disks lie between them, some 24,000.
"""
import collections
import threading

BLOCK = 4096  # bytes that a write covers
STRIDE = 32768  # from one block to the next: two in a cluster, so that half of one is copied
MARKS = 251  # a prime, so that no number of blocks divides it

Write = collections.namedtuple("Write", "number vdev block")


class Loss(Exception):
    """Something is not as it has to be; the argument is the sentence."""


def mark(number):
    return number % MARKS + 1 if number else 0


def render(marks):
    """The bytes of a disk in that state."""
    return b"".join(bytes([value]) * BLOCK + bytes(STRIDE - BLOCK) for value in marks)


def parse(data, where):
    """The marks of the state that DATA is; Loss if it is none, byte for byte."""
    marks = [data[at] for at in range(0, len(data), STRIDE)]
    want = render(marks)
    if data != want:
        at = next(i for i, byte in enumerate(want) if i >= len(data) or data[i] != byte)
        raise Loss(f"{where}: byte {at} is nothing that was ever written there")
    return marks


class Moment:
    """The state at a request, and what was written from then on."""

    def __init__(self, state, remembers, pending):
        self.state = {vdev: list(numbers) for vdev, numbers in state.items()}
        self.remembers = remembers
        self.writes = [pending] if pending else []
        self.begun_at_end = None  # how many of the writes were begun when it was over

    def states(self):
        """Every state from then on, the writer's one by one."""
        state = {vdev: list(numbers) for vdev, numbers in self.state.items()}
        yield state
        for write in self.writes[:self.begun_at_end]:
            state[write.vdev][write.block] = write.number
            yield state

    def memories(self, k):
        """What a memory of that instant may remember: the guest hears of a write after it is in the disk."""
        numbers = [self.remembers] + [write.number for write in self.writes[:k]]
        return set(numbers[-2:])


class Model:
    def __init__(self, disks):
        """DISKS: how many blocks each has, by vdev."""
        self.lock = threading.RLock()
        self.order = sorted(disks)
        self.state = {vdev: [0] * blocks for vdev, blocks in disks.items()}
        self.maybe = {}  # (vdev, block): a number that was begun and never acknowledged
        self.snapshots = {}  # name: the state of its disks
        self.parents, self.current = {}, None
        self.memories = {}  # name: the writes of which the memory in it may know as the last one
        self.number = 0
        self.remembers = 0  # the last write that the guest's memory knows of
        self.moment = None
        self.pending = None

    # ---- the writer's side

    def begin(self):
        """The next write. It is in the disks, or not, until it is acknowledged."""
        with self.lock:
            self.number += 1
            vdev = self.order[self.number % len(self.order)]
            block = self.number // len(self.order) * 7 % len(self.state[vdev])
            self.pending = Write(self.number, vdev, block)
            if self.moment:
                self.moment.writes.append(self.pending)
            return self.pending

    def acknowledge(self):
        with self.lock:
            write, self.pending = self.pending, None
            self.state[write.vdev][write.block] = write.number
            self.maybe.pop((write.vdev, write.block), None)

    def lose(self):
        """The connection ended before the answer."""
        with self.lock:
            write, self.pending = self.pending, None
            self.maybe[write.vdev, write.block] = write.number

    # ---- the requester's side

    def ask(self):
        """From here on a snapshot may be of any moment, until end_asking()."""
        with self.lock:
            self.moment = Moment(self.state, self.remembers, self.pending)

    def end_asking(self):
        with self.lock:
            if self.moment and self.moment.begun_at_end is None:
                self.moment.begun_at_end = len(self.moment.writes)

    def reverted(self, name):
        """The domain is now the one of that snapshot; disks that are not in it stay what they are."""
        with self.lock:
            self.current = name
            for vdev, numbers in self.snapshots[name].items():
                self.state[vdev] = list(numbers)
            self.maybe = {key: n for key, n in self.maybe.items() if key[0] not in self.snapshots[name]}

    def deleted(self, name):
        with self.lock:
            del self.snapshots[name]
            self.memories.pop(name, None)
            parent = self.parents.pop(name)
            self.parents = {child: parent if of == name else of for child, of in self.parents.items()}
            self.current = parent if self.current == name else self.current

    def _at(self, number, vdev, block, seen):
        """The number of what was seen there: NUMBER, or one that was begun and never acknowledged; None: neither."""
        if seen == mark(number):
            return number
        other = self.maybe.get((vdev, block))
        return other if other and seen == mark(other) else None

    def _seen(self, state, content):
        """The state of the disks in CONTENT, if it can be STATE; or None."""
        found = {vdev: [self._at(state[vdev][block], vdev, block, seen) for block, seen in enumerate(marks)]
                 for vdev, marks in content.items()}
        return found if all(None not in numbers for numbers in found.values()) else None

    def took(self, name, content, memory):
        """A snapshot was made: of one instant since ask(), or Loss. Returns how many writes after ask() it is."""
        with self.lock:
            for k, state in enumerate(self.moment.states()):
                found = self._seen(state, content)
                if found:
                    self.snapshots[name] = found
                    self.parents[name], self.current = self.current, name
                    if memory:
                        self.memories[name] = self.moment.memories(k)
                    return k
        raise Loss(f"snapshot {name} is of no one instant: {self._explain(content)}")

    def _explain(self, content):
        states = [{vdev: list(state[vdev]) for vdev in content} for state in self.moment.states()]
        lines = []
        for vdev, marks in content.items():
            fits = [k for k, state in enumerate(states) if self._seen(state, {vdev: marks})]
            lines.append(f"{vdev} is of write {fits[0]} to {fits[-1]} since it was asked for" if fits else
                         f"{vdev} is of none, and compared with the first {differences(states[0][vdev], marks)}")
        return "; ".join(lines)

    def check_snapshot(self, name, content):
        for vdev, marks in content.items():
            want = self.snapshots[name][vdev]
            if marks != [mark(number) for number in want]:
                raise Loss(f"snapshot {name}, {vdev}: {differences(want, marks)}")

    def check_current(self, content):
        """All that was acknowledged is there; what was not may be, and is known from now on."""
        with self.lock:
            for vdev, marks in content.items():
                found = self._seen(self.state, {vdev: marks})
                if not found:
                    raise Loss(f"{vdev} now: {differences(self.state[vdev], marks)}")
                self.state[vdev] = found[vdev]
            self.maybe = {key: n for key, n in self.maybe.items() if key[0] not in content}


def differences(want, marks):
    wrong = [f"block {b} is {marks[b]} instead of {mark(n)} (write {n})" for b, n in enumerate(want) if mark(n) != marks[b]]
    return f"{len(wrong)} of {len(want)} blocks are wrong: {', '.join(wrong[:5])}"
