#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A merge that was refused, that fails half-way, or for which there is no room: nothing is lost with it, then or later.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# one WHAT: s1 holds 1 in $base; the domain goes on in $over, with 2.
one() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    over=$(stored)
    writes 2
}

inside() {
    qemu-img snapshot -U -l "$1" | grep -c xensnap-
}

# in_agreement IMAGE: QEMU, libxl and what we keep for the VM when it is stopped (if there is anything to keep it for).
in_agreement() {
    [ "$(top)" = "$1" ] && [ "$(stored)" = "$1" ] || fail "QEMU is in $(top), libxl says $(stored); it has to be $1"
    [ -e "$dir/store/$vm/images.json" ] || return 0
    grep -q "target=$1\"" "$dir/store/$vm/disk.cfg" && grep -q " $1\$" "$dir/store/$vm/config.json" ||
        fail "disk.cfg says $(cat "$dir/store/$vm/disk.cfg"); it has to be $1"
}

one "refused, then a snapshot inside the overlay: it stays, with the overlay"
sleep 300 9< "$base" &
holder=$!
gives 6 xensnap delete -n s1 web1
kill $holder
! grep -q merging "$dir/store/$vm/images.json" || fail "a merge that wrote nothing counts as begun"
holds "$base" 1
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap create -D -n s3 web1
writes 3
gives 0 xensnap delete -n s3 web1
in_agreement "$over"
[ "$(inside "$over")" = 1 ] || fail "s2 is not in the overlay any more"
gives 0 xensnap revert web1 s2
holds "$(stored)" 2
gives 0 xensnap delete -n s2 web1
in_agreement "$base"
holds "$base" 2
[ ! -e "$over" ] || fail "$over stays"

one "begun and broken off, then a snapshot inside the overlay: it stays, with the overlay"
/usr/bin/python3 - "$dir/store/$vm/images.json" "$base" "$over" << 'PY'
import json, sys
path, base, over = sys.argv[1:]
ledger = json.load(open(path))
for image in ledger["ledger"]:
    if image["path"] == base:
        image["merging"] = over
json.dump(ledger, open(path, "w"))
PY
rm -r "$(dirname "$(record s1)")"
sed -i "s/\"role\": \"content\"/\"role\": \"retired\", \"why\": \"deleted\"/" "$dir/store/$vm/images.json"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap create -D -n s3 web1
gives 0 xensnap delete -n s3 web1
in_agreement "$over"
[ "$(inside "$over")" = 1 ] || fail "s2 is not in the overlay any more"
gives 0 xensnap delete -n s2 web1
in_agreement "$base"
holds "$base" 2

one "merged, and QEMU still has the image with which the domain was started"
cp "$over" "$dir/copy"
gives 0 xensnap delete -n s1 web1
gives 0 xensnap create -e -D -n s2 web1
mv "$dir/copy" "$over"
/usr/bin/python3 - "$dir/store/$vm/images.json" "$over" << 'PY'
import json, sys
path, over = sys.argv[1:]
ledger = json.load(open(path))
ledger["ledger"].append({"path": over, "format": "qcow2", "made": True, "role": "retired", "why": "merged"})
json.dump(ledger, open(path, "w"))
PY
qmp '{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"left","backing":null,
     "file":{"driver":"file","filename":"'"$over"'"}}}' | tr -d '\n' | grep -q return || fail "no node"
gives 0 xensnap delete -n s2 web1
[ ! -e "$over" ] || fail "$over stays"
! qmp '{"execute":"query-named-block-nodes"}' | grep -q '"left"' || fail "its node stays"
in_agreement "$base"
holds "$base" 2

one "our copy of the configuration cannot be written when the images change over"
mkdir "$dir/store/$vm/disk.cfg.new"
xensnap delete -n s1 web1 > "$dir/out" 2>&1 && fail "it says that it has merged"
rmdir "$dir/store/$vm/disk.cfg.new"
in_agreement "$over"
writes 3
domain_end
machine xvda qcow2 "$over"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
in_agreement "$base"
holds "$base" 3

one "the last part of our copy cannot be written"
mkdir "$dir/store/$vm/config.json.new"
xensnap delete -n s1 web1 > "$dir/out" 2>&1 && fail "it says that it has merged"
rmdir "$dir/store/$vm/config.json.new"
[ "$(top)" = "$over" ] && [ "$(stored)" = "$over" ] || fail "QEMU is in $(top), libxl says $(stored)"
writes 4
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
in_agreement "$base"
holds "$base" 4

one "stopped: refused, and done later"
domain_end
sleep 300 9< "$base" &
holder=$!
gives 6 xensnap delete -n s1 "$vm"
kill $holder
holds "$base" 1
holds "$over" 2
machine xvda qcow2 "$over"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
in_agreement "$base"
holds "$base" 2

# The store has no room left but what a log may give back: what was begun is finished, and deletes go on to work.
if [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
    case_begin "a delete in a store that is full"
    machine xvda qcow2 "$dir/a.qcow2"
    mkdir -p "$dir/small"
    mount -t tmpfs -o size=8M tmpfs "$dir/small" || fail "no tmpfs"
    trap 'agent_end TERM; umount -l "$dir/small"; cleanup' EXIT
    agent_end TERM
    conf "store = $dir/small"
    agent_start
    gives 0 xensnap create -D -n a web1
    gives 0 xensnap create -D -n b web1
    gives 0 xensnap create -D -n c web1
    dd if=/dev/zero of="$dir/small/filler" bs=4k 2> /dev/null
    truncate -s -4k "$dir/small/filler"
    xensnap delete -n a web1 > "$dir/out" 2>&1
    echo "    in the full store: $(tail -n 1 "$dir/out")"
    rm "$dir/small/filler"
    gives 0 xensnap delete -n b web1
    gives 0 xensnap delete -n c web1
    xensnap delete -n a web1 > "$dir/out" 2>&1
    gives 0 xensnap create -D -n d web1
    gives 0 xensnap delete -n d web1
    [ "$(inside "$dir/a.qcow2")" = 0 ] || fail "tags are left"
    empty() { [ -z "$(ls -A "$dir/small")" ]; }
    wait_for 5 empty || fail "left over: $(find "$dir/small")"
fi
echo ok
