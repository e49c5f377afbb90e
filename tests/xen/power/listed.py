# SPDX-License-Identifier: LGPL-2.1-or-later
"""The list of points that wait for the product to be mended, and the table of all results."""

from points import matches


class Waits:
    def __init__(self, lines):
        self.lines = lines

    def reason(self, point):
        return next((reason for only, reason in self.lines if matches(point, only)), None)


def read_waits(path):
    """Lines "POINT # waits: REASON"; a point as for --only."""
    lines = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            only, mark, reason = line.strip().partition(" # waits: ")
            if mark and not line.startswith("#"):
                lines.append((only.strip(), reason))
    return Waits(lines)


SIGNS = {"ok": "+", "not ok": "F", "skip": "w"}


def table(all_points, found):
    """A line for each operation and kind; of each step what came of the cut before and after it."""
    rows = {}
    for point in all_points:
        operation, kind, step, _ = point.split("/")
        row = rows.setdefault(f"{operation:15}{kind:9}", {})
        row[step] = row.get(step, "") + SIGNS.get(found.get(point), ".")
    lines = [f"{row} " + " ".join(f"{step} {signs}" for step, signs in cells.items()) for row, cells in rows.items()]
    head = "before and after each step: + whole, F failed, w waits, . not run"
    return "\n".join([head, *lines])
