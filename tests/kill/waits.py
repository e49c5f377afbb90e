# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known to be wrong today and waits for its mending: not run in the gate, listed as skipped with its reason.

WAITING is a list of (pattern, reason). A pattern is a combination as loops.py prints it, with * for any word of it.
WAITING=1 in the environment has them run all the same.
"""
import fnmatch

WAITING = []


def waits(name):
    """The reason, or None."""
    for pattern, reason in WAITING:
        if fnmatch.fnmatchcase(name, pattern):
            return reason
    return None
