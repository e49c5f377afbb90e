# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's driver for its disks: QEMU's virtio devices as a guest sees them, through the socket that -qtest gives.

Guest(path, vdevs) finds the devices; write() and flush() begin a request, is_done() tells whether QEMU has answered it.
So a request takes the way that a guest's takes: it waits in the ring while QEMU has the disk drained, and is under way
while the domain is paused. (qemu-io in QEMU's monitor goes another way, on which QEMU 7.2 stands still or dies of an
assertion when a job is about to end.)

The devices are the legacy ones of virtio-blk-pci; the memory above 1 MiB is ours, for the processor stands still.
"""
import os
import socket
import struct

ANSWER_SECONDS = 30
CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
VIRTIO_BLK = 0x10011AF4  # device and vendor
PORTS, MEMORY = 0xC000, 0x100000  # where the first disk's are; the next follow
GUEST_FEATURES, QUEUE_PFN, QUEUE_SIZE, QUEUE_SELECT, QUEUE_NOTIFY, STATUS = 4, 8, 12, 14, 16, 18
FEATURE_FLUSH, DRIVER_OK = 1 << 9, 7
OUT, FLUSH = 1, 4
NEXT, WRITABLE = 1, 2
DATA_BYTES = 4096


class GuestError(RuntimeError):
    """QEMU is gone, or has refused a request."""


class Wire:
    """qtest's lines: as many answers as questions."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(ANSWER_SECONDS)
        try:
            self.socket.connect(str(path))
        except OSError as error:
            self.socket.close()
            raise GuestError(f"{path}: {error}") from error
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, *lines):
        try:
            self.socket.sendall("".join(f"{line}\n" for line in lines).encode())
            answers = [self.file.readline().decode().split() for _ in lines]
        except OSError as error:
            raise GuestError(f"QEMU does not answer: {error}") from error
        if not all(answer and answer[0] == "OK" for answer in answers):
            raise GuestError(f"QEMU has gone, or refuses one of {lines}: {answers}")
        return [int(answer[1], 0) if len(answer) > 1 else None for answer in answers]


class Disk:
    """One device, and one request at a time."""

    def __init__(self, wire, slot, number):
        self.wire = wire
        self.ports, self.memory = PORTS + number * 0x100, MEMORY + number * 0x10000
        self._configure(slot)
        self.size = self._start()
        self.used = self.memory + (16 * self.size + 6 + 2 * self.size + 4095) // 4096 * 4096
        self.header, self.status, self.data = self.memory + 0x8000, self.memory + 0x8100, self.memory + 0x9000
        self.begun = 0

    def _configure(self, slot):
        base = 0x80000000 | slot << 11
        self.wire.ask(f"outl {CONFIG_ADDRESS} {base | 0x10}", f"outl {CONFIG_DATA} {self.ports | 1}",
                      f"outl {CONFIG_ADDRESS} {base | 0x04}", f"outw {CONFIG_DATA} 5")

    def _start(self):
        size = self.wire.ask(f"outb {self.ports + STATUS} 0", f"outb {self.ports + STATUS} 3",
                             f"outl {self.ports + GUEST_FEATURES} {FEATURE_FLUSH}", f"outw {self.ports + QUEUE_SELECT} 0",
                             f"inw {self.ports + QUEUE_SIZE}", f"memset {self.memory} 0x10000 0",
                             f"outl {self.ports + QUEUE_PFN} {self.memory >> 12}",
                             f"outb {self.ports + STATUS} {DRIVER_OK}")[4]
        return size

    def _submit(self, kind, sector, *lines):
        """Descriptors: the header, the data of a write, the status."""
        parts = [(self.header, 16, NEXT)] + ([(self.data, DATA_BYTES, NEXT)] if kind == OUT else [])
        parts.append((self.status, 1, WRITABLE))
        table = b"".join(struct.pack("<QIHH", *part, n + 1) for n, part in enumerate(parts))
        header, avail = struct.pack("<IIQ", kind, 0, sector), self.memory + 16 * self.size
        slot, self.begun = self.begun % self.size, (self.begun + 1) % 65536
        self.wire.ask(*lines, f"write {self.memory} {len(table)} 0x{table.hex()}", f"writeb {self.status} 0xff",
                      f"write {self.header} 16 0x{header.hex()}", f"writew {avail + 4 + 2 * slot} 0",
                      f"writew {avail + 2} {self.begun}", f"outw {self.ports + QUEUE_NOTIFY} 0")

    def write(self, offset, byte):
        """Begins to fill DATA_BYTES at OFFSET with BYTE."""
        self._submit(OUT, offset // 512, f"memset {self.data} {DATA_BYTES} {byte}")

    def flush(self):
        self._submit(FLUSH, 0)

    def is_done(self):
        index, status = self.wire.ask(f"readw {self.used + 2}", f"readb {self.status}")
        if index != self.begun:
            return False
        if status:
            raise GuestError(f"the disk answers {status}")
        return True


class Guest:
    def __init__(self, path, vdevs):
        """VDEVS in the order in which QEMU was given its disks."""
        self.wire = Wire(path)
        try:
            slots = [slot for slot in range(32) if self._device_at(slot) == VIRTIO_BLK]
            if len(slots) != len(vdevs):
                raise GuestError(f"{len(slots)} disks instead of {os.path.basename(str(path))}'s {len(vdevs)}")
            self.disks = {vdev: Disk(self.wire, slot, n) for n, (vdev, slot) in enumerate(zip(vdevs, slots))}
        except GuestError:
            self.close()
            raise

    def _device_at(self, slot):
        return self.wire.ask(f"outl {CONFIG_ADDRESS} {0x80000000 | slot << 11}", f"inl {CONFIG_DATA}")[1]

    def close(self):
        self.wire.close()
