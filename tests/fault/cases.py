# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which call is to fail and how, and which answers fit: from the calls that an operation makes when none fails."""
import collections
import os
import re


READING = ("open", "openat", "read", "pread", "readdir", "fstat", "stat", "lstat", "fstatat", "access", "faccessat",
           "statvfs", "fstatvfs")
CREATING = ("open-create", "openat-create")
SPACE = ("write", "pwrite", "fsync", "fdatasync", "ftruncate", "posix_fallocate", "fallocate", "mkdir", "mkdirat",
         "rename", "renameat", "renameat2", "link", "linkat")
WAY = 4  # functions on the way to a call that make it another one
NEVER = ("flock",)  # of a local file system it does not fail so
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MARK = re.compile(r"\.[0-9a-f]{8}\.qcow2$")

# What an answer may say, by what has failed.  What is stored and cannot be read is `corrupt` to who decides by it.
FITTING = {"ENOSPC": {"no-space"}, "SHORT": {"no-space", "io"}, "EMFILE": {"io", "corrupt"},
           "EAGAIN": {"io", "internal"}, "EPIPE": {"io", "qemu", "xen", "internal", "cancelled", "domain-gone"}}

# The same where qemu-img or QEMU has the error first.
IMAGES_FITTING = {"ENOSPC": {"no-space", "qemu"}, "EIO": {"qemu", "io", "corrupt"}}
ROOMS = (0, 8, 64, 128, 192, 320, 512)  # KiB that are left in a file system

Case = collections.namedtuple("Case", "name program group nth error")


def errors_of(call, scenario):
    if call.group == "sockets":
        return ["EPIPE"] if call.name in ("write", "send") else []
    if "spawn" in call.name:
        return ["EAGAIN"]
    if call.name in NEVER:
        return []
    if call.name in READING and not call.name.startswith("open") and scenario.kind != "mixed":
        return []
    if call.name in READING:
        return ["EMFILE" if call.name.startswith("open") and scenario.kind == "mixed" else "EIO"]
    found = ["EIO", "ENOSPC"] if call.name in SPACE + CREATING else ["EIO"]
    return found + (["SHORT"] if call.name == "write" and scenario.kind == "mixed" else [])


def fits(case, call, word):
    """Whether WORD is an answer to the error in CALL, which is None if it was not ours."""
    if case.program in ("qemu-img", "space"):
        return word in IMAGES_FITTING[case.error]
    if case.error == "EIO":
        return word == "io" or (word == "corrupt" and call is not None and call.name in READING)
    return word in FITTING[case.error]


def label(call):
    """What it is about, without what is another one each time."""
    if call.group == "sockets":
        return call.what.replace(" ", "-")
    if "spawn" in call.name:
        words = call.what.split()
        return "-".join([os.path.basename(words[0]), *[word for word in words[1:2] if not word.startswith("-")]])
    path = call.path.rstrip("/.")
    name = MARK.sub(".qcow2", os.path.basename(path))
    if UUID.fullmatch(name):
        name = "SNAPSHOT" if UUID.fullmatch(os.path.basename(os.path.dirname(path))) else "VM"
    return UUID.sub("ID", name)


def is_ours(call, foreign):
    """Not of what stands in libxl's place, which has errors of its own: FOREIGN are the names of its files."""
    if "spawn" in call.name and not os.path.basename(call.what.split()[0]).startswith(("qemu-img", "xensnap-")):
        return False
    return not any(file in foreign for _, file in call.functions)


def worth_it(program, calls):
    """Of calls that a step makes again and again for the same thing on the same way the first and the last; of
    reading, and of the agent's, the first."""
    by = collections.defaultdict(list)
    for call in calls:
        by[call.step, call.name, label(call), tuple(call.functions[:WAY])].append(call.number)
    kept = {number for (_, name, _, _), numbers in by.items()
            for number in (numbers[0], numbers[0 if name in READING or program == "agent" else -1])}
    return [call for call in calls if call.number in kept]


def cases(calls, scenario, foreign=()):
    calls = [call for call in calls if is_ours(call, foreign)]
    seen, found = collections.Counter(), []
    # which kind it is is nothing to the agent
    for program in ("worker", "agent") if scenario.kind == "mixed" else ("worker",):
        for group in "files", "sockets":
            mine = [call for call in calls if (call.program, call.group) == (program, group)]
            chosen = worth_it(program, mine)
            for call in chosen:
                place = f"{program}/{call.step}/{call.name}/{label(call)}"
                seen[place] += 1
                for error in errors_of(call, scenario):
                    found.append(Case(f"{scenario}/{place}/{seen[place]}/{error}", program, group, call.number, error))
    return found + qemu_img_cases(calls, scenario) + space_cases(scenario)


def qemu_img_cases(calls, scenario):
    """Each call of qemu-img with an image that fails, by blkdebug; by memory they do not differ."""
    found = []
    commands = [call.what.split()[1] for call in calls if call.name == "posix_spawnp"]
    for at, command in enumerate(commands if scenario.memory == "disks" else [], 1):
        for iotype, error in ("read", "EIO"), ("write", "EIO"), ("write", "ENOSPC"), ("flush", "EIO"):
            if command not in ("info", "create") or iotype == "read":
                name = f"{scenario}/qemu-img/{command}/{at}/{iotype}/{error}"
                found.append(Case(name, "qemu-img", iotype, at, error))
    return found


def space_cases(scenario):
    """Store, or images, with so much room and no more."""
    return [Case(f"{scenario}/space/{where}/{room}/ENOSPC", "space", where, room, "ENOSPC")
            for where in ("store", "images") for room in ROOMS]
