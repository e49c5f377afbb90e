# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk images as qemu-img sees them. -U throughout: a QEMU may have them open, whose writer stands still meanwhile."""
import json
import os
import subprocess
import tempfile


class ImageError(RuntimeError):
    pass


def qemu_img(*arguments, fine=(0,)):
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in fine:
        raise ImageError(f"qemu-img {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def make(path, kind, size):
    qemu_img("create", "-q", "-f", kind, path, str(size))


def info(path, kind):
    return json.loads(qemu_img("info", "-U", "--output=json", "-f", kind, path))


def content(path, kind, tag=None):
    """The bytes of the disk, or of the snapshot TAG in it."""
    with tempfile.TemporaryDirectory() as directory:
        raw = os.path.join(directory, "raw")
        of = ["-l", f"snapshot.name={tag}"] if tag else []
        qemu_img("convert", "-U", "-f", kind, *of, "-O", "raw", path, raw)
        with open(raw, "rb") as file:
            return file.read()


def complaint(path):
    """What qemu-img check has to say of a qcow2 image: leaked clusters, and how many errors."""
    told = json.loads(qemu_img("check", "-U", "--output=json", "-f", "qcow2", path, fine=(0, 2, 3)))
    return told.get("leaks", 0), told.get("corruptions", 0) + told.get("check-errors", 0)


class Chains:
    """Images by path: kind, tags and on what each stands; each is looked at once."""

    def __init__(self):
        self.known = {}

    def look(self, path, kind):
        if path not in self.known:
            told = info(path, kind)
            below = told.get("full-backing-filename")
            self.known[path] = {"kind": kind, "below": below,
                                "tags": [snapshot["name"] for snapshot in told.get("snapshots", [])]}
            if below:
                self.look(below, told.get("backing-filename-format", "raw"))
        return self.known[path]

    def paths_from(self, path, kind):
        while path:
            image = self.look(path, kind)
            yield path
            path = image["below"]
            kind = self.known[path]["kind"] if path else None
