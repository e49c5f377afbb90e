#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A merge that was begun and broken off has left the lower image as no disk ever was.  Whoever names it, and whoever no
# longer names the upper one: the upper one stays as long as it is not known that all of it has arrived.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# begun LOWER UPPER: a merge, by what the ledger says.
begun() {
    /usr/bin/python3 - "$dir/store/$vm/images.json" "$@" << 'PY'
import json, sys
path, lower, upper = sys.argv[1:]
ledger = json.load(open(path))
for image in ledger["ledger"]:
    if image["path"] == lower:
        image["merging"] = upper
json.dump(ledger, open(path, "w"))
PY
}

# merging IMAGE: what the ledger says is on its way into it.
merging() {
    /usr/bin/python3 - "$dir/store/$vm/images.json" "$1" << 'PY'
import json, os, sys
if os.path.exists(sys.argv[1]):
    for image in json.load(open(sys.argv[1]))["ledger"]:
        if image["path"] == sys.argv[2]:
            print(image.get("merging", ""))
PY
}

# half WHAT: xvdb was in $base (1) and is in $over (2); the snapshot in between is deleted, and the merge has done nothing
# yet but begun.  xvda is there for another snapshot, s2.
half() {
    case_begin "$1"
    base=$dir/b.qcow2
    machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$base"
    writes 1 xvdb
    gives 0 xensnap create -e -D --disks xvdb -n s1 web1
    gives 0 xensnap create -D --disks xvda -n s2 web1
    over=$(stored xvdb)
    writes 2 xvdb
    sleep 300 9< "$base" &
    holder=$!
    gives 6 xensnap delete -n s1 web1
    kill $holder
    begun "$base" "$over"
}

half "the disk is detached"
domain_end
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap delete -n s2 web1
holds "$over" 2
is "$over" head
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$over" # it is attached again
gives 0 xensnap create -D --disks xvda -n s3 web1
gives 0 xensnap delete -n s3 web1
[ "$(top xvdb)" = "$base" ] && [ ! -e "$over" ] || fail "xvdb is in $(top xvdb), $(ls "$dir/store/$vm")"
holds "$base" 2

half "the VM is started from the image below, as its old xl.cfg says"
domain_end
writable "$base" # on his own responsibility: it is protected
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$base"
gives 13 xensnap delete -n s2 web1
says 'has only a part of what is in'
holds "$over" 2
is "$over" head
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$over" # as disk.cfg says
gives 0 xensnap delete -n s2 web1
[ "$(top xvdb)" = "$base" ] && [ ! -e "$over" ] || fail "xvdb is in $(top xvdb), $(ls "$dir/store/$vm")"
holds "$base" 2

# inside WHAT: xvda was in $base, with s0 (1) inside it, and is in $over (2); s1 is deleted, and the merge has begun.  With
# the revert to s0 the VM goes on in a copy, for $base cannot be written to, and $over is replaced.
inside() {
    over_base "$1"
    sleep 300 9< "$base" &
    holder=$!
    gives 6 xensnap delete -n s1 web1
    kill $holder
    begun "$base" "$over"
    gives 0 xensnap revert web1 s0
    [ "$(top)" != "$base" ] && [ ! -e "$over" ] || fail "it is in $(top), $(ls "$dir/store/$vm")"
    holds "$(top)" 1
}

# whole: it is the VM's disk, as any other.
whole() {
    [ "$(top)" = "$base" ] && [ -z "$(merging "$base")" ] || fail "it is in $(top): $(cat "$dir/store/$vm/images.json")"
    holds "$base" 1
    writes 5
    gives 0 xensnap create -D -n s5 web1
    gives 0 xensnap create -e -D -n s6 web1
    gives 0 xensnap delete -n s6 web1
    gives 0 xensnap delete -n s0 web1
    gives 0 xensnap delete -n s5 web1
    [ "$(top)" = "$base" ] || fail "it is in $(top)"
    holds "$base" 5
}

inside "the VM goes back, and back again in place"
gives 0 xensnap revert web1 s0
whole

inside "the same, and the first time it cannot be started: then it is as it was, of no use"
[ -n "$(merging "$base")" ] || fail "not known as half merged: $(cat "$dir/store/$vm/images.json")"
echo 1 > "$dir/build-fails"
xensnap revert web1 s0 > "$dir/out" 2>&1 && fail "it was started: $(cat "$dir/out")"
rm -f "$dir/build-fails"
[ -n "$(merging "$base")" ] || fail "taken for whole: $(cat "$dir/store/$vm/images.json")"
gives 0 xensnap revert web1 s0
whole

three "the host ends while one is merged into another, in the middle, and QEMU has put on it what stood on that"
sleep 300 9< "$one" &
holder=$!
gives 6 xensnap delete -n s2 web1
kill $holder
begun "$one" "$two"
domain_end
qemu-img rebase -u -b "$one" -F qcow2 "$three"
machine xvda qcow2 "$three"
gives 13 xensnap delete -n s1 web1
says "without $two"
gives 13 xensnap create -D -n s4 web1
holds "$two" 3
domain_end
gives 0 xensnap delete -n s1 "$vm"
machine xvda qcow2 "$three"
gives 0 xensnap revert web1 s3
holds "$(stored)" 3
gives 0 xensnap delete -n s3 web1
[ "$(stored)" = "$base" ] || fail "it is in $(stored)"
holds "$base" 3

three "what a revert has replaced was on its way into an image of ours"
sleep 300 9< "$two" &
holder=$!
gives 6 xensnap delete -n s3 web1
kill $holder
begun "$two" "$three"
gives 0 xensnap revert web1 s2
[ ! -e "$three" ] && [ ! -e "$two" ] || fail "left: $(cat "$dir/store/$vm/images.json")"
holds "$(stored)" 2
gives 0 xensnap delete -n s2 web1
gives 0 xensnap delete -n s1 web1
[ "$(stored)" = "$base" ] || fail "it is in $(stored)"
holds "$base" 2
echo ok
