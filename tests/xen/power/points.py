# SPDX-License-Identifier: LGPL-2.1-or-later
"""The points at which the power is cut: OPERATION/KIND/STEP/WHEN.

The steps come from the worker, so that a new one is covered without a new test.  WHEN is before its line is written
into the journal, which is also the end of the step before, or after, which is when the line is durable.  The steps that
are written quickly have no such moment; there it is when the line has been written.  "outcome" is the line that ends
the journal, and "answered" is when whoever asked has been told.
"""

import functools
import random
import subprocess

KINDS = ("internal", "external", "mixed")
OPERATIONS = ("create", "create-disks", "create-quiesce", "delete", "revert", "revert-disks")
QUICK = {("create", "disks"), ("create", "resume")}


@functools.cache
def steps_of(worker, operation):
    """The steps that the worker knows of create, delete or revert."""
    lines = subprocess.run([worker, "--steps"], check=True, capture_output=True, text=True).stdout.splitlines()
    steps = [line.split()[1] for line in lines if line.split()[0] == operation]
    if not steps:
        raise SystemExit(f"power-cuts: {worker} knows no steps of {operation}")
    return steps


def is_taken(operation, kind, step):
    """Whether the operation comes to that step, or is the one of several ways through it that is wanted here."""
    if operation == "create":
        return step not in ("freeze", "pause")
    if operation == "create-disks":
        return step not in ("save", "freeze") and (kind != "internal" or step not in ("pause", "resume"))
    if operation == "create-quiesce":
        return step == "freeze" and kind == "mixed"
    if operation == "revert-disks":
        return step == "restore"
    return True


def points_of(worker, operation, kind):
    whole = operation not in ("create-quiesce", "revert-disks")
    steps = steps_of(worker, operation.split("-")[0]) + (["outcome"] if whole else [])
    points = [f"{operation}/{kind}/{step}/{when}" for step in steps if is_taken(operation, kind, step)
              for when in ("before", "after")]
    return points + ([f"{operation}/{kind}/answered/after"] if whole else [])


def all_points(worker):
    """Grouped by kind, since each kind has a machine of its own that is prepared."""
    return [point for kind in KINDS for operation in OPERATIONS for point in points_of(worker, operation, kind)]


def hold_of(point):
    """OPERATION KIND STEP WHEN, as the library that stops the worker calls it."""
    operation, kind, step, when = point.split("/")
    if when == "after" and step != "answered" and (operation.split("-")[0], step) not in QUICK:
        when = "durable"
    return operation, kind, step, when


def outcome_of(point):
    """What must have come of it: either, or new."""
    step, when = point.split("/")[2:]
    return "new" if step == "answered" or (step, when) == ("outcome", "after") else "either"


def draw(points, seed, count):
    """By a seed: as many of each operation, and all of one kind, for each kind is prepared for half a minute."""
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    drawn = []
    for operation in ("create", "delete", "revert"):
        mine = [point for point in points if point.startswith(operation) and point.split("/")[1] == kind]
        drawn += chance.sample(mine, min(count // 3, len(mine)))
    return drawn


def matches(point, only):
    """ONLY is a beginning of a point, where * stands for any word: create/mixed, or */internal/commit."""
    words = only.strip("/").split("/")
    return all(word in ("*", mine) for word, mine in zip(words, point.split("/")))
