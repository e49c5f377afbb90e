# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known to be wrong today and waits for its mending. It fails nothing: it is told with its reason.

KNOWN is a list of (pattern, reason). The pattern is looked for in what is said of a failure, the agent's log included,
so that it must be of nothing else. Fixed cases say it themselves, in a line "# waits REASON". WAITING=1 in the
environment has all of it counted as failed.
"""
import os
import re

KNOWN = [
    (r"\A\s*\S+: qemu-img check finds \d+ errors: ERROR OFLAG_COPIED[^\n]*\n\s*(store and images|to repeat it):?",
     "a cluster with one reference is not marked so while QEMU has the image open; it is once QEMU has ended"),
    (r"\A\s*the disk answers 1\n\s*(store and images|to repeat it):?",
     "a virtio disk answers the guest with an error after a merge into a raw base, while the domain runs"),
]


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
