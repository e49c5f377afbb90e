# SPDX-License-Identifier: LGPL-2.1-or-later
"""The saved machines that all power cuts begin from, made once for each state of the tree.

"boot" is a dom0 that has come up with the product in it and has not touched its data disk.  "internal", "external" and
"mixed" are that dom0 with the agent, a guest that writes, and two snapshots of that kind.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess

from machine import Lines, Machine, Trouble, save

HERE = os.path.dirname(os.path.abspath(__file__))
XEN = os.path.dirname(HERE)
TOP = os.path.dirname(os.path.dirname(XEN))
BUILD = os.environ.get("XEN_MACHINE_DIR", os.path.join(TOP, "build", "xen"))
INSTALL = os.path.join(BUILD, "install")
SCRIPT = os.path.join(XEN, "machine")
SOURCES = ["/root/tests/dom0/" + name for name in ("lib.sh", "snap.sh", "disks.sh", "power.sh")]
# A guest of 96 MB, and room for the one that takes its place.
BOOT = ["--vcpus", "1", "--mem", "2048", "--dom0-mem", "1024", "--line", "yes", "--deadline", "900"]


def files_of(*places):
    for place in places:
        for directory, _, names in os.walk(place):
            yield from (os.path.join(directory, name) for name in names if not name.endswith(".pyc"))
        if os.path.isfile(place):
            yield place


def key_of_tree():
    """Changes with all that a saved machine is made of."""
    key = hashlib.sha256(" ".join([os.environ["XEN_MACHINE_IMAGE"], *BOOT]).encode())
    dom0 = [f"{XEN}/dom0/{os.path.basename(source)}" for source in [*SOURCES, "power-records.py"]]
    for path in sorted(files_of(INSTALL, *dom0, f"{XEN}/killpoint.c", f"{XEN}/nosync.c", f"{XEN}/host/power.sh")):
        key.update(path.encode())
        with open(path, "rb") as file:
            key.update(file.read())
    return key.hexdigest()[:12]


def find_image():
    """The image is the machine's affair; it is made once, and not looked for again at each boot."""
    if "XEN_MACHINE_IMAGE" not in os.environ:
        subprocess.run([SCRIPT, "root"], check=True)
        images = sorted(glob.glob(f"{BUILD}/image-*"), key=os.path.getmtime)
        os.environ["XEN_MACHINE_IMAGE"] = images[-1]


def machine_script(instance, *words):
    """What it says of its progress goes into a file, as what it does is told in one line."""
    with open(f"{BUILD}/power/machine.log", "a", encoding="utf-8") as log:
        done = subprocess.run([SCRIPT, *words], check=False, stderr=log, stdin=subprocess.DEVNULL,
                              env=os.environ | {"XEN_MACHINE_INSTANCE": instance})
    if done.returncode != 0:
        raise Trouble(f"machine {words[0]}: exit code {done.returncode}, see {log.name}")


def make_disk(path):
    """A data disk: ext4 as mke2fs makes it."""
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", path], check=True)


def build_libraries(directory):
    os.makedirs(directory, exist_ok=True)
    for name in ("killpoint", "nosync"):
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", f"{directory}/{name}.so",
                        f"{XEN}/{name}.c", "-ldl"], check=True)


def boot(instance, data):
    """Boots for real, with DATA as the data disk, and leaves dom0 listening at its line."""
    libraries = f"{BUILD}/power/libraries"
    build_libraries(libraries)
    machine_script(instance, "up", *BOOT, "--disk", data)
    machine_script(instance, "push", INSTALL)
    machine_script(instance, "put", f"{XEN}/dom0", "/root/tests/dom0")
    machine_script(instance, "put", libraries, "/usr/local/lib/xensnap-tests")
    serve = "; ".join(f". {source}" for source in SOURCES) + "; power_serve"
    machine_script(instance, "exec",
                   f"modprobe virtio_console; setsid bash -c '{serve}' < /dev/null > /dev/null 2>&1 &")


def forget(run):
    """All that a machine has left."""
    shutil.rmtree(run, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(run + ".lock")


class Booted(Machine):
    """One that has been booted for real; slower, and with nothing that was saved."""

    def __init__(self, instance, data):  # pylint: disable=super-init-not-called
        self.instance = instance
        try:
            boot(instance, data)
            self.line = Lines(f"{BUILD}/run-{instance}/line")
        except BaseException:
            self.cut()
            raise

    def cut(self):
        machine_script(self.instance, "cut")


class States:
    """The saved machines; what is not there yet is made."""

    def __init__(self, mount, say):
        find_image()
        self.say = say
        self.mount = mount
        self.key = key_of_tree()
        self.root = f"{BUILD}/power"
        os.makedirs(self.root, exist_ok=True)
        self.drop_old()

    def drop_old(self):
        for path in glob.glob(f"{self.root}/state-*"):
            if not os.path.basename(path).startswith(f"state-{self.key}-"):
                shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self):
        with open(f"{self.root}/lock", "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def path(self, name):
        return f"{self.root}/state-{self.key}-{name}"

    def booted(self):
        path = self.path("boot")
        with self.lock():
            if not os.path.isdir(path):
                self.say("boots a dom0 and saves it")
                self.make_boot(path)
        return path

    def make_boot(self, path):
        instance, data = f"power-{os.getpid()}", f"{self.root}/data-{os.getpid()}.raw"
        make_disk(data)
        try:
            boot(instance, data)
            save(f"{BUILD}/run-{instance}", path, data)
        finally:
            machine_script(instance, "cut")
            forget(f"{BUILD}/run-{instance}")
            os.unlink(data)

    def prepared(self, kind):
        boot_path, path = self.booted(), self.path(f"{kind}-{self.mount}")
        with self.lock():
            if not os.path.isdir(path):
                self.say(f"prepares a VM with snapshots ({kind}) and saves it")
                self.make_prepared(boot_path, path, kind)
        return path

    def make_prepared(self, boot_path, path, kind):
        run, data = f"{BUILD}/run-power-{os.getpid()}", f"{self.root}/data-{os.getpid()}.raw"
        make_disk(data)
        machine = Machine(boot_path, run, data)
        try:
            said = list(machine.tell(f"power_prepare {kind} {self.mount}", 1800))
            if said[-1] != "end 0":
                raise Trouble("power_prepare: " + "; ".join(said))
            save(run, path, data)
        finally:
            machine.cut()
            shutil.rmtree(run, ignore_errors=True)
            os.unlink(data)
