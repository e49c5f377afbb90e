#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""power-records.py VM_DIRECTORY: what the store says of a VM's snapshots, oldest first, for a shell.

    snapshot NAME ID MEMORY                     MEMORY is good, bad or none
    disk NAME VDEV TYPE TARGET FORMAT TAG       TAG is - for an external one

It reads the files itself, so that neither agent nor worker can hide anything, and computes the sum of each memory
image with the library that is there anyway.
"""

import ctypes
import json
import os
import sys
import uuid


class Hash(ctypes.Structure):
    """XXH128_hash_t"""

    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh3(path):
    """The 128-bit XXH3 of a file, as a record holds it."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_128bits.restype = Hash
    library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    with open(path, "rb") as file:
        data = file.read()
    sum_of = library.XXH3_128bits(data, len(data))
    return len(data), f"xxh3:{sum_of.high:016x}{sum_of.low:016x}"


def memory_of(directory, record):
    """Whether the memory image is what the record says."""
    memory = record.get("memory")
    if not memory:
        return "none"
    try:
        found = xxh3(os.path.join(directory, memory["file"]))
    except OSError:
        return "bad"
    return "good" if found == (memory["size"], memory["hash"]) else "bad"


def is_uuid(name):
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def tell(directory, record):
    name = record["name"]
    print("snapshot", name, record["id"], memory_of(directory, record))
    for disk in record["disks"]:
        print("disk", name, disk["vdev"], disk["type"], disk["target"], disk["format"], disk.get("tag", "-"))


def main():
    vm = sys.argv[1]
    found = []
    for name in filter(is_uuid, os.listdir(vm)):
        directory = os.path.join(vm, name)
        with open(os.path.join(directory, "snapshot.json"), encoding="utf-8") as file:
            found.append((directory, json.load(file)))
    for directory, record in sorted(found, key=lambda one: one[1]["created_ms"]):
        tell(directory, record)


main()
