#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An image that is not there, because its file system is not, still stands on what it stood on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# stacked WHAT: s1 is in $base (1); $middle (2) was s2, which is deleted and could not be merged; the domain goes on in
# $over (3).
stacked() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    middle=$(stored)
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    over=$(stored)
    writes 3
    sleep 300 9< "$middle" &
    holder=$!
    gives 6 xensnap delete -n s2 web1
    kill $holder
}

stacked "what stands on an image is not there, and a snapshot is deleted"
domain_end
mv "$over" "$dir/away"
gives 0 xensnap delete -n s1 "$vm"
[ -e "$middle" ] || fail "$middle is gone, on which $over stands"
mv "$dir/away" "$over"
holds "$over" 3
machine xvda qcow2 "$over"
gives 0 xensnap create -D -n s3 web1
gives 0 xensnap delete -n s3 web1
[ "$(top)" = "$base" ] && [ ! -e "$over" ] && [ ! -e "$middle" ] || fail "it is in $(top), $(ls "$dir/store/$vm")"
holds "$base" 3

echo ok
