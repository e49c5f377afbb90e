#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A snapshot of two disks is deleted, and the second one's part cannot be removed: it is gone from the list all the same,
# for its first part is; what is left goes when that can be, and the other disks' images do not wait for it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

no_journal() {
    [ ! -e "$dir/store/$vm/journal" ]
}

# tags_of IMAGE: how many snapshots it holds.
tags_of() {
    qemu-img snapshot -U -l "$1" | grep -c xensnap-
}

two_disks() {
    case_begin "$1"
    a=$dir/xvda.qcow2 b=$dir/xvdb.qcow2
    machine xvda qcow2 "$a" xvdb qcow2 "$b"
    writes 1
    gives 0 xensnap create -D -n s1 web1
    writes 2
}

# gone: the snapshot is not listed, nothing is left to be done, and what is left is in the ledger.
gone() {
    gives 0 xensnap list "$vm"
    ! grep -qw s1 "$dir/out" || fail "still listed: $(cat "$dir/out")"
    wait_for 10 no_journal || fail "a journal stays: $(cat "$dir/store/$vm/journal")"
    [ "$(tags_of "$a") $(tags_of "$b")" = "0 1" ] || fail "tags: $(tags_of "$a") $(tags_of "$b")"
    grep -q '"remove"' "$dir/store/$vm/images.json" || fail "forgotten: $(cat "$dir/store/$vm/images.json")"
}

two_disks "the second cannot be written to"
gives 0 xensnap create -e -D --disks xvda -n e1 web1
writes 3
domain_end
corrupt "$b" 1
gives 0 xensnap delete "$vm" s1
says "stays inside $b"
gone
# Nothing of the first disk waits for that.
gives 0 xensnap delete "$vm" e1
holds "$a" 3
grep -q "target=$a\"" "$dir/store/$vm/disk.cfg" || fail "it is to be started with $(cat "$dir/store/$vm/disk.cfg")"
corrupt "$b" 0
machine xvda qcow2 "$a" xvdb qcow2 "$b"
gives 0 xensnap create -D --disks xvda -n s2 web1
gives 0 xensnap delete web1 s2
[ "$(tags_of "$b")" = 0 ] || fail "the tag stays"
[ ! -e "$dir/store/$vm/images.json" ] || ! grep -q '"remove"' "$dir/store/$vm/images.json" || fail "it is noted still"

# The first one fails: nothing is changed.
two_disks "the first cannot be written to"
domain_end
corrupt "$a" 1
gives 15 xensnap delete "$vm" s1
gives 0 xensnap list "$vm"
says s1
[ "$(tags_of "$a") $(tags_of "$b")" = "1 1" ] || fail "tags: $(tags_of "$a") $(tags_of "$b")"
corrupt "$a" 0
gives 0 xensnap delete "$vm" s1
[ "$(tags_of "$a") $(tags_of "$b")" = "0 0" ] || fail "tags: $(tags_of "$a") $(tags_of "$b")"
echo ok
