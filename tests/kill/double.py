# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests' side of the double in libxl's place: what tests/double/double.h says of its files and programs."""
import contextlib
import fcntl
import json
import os
import re
import subprocess

MEMORY_KB = 65536


class Double:
    def __init__(self, directory, build, vm):
        self.dir, self.vm = directory, vm
        self.libexec = build / "tests/double"
        self.tool = self.libexec / "domain"

    def environment(self):
        here = str(self.dir)
        return {"XENSTORED_RUNDIR": here, "XENSTORED_PATH": f"{here}/socket", "XENSTORED_ROOTDIR": here,
                "XEN_RUN_DIR": here, "XL_DOUBLE": here, "SHIM_DOMAINS": f"{here}/xen",
                "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:verify_asan_link_order=0"}

    def _domain(self, *arguments, said=""):
        done = subprocess.run([self.tool, *arguments], env={**os.environ, **self.environment()}, timeout=60,
                              input=said, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"domain {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    # ---- what somebody else does

    def configuration(self, disks):
        lines = ["name web1", f"uuid {self.vm}", "kind pv", f"memory {MEMORY_KB}"]
        lines += [f"disk {vdev} {kind} rw {path}" for vdev, (path, kind) in sorted(disks.items())]
        return "\n".join(lines) + "\n"

    def boot(self, disks):
        self._domain("create", said=self.configuration(disks))

    def pause(self):
        self._domain("pause", str(self.domid()))

    def unpause(self):
        self._domain("unpause", str(self.domid()))

    def destroy(self):
        self._domain("destroy", str(self.domid()))

    # ---- what there is

    def _fields(self, domid):
        try:
            return (self.dir / f"xen/{domid}").read_text().split()
        except OSError:
            return None

    def all_domids(self):
        with contextlib.suppress(OSError):
            return sorted(int(entry) for entry in os.listdir(self.dir / "xen") if entry.isdigit())
        return []

    def domids(self):
        """Those of the VM that are not on their way out."""
        found = []
        for domid in self.all_domids():
            fields = self._fields(domid)
            if fields and fields[0] == self.vm and fields[4] == "0":
                found.append(domid)
        return found

    def domid(self):
        return next(iter(self.domids()), None)

    def life(self):
        return self._life(self.domid())

    def _life(self, domid):
        fields = self._fields(domid)
        if not fields or fields[4] != "0":
            return "stopped"
        if fields[3] != "-":
            return "suspended" if fields[3] == "suspend" else "shut down"
        return "paused" if fields[2] != "0" else "running"

    @contextlib.contextmanager
    def while_running(self):
        """The VM's domid, which does not change or stop running meanwhile; None: it does not run."""
        domid = self.domid()
        try:
            lock = os.open(self.dir / f"domains/{domid}/lock", os.O_RDWR)
        except OSError:
            yield None
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield domid if self._life(domid) == "running" else None
        finally:
            os.close(lock)

    def writer_monitor(self, domid):
        return self.dir / f"writer-{domid}"

    def memory_file(self, domid):
        return self.dir / f"domains/{domid}/memory"

    def memory(self, domid):
        """What the guest holds in memory: a number, 0 after a boot."""
        try:
            return int(self.memory_file(domid).read_text() or 0)
        except FileNotFoundError:
            return 0

    def remember(self, domid, number):
        file = os.open(self.memory_file(domid), os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(file, f"{number:20}".encode())
        os.close(file)

    def processes(self, domid):
        """The processes that the domain has for as long as it lives."""
        found = set()
        for name in "qemu.pid", "reaper.pid":
            with contextlib.suppress(OSError, ValueError):
                found.add(int((self.dir / f"domains/{domid}/{name}").read_text()))
        return found

    # ---- configurations

    def configured(self, domid):
        """The disks that libxl has stored of the domain."""
        return disks_of((self.dir / f"userdata/{domid}").read_text())

    @staticmethod
    def written_to(monitor):
        """The images that QEMU's devices write to."""
        found = {}
        for block in monitor.call("query-block"):
            vdev = re.fullmatch(r"/machine/peripheral/(\w+)/virtio-backend", block["qdev"]).group(1)
            found[vdev] = (file_of(block["inserted"]["file"]), block["inserted"]["drv"])
        return found


def file_of(name):
    """The file that QEMU means with a name, which may be JSON."""
    if not name.startswith("json:"):
        return name
    options = json.loads(name[5:])
    while "filename" not in options:
        options = options["file"]
    return options["filename"]


def disks_of(text):
    """Path and kind by vdev, of a configuration as xl_config_format() writes it."""
    return {vdev: (path, kind) for vdev, kind, path in re.findall(r"^disk (\S+) (\S+) rw (.*)$", text, re.M)}


def disks_of_line(text):
    """The same of the line for xl.cfg."""
    return {vdev: (path, kind) for vdev, kind, path
            in re.findall(r'"vdev=([^,]*),access=rw,format=([^,]*),target=([^"]*)"', text)}
