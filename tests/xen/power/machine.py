# SPDX-License-Identifier: LGPL-2.1-or-later
"""Emulated machines that are saved at a moment and started again from it, in a second instead of half a minute.

What is saved is the machine's memory and devices (QEMU's migration stream into a file), its system disk, its data disk
and the command line with which it was started.  It goes on with a layer over the saved data disk, or over another one:
then it is a freshly booted dom0 that has not looked at its data disk yet.
"""

import base64
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time

DEADLINE = 120


class Trouble(Exception):
    """The rig does not work; says nothing of what is tested."""


def connect(path, seconds):
    """To a socket of QEMU's, which may not be there yet."""
    end = time.monotonic() + DEADLINE
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(path)
            link.settimeout(seconds)
            return link
        except OSError as error:
            link.close()
            if time.monotonic() > end:
                raise Trouble(f"{path}: {error}") from error
            time.sleep(0.02)


class Lines:
    """A socket, line by line, with a deadline for all that is read until it is set anew."""

    def __init__(self, path):
        self.link = connect(path, DEADLINE)
        self.rest = b""
        self.end = 0

    def until(self, seconds):
        self.end = time.monotonic() + seconds

    def next(self):
        while b"\n" not in self.rest:
            self.link.settimeout(max(0.01, self.end - time.monotonic()))
            try:
                more = self.link.recv(65536)
            except TimeoutError as error:
                raise Trouble("no answer in time") from error
            if not more:
                raise Trouble("the machine has ended")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").rstrip("\r")

    def send(self, line):
        self.link.sendall(line.encode() + b"\n")


class Monitor:
    """QEMU's QMP socket."""

    def __init__(self, path):
        self.lines = Lines(path)
        self.lines.until(DEADLINE)
        self.lines.next()
        self.call("qmp_capabilities")
        self.call("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])

    def call(self, command, **arguments):
        self.lines.until(DEADLINE)
        self.lines.send(json.dumps({"execute": command, "arguments": arguments}))
        while True:
            answer = json.loads(self.lines.next())
            if "error" in answer:
                raise Trouble(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def wait_migration(self):
        self.lines.until(DEADLINE)
        while True:
            event = json.loads(self.lines.next())
            status = event["data"].get("status") if event.get("event") == "MIGRATION" else None
            if status == "completed":
                return
            if status == "failed":
                raise Trouble("QEMU cannot save or load the machine")


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)


def lay(below, layer):
    """A layer in which a machine writes, over the disk BELOW.  Where in it a block is QEMU keeps in its own memory
    until dom0 flushes the disk, so that a cut takes what the disk had in its cache, too; a cluster is a block of
    dom0's."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-b", below,
                    "-F", format_of(below), layer], check=True)


def flatten(disk, raw):
    subprocess.run(["qemu-img", "convert", "-f", format_of(disk), "-O", "raw", disk, raw], check=True)


def format_of(disk):
    return "qcow2" if disk.endswith(".qcow2") else "raw"


def drive_of(disk):
    """The caches are large enough for all of a layer, so that nothing of them is written early."""
    caches = ",l2-cache-size=8M,refcount-cache-size=4M" if format_of(disk) == "qcow2" else ""
    return f"file={disk},format={format_of(disk)}{caches}"


def save(run, directory, data):
    """Stops the machine that runs in RUN, with DATA as its data disk, and keeps it in DIRECTORY."""
    new = directory + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    pid = int(open_text(os.path.join(run, "qemu.pid")))
    command = open_text(f"/proc/{pid}/cmdline").split("\0")[:-1]
    monitor = Monitor(os.path.join(run, "qmp"))
    monitor.call("stop")
    monitor.call("migrate-set-parameters", **{"max-bandwidth": 1 << 34})
    monitor.call("migrate", uri=f"exec:cat > {new}/state")
    monitor.wait_migration()
    copy(os.path.join(run, "disk.qcow2"), f"{new}/disk.qcow2")
    copy(data, f"{new}/data.raw")
    os.kill(pid, signal.SIGKILL)
    with open(f"{new}/command.json", "w", encoding="utf-8") as file:
        json.dump({"run": run, "data": data, "command": command}, file)
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(new, directory)


def command_of(saved, run, data):
    """The same machine, but for where its files are; it has no port of the host's."""
    words = []
    for word in saved["command"]:
        word = word.replace(drive_of(saved["data"]), drive_of(data)).replace(saved["run"] + "/", run + "/")
        word = ",".join(part for part in word.split(",") if not part.startswith("hostfwd="))
        if word != "-daemonize":
            words.append(word)
    return words + ["-incoming", "defer"]


def wait_until_stopped(pid):
    """Until none of its threads runs: what one has asked the kernel for is done first, as after a SIGKILL."""
    end = time.monotonic() + DEADLINE
    while True:
        states = [open_text(path).rsplit(")", 1)[1].split()[0] for path in glob.glob(f"/proc/{pid}/task/*/stat")]
        if states and set(states) == {"T"}:
            return
        if time.monotonic() > end:
            raise Trouble(f"QEMU does not stop: {states}")
        time.sleep(0.005)


def open_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Machine:
    """One that goes on from where it was saved, in RUN, a directory of its own."""

    def __init__(self, directory, run, data):
        with open(f"{directory}/command.json", encoding="utf-8") as file:
            saved = json.load(file)
        shutil.rmtree(run, ignore_errors=True)
        os.makedirs(run)
        copy(f"{directory}/disk.qcow2", f"{run}/disk.qcow2")
        self.run = run
        with open(f"{run}/qemu.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command_of(saved, run, data), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self.load(directory)
        except BaseException:
            self.cut()
            raise

    def load(self, directory):
        monitor = Monitor(f"{self.run}/qmp")
        monitor.call("migrate-incoming", uri=f"exec:cat < {directory}/state")
        monitor.wait_migration()
        self.line = Lines(f"{self.run}/line")
        monitor.call("cont")
        monitor.lines.link.close()

    def tell(self, command, seconds):
        """Runs it in dom0; yields each line that it says, and last "end CODE"."""
        self.line.until(seconds)
        self.line.send(command)
        while True:
            said = self.line.next()
            yield said
            if said.startswith("end "):
                return

    def tell_cut(self, command, seconds):
        """The same for a function of cut.sh, which is sent with it."""
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cut.sh")
        with open(path, "rb") as file:
            text = base64.b64encode(file.read()).decode()
        return self.tell(f'eval "$(base64 -d <<< {text})"; {command}', seconds)

    def copy_as_cut(self, disk, target):
        """DISK, a layer, as a cut would leave it now.  The kernel stops QEMU meanwhile, which knows nothing of it: told
        to stop the machine it would write down what it holds in its own memory."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            wait_until_stopped(self.process.pid)
            copy(disk, target)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def cut(self):
        """The power goes: what dom0 has not brought to its disks is lost."""
        self.process.kill()
        self.process.wait()
