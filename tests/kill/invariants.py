# SPDX-License-Identifier: LGPL-2.1-or-later
"""What has to be true whenever no operation is under way, whatever has happened before.

check(world, life) parks the writer, compares everything there is with what the model knows, and raises Loss with all
that is wrong, a line each. LIFE is what the domain has to be: running, paused or stopped. The snapshots that have to
be there are those of the model: learn(world, name) looks at one that a create has made, world.model.deleted(name) is
for one that is gone.
"""
import json
import os

import images
import procs
from model import Loss, parse
from world import VM

# A file is replaced by writing NAME.new; one that a kill has left is written over, or goes with its directory.
REPLACED = {"config.json", "disk.cfg", "images.json", "current"}
SNAPSHOT_FILES = {"snapshot.json", "config.json", "memory", "snapshot.json.new", "config.json.new"}
VM_FILES = REPLACED | {f"{name}.new" for name in REPLACED | {"next.json", "kept", "owed"}}


class Sight:
    """What one look at the world shows, so that each image is looked at once."""

    def __init__(self, world, life, thorough=True):
        self.world, self.life, self.chains = world, life, images.Chains(world.looked_at, thorough)
        self.records = {record["name"]: record for record in _records(world)}
        self.now = world.configured() if life == "stopped" else world.written_to()
        for path, kind in list(self.now.values()) + list(world.bases.values()):
            self.chains.look(path, kind)
        for record in self.records.values():
            for disk in record["disks"]:
                self.chains.look(disk["target"], disk["format"])

    @property
    def images(self):
        """Every image that something stands on, and the VM's own: what is known of it, by path."""
        return self.chains.images

    def snapshot(self, name):
        """The marks on each disk of it."""
        state = {}
        for disk in self.records[name]["disks"]:
            data = self.chains.content(disk["target"], disk["format"], disk.get("tag"))
            state[disk["vdev"]] = parse(data, f"snapshot {name}, {disk['vdev']}")
        return state

    def current(self):
        return {vdev: parse(self.chains.content(path, kind), f"{vdev} now") for vdev, (path, kind) in self.now.items()}


def _records(world):
    directory = world.store / VM
    names = os.listdir(directory) if directory.is_dir() else []
    for name in names:
        if (directory / name).is_dir() and not name.startswith("."):
            yield json.loads((directory / name / "snapshot.json").read_text())


def is_stored(world, name):
    return any(record["name"] == name for record in _records(world))


def learn(world, name):
    """A create has ended as done: its disks have to be of one instant. The writer is parked."""
    if world.life() == "running":
        world.writer.flush(world.double.domid())
    sight = Sight(world, world.life(), world.thorough_every == 1)
    if name not in sight.records:
        raise Loss(f"snapshot {name} is done and not in the store")
    return world.model.took(name, sight.snapshot(name), "memory" in sight.records[name])


def check(world, life):
    """Each world.thorough_every-th time with qemu-img; and whenever something seems wrong."""
    world.writer.park()
    wrong = _first(world, life)
    if not wrong:
        world.looks += 1
        thorough = world.looks % world.thorough_every == 0
        wrong = _wrong(world, life, thorough)
        if wrong and not thorough:
            wrong = _wrong(world, life, True)
    if wrong:
        raise Loss("\n".join(wrong))


def _wrong(world, life, thorough):
    sight = Sight(world, life, thorough)
    wrong = []
    for part in _lists, _disks, _configurations, _store, _tags, _images, _protection, _xenstore, _locks:
        try:
            wrong += part(world, sight) or []
        except (Loss, images.ImageError) as error:
            wrong.append(str(error))
    return wrong


def _first(world, life):
    """Without these nothing else can be looked at."""
    try:
        return _domain(world, life) + _agent(world) + _processes(world, life)
    except Loss as loss:
        return [str(loss)]


# ---- the domain

def _domain(world, life):
    found = world.double.all_domids()
    if life == "stopped":
        return [f"domains {found}, and the VM was stopped"] if found else []
    if len(found) != 1 or world.double.domids() != found:
        return [f"not exactly one domain: {found}, of the VM {world.double.domids()}"]
    world.meet(found[0])
    world.writer.flush(found[0])
    world.check_memory()
    now = world.life()
    return [] if now == life else [f"the domain is {now} and has to be {life}"]


def _agent(world):
    if not world.agent_lives():
        return ["the agent has ended"]
    if procs.until(5, lambda: procs.descriptors(world.agent.pid) == world.idle_descriptors):
        return []
    return [f"the agent's descriptors are {procs.descriptors(world.agent.pid)} and were {world.idle_descriptors}"]


def _processes(world, life):
    """Allowed are the domain's QEMU and what looks after it, and nothing else below us."""
    domid = None if life == "stopped" else world.met
    if procs.until(5, lambda: not _strangers(world, domid)):
        return []
    return [f"process {pid} is left: {' '.join(procs.arguments(pid))}" for pid in _strangers(world, domid)]


def _strangers(world, domid):
    return set(world.descendants()) - {world.xenstored.pid, world.agent.pid, *world.processes_of(domid)}


# ---- what is said of the snapshots

def _lists(world, sight):
    want = sorted(world.model.snapshots)
    wrong = []
    trees = [f"/tool/xensnap/vm/{VM}/list"]
    if sight.life != "stopped":
        trees.append(f"/local/domain/{world.met}/snapshot/list")
    for tree in trees:
        listed = procs.until(5, lambda tree=tree: _names(world, tree) == want) or _names(world, tree)
        if listed is not True:
            wrong.append(f"{tree} has {listed}, and has to have {want}")
    if sorted(sight.records) != want:
        wrong.append(f"the store has {sorted(sight.records)}, and has to have {want}")
    parents = {entry["name"]: entry.get("parent") for entry in world.list()}
    ids = {record["id"]: name for name, record in sight.records.items()}
    told = {name: ids.get(parent) for name, parent in parents.items()}
    if not wrong and told != world.model.parents:
        wrong.append(f"parents are {told}, and have to be {world.model.parents}")
    current = next((entry["name"] for entry in world.list() if entry.get("current") == "1"), None)
    if not wrong and current != world.model.current:
        wrong.append(f"current is {current}, and has to be {world.model.current}")
    return wrong


def _names(world, tree):
    return sorted(entry["name"] for entry in world.list(tree))


def _disks(world, sight):
    checks = [lambda name=name: world.model.check_snapshot(name, sight.snapshot(name))
              for name in sorted(set(world.model.snapshots) & set(sight.records))]
    wrong = []
    for check_one in checks + [lambda: world.model.check_current(sight.current())]:
        try:
            check_one()
        except (Loss, images.ImageError) as error:
            wrong.append(str(error))
    return wrong


# ---- configurations

def _configurations(world, sight):
    """What the VM is started with next, by whomever, is what it writes to now."""
    stored = {"config.json": world.stored(), "disk.cfg": world.configured()}
    if sight.life != "stopped":
        stored["libxl's"] = world.double.configured(world.met)
    return [f"{what} has {disks}, and it writes to {sight.now}" for what, disks in stored.items() if disks != sight.now]


# ---- what is left over

def _store(world, sight):
    directory = world.store / VM
    if not directory.is_dir():
        return [f"left in the store: {name}" for name in os.listdir(world.store)]
    ids = {record["id"]: record for record in sight.records.values()}
    noted, wrong = {image["path"] for image in world.noted_images()}, []
    waiting = {image["path"] for image in world.noted_images() if image["role"] == "retired" and image.get("waits")}
    for entry in sorted(os.listdir(directory)):
        path = str(directory / entry)
        if entry in ids:
            strange = set(os.listdir(path)) - SNAPSHOT_FILES
            wrong += [f"left in snapshot {ids[entry]['name']}: {sorted(strange)}"] if strange else []
        elif entry not in VM_FILES and path not in sight.images.keys() | waiting and not (
                world.untidy and path in noted):
            wrong.append(f"left in the store: {entry}")
    return wrong


def _tags(world, sight):
    """In each image the tags of the snapshots that are in it, and those that wait for their removal."""
    want = {path: {tag for image in world.noted_images() if image["path"] == path for tag in image.get("remove", [])}
            for path in sight.images}
    for record in sight.records.values():
        for disk in record["disks"]:
            if disk.get("tag"):
                want[disk["target"]].add(disk["tag"])
    return [f"{path} holds the tags {sorted(image['tags'])}, and has to hold {sorted(want[path])}"
            for path, image in sight.images.items() if sorted(image["tags"]) != sorted(want[path])]


def _images(world, sight):
    """Nothing beside the VM's own images; and all qcow2 images are whole. Leaked clusters lose nothing: counted."""
    strange = set(os.listdir(world.images)) ^ {os.path.basename(path) for path, _ in world.bases.values()}
    wrong = [f"beside the VM's images, or missing: {sorted(strange)}"] if strange else []
    for path, image in sight.images.items():
        if image["kind"] == "qcow2":
            leaks, errors, first = sight.chains.complaint(path)
            world.leaks = max(world.leaks, leaks)
            wrong += [f"{path}: qemu-img check finds {errors} errors: {first}"] if errors else []
    return wrong


def _protection(world, sight):
    """Of the images in the ledger exactly those are immutable that are a snapshot, or on which something stands that is
    not given up; and none of those that the VM is in. None is where nothing is to be protected."""
    noted = {image["path"]: image for image in world.noted_images() if os.path.exists(image["path"])}
    chains = images.Chains(world.looked_at, sight.chains.thorough)
    heads = {path for path, _ in sight.now.values()}
    wanted = set()
    for path, image in sight.images.items():
        chains.look(path, image["kind"])
    for path, image in noted.items():
        if image["role"] != "retired":
            chains.look(path, image["format"])
    for record in sight.records.values():
        wanted |= {disk["target"] for disk in record["disks"] if not disk.get("tag")}
    wanted |= {image["below"][0] for image in chains.images.values() if image["below"]}
    wanted = wanted if world.protects else set()
    found = {path: images.is_immutable(path) for path in noted}
    return [f"{path} is {'' if is_now else 'not '}immutable, and has to be {'' if path in wanted - heads else 'not '}so"
            for path, is_now in found.items() if is_now is not None and is_now != (path in wanted - heads)]


def _xenstore(world, sight):
    """Nodes of no other domain and VM than ours. (libxl's own below /libxl and /vm are libxl's.)"""
    domids = {"0"} if sight.life == "stopped" else {"0", str(world.met)}
    wrong = []
    for where, want in ("/local/domain", domids), ("/tool/xensnap/vm", {VM}):
        strange = set(world.xs.list(where)) - want
        wrong += [f"left in xenstore: {where}/{name}" for name in sorted(strange)]
    return wrong


def _locks(world, sight):
    """In the run directory at most the file of the domain, if it is in our care; in the store no flock. (QEMU locks
    overlays that it was told of while it ran, in another way.)"""
    wrong, own = [], None if sight.life == "stopped" else f"{VM}.{world.met}"
    for care in "monitor", "late":
        directory = world.run_dir / care
        there = os.listdir(directory) if directory.is_dir() else []
        wrong += [f"left in the run directory: {care}/{entry}" for entry in there if entry != own]
    ours = {_as_in_locks(os.stat(path)) for path in _files(world.store)}
    with open("/proc/locks", encoding="ascii") as file:
        held = [line.strip() for line in file if "FLOCK" in line and line.split()[-3] in ours]
    return wrong + [f"a lock is held in the store: {line}" for line in held]


def _as_in_locks(found):
    """How /proc/locks names a file; its number alone may be another file system's."""
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"


def _files(top):
    return [os.path.join(root, name) for root, _, names in os.walk(top) for name in names]
