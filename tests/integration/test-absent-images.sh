#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
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

# given_up WHAT: s2 and s3 are deleted and could not be merged, so $one (2) and $two (3) are given up; s1 is in $base (1),
# and the domain goes on in $three (4).
given_up() {
    three "$1"
    sleep 300 8< "$one" 9< "$two" &
    holder=$!
    gives 6 xensnap delete -n s2 web1
    gives 6 xensnap delete -n s3 web1
    kill $holder
}

given_up "an image that was given up is not there, and the disk stands on it"
domain_end
mv "$two" "$dir/away"
gives 13 xensnap delete -n s1 "$vm"
says "stands on $two, which is not there"
[ -e "$one" ] || fail "$one is gone, on which $two stands, and on that $three"
is "$two" "retired deleted"
mv "$dir/away" "$two"
holds "$three" 4
machine xvda qcow2 "$three"
gives 0 xensnap delete -n s1 web1
[ "$(top)" = "$base" ] && [ ! -e "$one" ] && [ ! -e "$two" ] || fail "it is in $(top), $(ls "$dir/store/$vm")"
holds "$base" 4

given_up "the same, and what stands on it is not there either"
domain_end
mkdir "$dir/away"
mv "$two" "$three" "$dir/away"
gives 13 xensnap delete -n s1 "$vm"
[ -e "$one" ] || fail "$one is gone"
mv "$dir/away"/* "$dir/store/$vm"
holds "$three" 4

case_begin "an image that was given up is gone, and nothing stands on it"
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap create -e -D -n s1 web1
over=$(stored)
domain_end
gives 0 xensnap delete -n s1 "$vm"
is "$over" "retired merged"
rm "$over"
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
[ -z "$(role "$over")" ] || fail "it is not forgotten: $(cat "$dir/store/$vm/images.json")"

echo ok
