#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""many.py STORE INSIDE MEMORY COUNT: COUNT more snapshots, as xensnap would have made them, for the VM whose directory
STORE is and which has these two: three quarters inside xvda with memory, the others outside of xvdb.
"""
import json
import shutil
import subprocess
import sys
import uuid

store, inside, memory = sys.argv[1:4]
outside = int(sys.argv[4]) // 4

def read(path):
    return json.load(open(path))

def snapshot(like, name, **changes):
    """A snapshot of that name, as LIKE is but for the changes."""
    ident = changes.setdefault("id", str(uuid.uuid4()))
    shutil.copytree(f"{store}/{like}", f"{store}/{ident}")
    record = read(f"{store}/{like}/snapshot.json") | changes | {"name": name}
    record["created_ms"] += 1
    json.dump(record, open(f"{store}/{ident}/snapshot.json", "w"))

def monitor(commands, image):
    """A QEMU that does them to IMAGE, one after the other."""
    lines = [{"execute": "qmp_capabilities"}] + commands + [{"execute": "quit"}]
    done = subprocess.run(["qemu-storage-daemon", "--chardev", "stdio,id=m", "--monitor", "chardev=m", "--blockdev",
                           json.dumps({"driver": "qcow2", "node-name": "n",
                                       "file": {"driver": "file", "filename": image}})],
                          input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True)
    assert "error" not in done.stdout and not done.returncode, done

in_it = read(f"{store}/{inside}/snapshot.json")["disks"][0]
commands = []
for n in range(int(sys.argv[4]) - outside):
    ident = str(uuid.uuid4())
    tag = f"xensnap-{ident}"
    commands.append({"execute": "blockdev-snapshot-internal-sync", "arguments": {"device": "n", "name": tag}})
    snapshot(memory, f"in{n}", id=ident, disks=[in_it | {"tag": tag}], parent=inside)
monitor(commands, in_it["target"])

ledger = read(f"{store}/images.json")
head = [image for image in ledger["ledger"] if image["role"] == "head" and image["vdev"] == "xvdb"][0]
below = head["path"]
for n in range(outside):
    ident = str(uuid.uuid4())
    overlay = f"{store}/disk_xvdb.{ident[:8]}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", below, "-F", "qcow2", overlay, "64M"],
                   check=True)
    disk = {"vdev": "xvdb", "type": "external", "target": below, "format": "qcow2", "overlay": overlay}
    snapshot(inside, f"out{n}", id=ident, disks=[disk], parent="")
    head.pop("vdev")
    head |= {"role": "content", "snapshot": ident}
    ledger["ledger"][[i["path"] for i in ledger["ledger"]].index(below)] = head
    head = {"path": overlay, "format": "qcow2", "made": True, "role": "head", "vdev": "xvdb"}
    ledger["ledger"].append(head)
    for name in "config.json", "disk.cfg":
        text = open(f"{store}/{name}").read().replace(below, overlay)
        open(f"{store}/{name}", "w").write(text)
    below = overlay
json.dump(ledger, open(f"{store}/images.json", "w"))
