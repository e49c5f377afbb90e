#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A merge that was begun and broken off has left the lower image as no disk ever was.  Whoever names it, and whoever no
# longer names the upper one: the upper one stays as long as it is not known that all of it has arrived.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

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
    /usr/bin/python3 - "$dir/store/$vm/images.json" "$base" "$over" << 'PY'
import json, sys
path, base, over = sys.argv[1:]
ledger = json.load(open(path))
for image in ledger["ledger"]:
    if image["path"] == base:
        image["merging"] = over
json.dump(ledger, open(path, "w"))
PY
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
echo ok
