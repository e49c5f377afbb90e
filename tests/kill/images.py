# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk images as qemu-img sees them. -U throughout: a QEMU may have them open, whose writer stands still meanwhile."""
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile

import qcow2


class ImageError(RuntimeError):
    pass


def qemu_img(*arguments, fine=(0,)):
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in fine:
        raise ImageError(f"qemu-img {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def make(path, kind, size):
    qemu_img("create", "-q", "-f", kind, path, str(size))


def wipe(path):
    """Away with a directory, also where images in it are protected."""
    subprocess.run(["chattr", "-R", "-f", "-i", path], capture_output=True, timeout=120, check=False)
    shutil.rmtree(path, ignore_errors=True)


FS_IOC_GETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x10


def is_immutable(path):
    """None: there is no such flag."""
    flags = bytearray(8)
    with open(path, "rb") as file:
        try:
            fcntl.ioctl(file, FS_IOC_GETFLAGS, flags)
        except OSError:
            return None
    return bool(int.from_bytes(flags[:4], "little") & FS_IMMUTABLE_FL)


def set_immutable(path, on):
    subprocess.run(["chattr", "+i" if on else "-i", path], check=True, timeout=60)


@contextlib.contextmanager
def writable(path):
    """Here it can be written to, protected or not."""
    was = is_immutable(path)
    if was:
        set_immutable(path, False)
    yield
    if was:
        set_immutable(path, True)


class Chains:
    """Images by path: kind, tags and on what each stands.

    What was found in an earlier look is taken from KNOWN, a dict that the caller keeps, as long as no file that it
    depends on has been written to since. Only a thorough look takes qemu-img to it.
    """

    def __init__(self, known, thorough):
        self.known, self.thorough, self.images = known, thorough, {}

    def look(self, path, kind):
        if path not in self.images:
            self.images[path] = self._once(("info", path), [path], lambda: self._info(path, kind))
            if self.images[path]["below"]:
                self.look(*self.images[path]["below"])
        return self.images[path]

    def content(self, path, kind, tag=None):
        """The bytes of the disk, or of the snapshot TAG in it."""
        self.look(path, kind)
        return self._once((path, tag), self._files(path), lambda: self._content(path, kind, tag))

    def complaint(self, path):
        """What qemu-img check has to say of a qcow2 image: leaked clusters, how many errors, and the first of them."""
        return self._once(("check", path), [path], lambda: _complaint(path)) if self.thorough else (0, 0, "")

    def _files(self, path):
        while path:
            yield path
            path = (self.images[path]["below"] or (None,))[0]

    def _once(self, key, files, find):
        now = [(path, _state(path)) for path in files] + [self.thorough]
        if self.known.get(key, (None, None))[0] != now:
            self.known[key] = (now, find())
        return self.known[key][1]

    def _info(self, path, kind):
        if self.thorough:
            return _told(path, kind)
        if kind != "qcow2":
            return {"kind": kind, "below": None, "tags": []}
        try:
            with qcow2.Image(path) as image:
                below = (image.below, image.below_kind) if image.below else None
                return {"kind": kind, "below": below, "tags": list(image.snapshots)}
        except qcow2.Unreadable as error:
            raise ImageError(f"{path}: {error}") from error

    def _content(self, path, kind, tag):
        if self.thorough:
            return _converted(path, kind, tag)
        if kind != "qcow2":
            with open(path, "rb") as file:
                return file.read()
        below = self.images[path]["below"]
        try:
            with qcow2.Image(path) as image:
                return image.read(tag, self.content(*below) if below else b"")
        except qcow2.Unreadable as error:
            raise ImageError(f"{path}: {error}") from error


def _state(path):
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _told(path, kind):
    told = json.loads(qemu_img("info", "-U", "--output=json", "-f", kind, path))
    below = told.get("full-backing-filename")
    return {"kind": kind, "below": (below, told.get("backing-filename-format", "raw")) if below else None,
            "tags": [snapshot["name"] for snapshot in told.get("snapshots", [])]}


def _converted(path, kind, tag):
    with tempfile.TemporaryDirectory() as directory:
        raw = os.path.join(directory, "raw")
        of = ["-l", f"snapshot.name={tag}"] if tag else []
        qemu_img("convert", "-U", "-f", kind, *of, "-O", "raw", path, raw)
        with open(raw, "rb") as file:
            return file.read()


def _complaint(path):
    told = json.loads(qemu_img("check", "-U", "--output=json", "-f", "qcow2", path, fine=(0, 2, 3)))
    errors = told.get("corruptions", 0) + told.get("check-errors", 0)
    return told.get("leaks", 0), errors, _first_errors(path) if errors else ""


def _first_errors(path):
    """In words, which the JSON has not: they are printed with it."""
    done = subprocess.run(["qemu-img", "check", "-U", "-f", "qcow2", path], capture_output=True, text=True, timeout=120,
                          check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
    return "; ".join(lines[:5]) or "none at a second look"
