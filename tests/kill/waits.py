# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known to be wrong today and waits for its mending. It fails nothing: it is told with its reason.

KNOWN is a list of (pattern, reason). The pattern is looked for in what is said of a failure, the agent's log included,
so that it must be of nothing else. Fixed cases say it themselves, in a line "# waits REASON". WAITING=1 in the
environment has all of it counted as failed.
"""
import collections
import os
import re

KNOWN = []

GONE = "killed in destroy: a revert's recovery takes a domain that has gone meanwhile for a failure; the VM is down"
GONE_SAID = "could not be brought back; its disks are kept; .*: destroying the domain: the domain is gone"
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


def is_tried_again(message):
    """A failure that the next agent's recovery does not meet any more."""
    if is_counted_as_failed() or not re.search(GONE_SAID, message):
        return False
    remedied[GONE] += 1
    return True
