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


class Chains:
    """Images by path: kind, tags and on what each stands.

    What was found in an earlier look is taken from KNOWN, a dict that the caller keeps, as long as no file that it
    depends on has been written to since.
    """

    def __init__(self, known):
        self.known, self.images = known, {}

    def look(self, path, kind):
        if path not in self.images:
            told = self._once(("info", path), [path], lambda: _info(path, kind))
            below = told.get("full-backing-filename")
            self.images[path] = {"kind": kind, "below": below, "tags": [each["name"] for each in told.get("snapshots", [])]}
            if below:
                self.look(below, told.get("backing-filename-format", "raw"))
        return self.images[path]

    def content(self, path, kind, tag=None):
        """The bytes of the disk, or of the snapshot TAG in it."""
        self.look(path, kind)
        return self._once((path, tag), self._files(path), lambda: _content(path, kind, tag))

    def complaint(self, path):
        """What qemu-img check has to say of a qcow2 image: leaked clusters, and how many errors."""
        return self._once(("check", path), [path], lambda: _complaint(path))

    def _files(self, path):
        while path:
            yield path
            path = self.images[path]["below"]

    def _once(self, key, files, find):
        now = [(path, _state(path)) for path in files]
        if self.known.get(key, (None, None))[0] != now:
            self.known[key] = (now, find())
        return self.known[key][1]


def _state(path):
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _info(path, kind):
    return json.loads(qemu_img("info", "-U", "--output=json", "-f", kind, path))


def _content(path, kind, tag):
    with tempfile.TemporaryDirectory() as directory:
        raw = os.path.join(directory, "raw")
        of = ["-l", f"snapshot.name={tag}"] if tag else []
        qemu_img("convert", "-U", "-f", kind, *of, "-O", "raw", path, raw)
        with open(raw, "rb") as file:
            return file.read()


def _complaint(path):
    told = json.loads(qemu_img("check", "-U", "--output=json", "-f", "qcow2", path, fine=(0, 2, 3)))
    return told.get("leaks", 0), told.get("corruptions", 0) + told.get("check-errors", 0)
