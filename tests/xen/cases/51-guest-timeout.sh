#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# A guest that does not answer the request to suspend: guest-timeout after a minute, and nothing has happened to it.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


fresh_start
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=2 size=16M memory=96
before=$(fingerprint g | grep -v generation)
# It takes the processor from all else, the kernel's own threads too.
guest_type_until g 'echo -1 > /proc/sys/kernel/sched_rt_runtime_us; hog 75 &' '^hog begins'
refused g guest-timeout 'create name=late disk-xvda=internal disk-xvdb=external'
guest_says g 90 '^hog ends' "$typed_at" || fail "the hog does not end"
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
[ "$(fingerprint g | grep -v generation)" = "$before" ] || fail "something is left of it"
nothing_left_over
note "after a minute"

# Cancelled while the guest is asked to suspend: a request that it has not seen is taken back.
guest_type_until g 'hog 20 &' '^hog begins'
xenstore-write "/local/domain/$(guest_domid g)/snapshot/request" 'create name=never id=never type=external'
is_asked() {
    [ "$(xs_read "/local/domain/$(guest_domid g)/control/shutdown")" = suspend ]
}
wait_for 30 is_asked || fail "the guest was not asked to suspend"
xenstore-write "/local/domain/$(guest_domid g)/snapshot/request/never/cancel" 1
id=never
await g
[ "$state" = cancelled ] || fail "not cancelled: $state $error"
guest_says g 90 '^hog ends' "$typed_at" || fail "the hog does not end"
guest_wait_tick g $(($(guest_tick g) + 5))
check guest_unharmed g
[ "$(fingerprint g | grep -v generation)" = "$before" ] || fail "something is left of it"
nothing_left_over
