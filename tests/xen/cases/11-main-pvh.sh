#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job on a PVH guest: one xenstore-write each takes, lists, reverts and deletes a snapshot of a running guest.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g pvh
snapshot_and_return g s1
tree=$(xenstore-ls "/local/domain/$(guest_domid g)/snapshot")
for line in 'operation = "revert"' 'state = "done"' 'returned = "revert"' 'name = "s1"' 'current = "1"'; do
    [[ $tree == *"$line"* ]] || fail "the tree lacks $line: $tree"
done
done_or_fail g 'delete name=s1'
[ "$(list_names g)" = "" ] || fail "it is still listed"
[ "$(tags g)" = 0 ] || fail "the image still holds a snapshot"
guest_wait_tick g $(($(guest_tick g) + 3))
guest_destroy g
disk_is_clean g
nothing_left_over
