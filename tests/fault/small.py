# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small file systems in memory, which a test fills by making them as small as what is in them."""
import os
import subprocess

ROOM = 256 << 20


def _mount(*words):
    done = subprocess.run(["mount", "-t", "tmpfs", *words], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def mount(path):
    """Whether there is one now at PATH."""
    return _mount("-o", f"size={ROOM},mode=0755", "tmpfs", str(path))


def unmount(path):
    subprocess.run(["umount", "-l", str(path)], capture_output=True, timeout=60, check=False)


def squeeze(path, room):
    """Leaves so many bytes of room."""
    fs = os.statvfs(path)
    used = (fs.f_blocks - fs.f_bfree) * fs.f_frsize
    if not _mount("-o", f"remount,size={used + max(room, fs.f_frsize)}", str(path)):
        raise RuntimeError(f"{path} cannot be made small")


def release(path):
    if not _mount("-o", f"remount,size={ROOM}", str(path)):
        raise RuntimeError(f"{path} cannot be made large again")
