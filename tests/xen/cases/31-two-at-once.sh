#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: two-vcpus
# deadline: 400
# Two guests are snapshotted at once; a second request for the same guest waits for the first.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

overlapped() {
    local a b
    a=$(xs_read "/local/domain/$1/snapshot/status/one/state")
    b=$(xs_read "/local/domain/$2/snapshot/status/one/state")
    [ "$a $b" = "running running" ]
}

fresh_start
guest_start a pv
guest_start b pv
a=$(guest_domid a) b=$(guest_domid b)
xenstore-write "/local/domain/$a/snapshot/request" 'create name=s1 id=one' \
    "/local/domain/$b/snapshot/request" 'create name=s1 id=one'
wait_for 20 overlapped "$a" "$b" || fail "they were not worked on at the same time"
xenstore-write "/local/domain/$a/snapshot/request" 'create name=s1 id=two'
for guest in a b; do
    id=one
    await $guest
    [ "$state" = done ] || fail "guest $guest: $state $error"
done
id=two
await a
[ "$error" = exists ] || fail "the same name twice: $state $error"
for guest in a b; do
    done_or_fail $guest 'revert name=s1'
    guest_wait_tick $guest $(($(guest_tick $guest) + 3))
    check guest_unharmed $guest
done
nothing_left_over
