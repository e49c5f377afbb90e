# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known to be wrong today and waits for its mending. It fails nothing: it is told with its reason.

KNOWN is a list of (pattern, reason). The pattern is looked for in what is said of a failure, the agent's log included,
so that it must be of nothing else. Fixed cases say it themselves, in a line "# waits REASON". WAITING=1 in the
environment has all of it counted as failed.

What would end nearly every world is put right by hand, as whoever has to go on would do it, so that something is seen
behind it: remedy(world) does that and counts.
"""
import collections
import os
import re

KNOWN = []

HALF_MADE = "killed while an image is made: nothing gets past the file that is no image yet"
remedied = collections.Counter()


def is_counted_as_failed():
    return bool(os.environ.get("WAITING"))


def known(text):
    """The reason, or None."""
    if is_counted_as_failed():
        return None
    return next((reason for pattern, reason in KNOWN if re.search(pattern, text)), None)


def told(text):
    """What a fixed case says of itself, or None."""
    found = re.search(r"^# waits (.*)$", text, re.M)
    return found.group(1) if found and not is_counted_as_failed() else None


def remedy(world):
    """Whether there was something to put right; nothing is under way."""
    directory = world.store / world.vm
    if is_counted_as_failed() or not directory.is_dir():
        return False
    half_made = [path for path in directory.glob("disk_*.qcow2") if path.read_bytes()[:4] != b"QFI\xfb"]
    for path in half_made:
        path.unlink()
        remedied[HALF_MADE] += 1
    return bool(half_made)
