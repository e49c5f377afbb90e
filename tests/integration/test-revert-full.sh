#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Somebody fills the store's file system when the domain has just been destroyed: what has to be written then has its room.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
mkdir "$dir/store"
mount -t tmpfs -o size=3m tmpfs "$dir/store" 2> /dev/null || { echo "a file system cannot be mounted here"; exit 77; }
trap 'umount -l "$dir/store"; cleanup' EXIT
xenstored_start
domain_make
agent_start

journal_has() {
    grep -qs "\"step\":\"$1\"" "$dir/store/$vm/journal"
}

writes 1
gives 0 xensnap create -e -D -n s web1
writes 2
echo 5000 > "$dir/qemu-exit-ms"
xensnap revert web1 s > "$dir/revert.out" 2>&1 &
cli=$!
wait_for 60 journal_has destroy || fail "it does not come to destroy: $(cat "$dir/revert.out")"
cat /dev/zero > "$dir/store/hog" 2> /dev/null
! echo more > "$dir/store/more" 2> /dev/null || [ ! -s "$dir/store/more" ] || fail "it is not full: $(df "$dir/store")"
journal_has disks && fail "the file system was not full in time"
wait $cli || fail "it has failed: $(cat "$dir/revert.out")"
rm "$dir/store/hog"
[ "$(life)" = running ] || fail "the domain is $(life)"
holds "$(stored)" 1
echo ok
