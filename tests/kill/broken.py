#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""broken.py BUILD: that the invariants can fail. A world is broken in each way, which has to be told in the words for
it, and is mended again. Ends with "N passed, N failed, N skipped"."""
import contextlib
import fcntl
import os
import re
import subprocess
import sys

import images
import invariants
from model import BLOCK, STRIDE, Loss
from player import Action, Player
from storm import DISKS
from world import VM, World


def put(path, at, data):
    """Returns what was there."""
    with images.writable(path), open(path, "r+b") as file:
        file.seek(at)
        before = file.read(len(data))
        file.seek(at)
        file.write(data)
        return before


@contextlib.contextmanager
def changed(path, at, data):
    """Other bytes there, behind everybody's back."""
    before = put(path, at, data)
    yield
    put(path, at, before)


@contextlib.contextmanager
def flagged(path, on):
    images.set_immutable(path, on)
    yield
    images.set_immutable(path, not on)


@contextlib.contextmanager
def replaced(path, pattern, text):
    before = path.read_text()
    path.write_text(re.sub(pattern, text, before))
    yield
    path.write_text(before)


@contextlib.contextmanager
def there(path):
    path.write_text("")
    yield
    path.unlink()


@contextlib.contextmanager
def moved(path, to):
    path.rename(to)
    yield
    to.rename(path)


@contextlib.contextmanager
def called(act, undo):
    act()
    yield
    undo()


@contextlib.contextmanager
def running(world):
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, **world.double.environment()})
    yield
    process.kill()
    process.wait()


@contextlib.contextmanager
def locked(path):
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def node(world, path):
    world.xs.write(path, "")
    yield
    world.xs.remove(path)


@contextlib.contextmanager
def remembered(world, number):
    before = world.model.remembers
    world.double.remember(world.met, number)
    yield
    world.double.remember(world.met, before)


@contextlib.contextmanager
def expected(world, name):
    """A snapshot that was promised and is not there."""
    world.model.snapshots[name], world.model.parents[name] = {}, None
    yield
    del world.model.snapshots[name], world.model.parents[name]


@contextlib.contextmanager
def acknowledged(world):
    """A write that no disk has."""
    state = world.model.state["xvda"]
    before, state[3] = state[3], world.model.number + 1
    yield
    state[3] = before


@contextlib.contextmanager
def otherwise(model, name, value):
    """The model knows something else."""
    before = getattr(model, name)
    setattr(model, name, value)
    yield
    setattr(model, name, before)


def first_count(path):
    """Where a qcow2 image counts who uses its first cluster, which is its header."""
    with open(path, "rb") as file:
        file.seek(48)
        file.seek(int.from_bytes(file.read(8), "big"))
        return int.from_bytes(file.read(8), "big")


@contextlib.contextmanager
def leaking(world):
    """A descriptor that the agent has kept."""
    before = world.idle_descriptors
    world.idle_descriptors = before[1:]
    yield
    world.idle_descriptors = before


def breaks(world):
    """What is broken, how it is told, and that it is."""
    base, vm = world.bases["xvdb"][0], world.store / VM
    one = next(path for path in vm.iterdir() if len(path.name) == 36 and path.is_dir())
    tagged = world.bases["xvda"][0]
    return [
        ("snapshot", r"snapshot \w+, xvdb: 1 of 32 blocks are wrong", changed(base, 5 * STRIDE, b"\x11" * BLOCK)),
        ("snapshot-byte", r"snapshot \w+, xvdb: byte \d+ is nothing that was ever written", changed(base, 77, b"x")),
        ("current", r"xvda now: 1 of 32 blocks are wrong", acknowledged(world)),
        ("memory", r"its memory is of write 1 and was of", remembered(world, 1)),
        ("paused", r"the domain is paused and has to be running", called(world.pause, world.unpause)),
        ("config", r"config.json has", replaced(vm / "config.json", r"(disk xvdb \S+ rw ).*", r"\1/elsewhere")),
        ("disk-cfg", r"disk.cfg has", replaced(vm / "disk.cfg", "vdev=xvdb", "vdev=xvdz")),
        ("libxl", r"libxl's has", replaced(world.dir / f"userdata/{world.met}", "disk xvdb", "disk xvdz")),
        ("store-file", r"left in the store: \.trash", there(vm / ".trash")),
        ("snapshot-file", r"left in snapshot", there(one / "memory.new")),
        ("images", r"beside the VM's images", there(world.images / "xvdz.qcow2")),
        ("protection", r"xvdb.raw is (not )?immutable, and has to be (not )?so", flagged(base, not world.protects)),
        ("protected-head", r" is immutable, and has to be not so", flagged(world.configured()["xvdb"][0], True)),
        ("record", r"the store has", moved(one, vm / ".away")),
        ("list", r"/tool/xensnap/vm/\S+ has", expected(world, "promised")),
        ("parent", r"parents are", otherwise(world.model, "parents", {"a": "a"})),
        ("current-snapshot", r"current is a, and has to be None", otherwise(world.model, "current", None)),
        ("damaged-image", r"qemu-img check finds \d+ errors", changed(tagged, first_count(tagged), b"\0\0")),
        ("process", r"process \d+ is left: sleep", running(world)),
        ("descriptor", r"the agent's descriptors are", leaking(world)),
        ("lock", r"a lock is held in the store", locked(vm / "config.json")),
        ("run-directory", r"left in the run directory: monitor", there(world.run_dir / f"monitor/{VM}.99")),
        ("node", r"left in xenstore: /local/domain/99", node(world, "/local/domain/99")),
        ("tag", r"holds the tags", called(lambda: images.qemu_img("snapshot", "-c", "stray", tagged),
                                          lambda: images.qemu_img("snapshot", "-d", "stray", tagged))),
    ]


def told(world, words):
    """None if it is told in these words; otherwise what is told."""
    try:
        invariants.check(world, "running")
        return "nothing was told"
    except Loss as loss:
        return None if re.search(words, str(loss)) else str(loss)


def main(build):
    passed, failed = 0, 0
    build = os.path.abspath(build)
    with World(build, DISKS, f"{build}/tests/kill/killpoint.so") as world:
        player = Player(world)
        for line in "writes 40", "create name=a disk-xvda=internal disk-xvdb=external disk-xvdc=external", "writes 10":
            player.play(Action(line))
        world.writer.park()
        for name, words, broken in breaks(world):
            with broken:
                wrong = told(world, words)
            print(f"ok {name}" if wrong is None else f"not ok {name}: {wrong}", flush=True)
            passed, failed = passed + (wrong is None), failed + (wrong is not None)
        invariants.check(world, "running")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
