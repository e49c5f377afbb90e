#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# machine: any
# machine: two-vcpus exhaustive
# deadline: 400
# A request can be cancelled while it waits and while it runs; the guest goes on and nothing is left.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

stage_is() {
    [ "$(status_of g one stage)" = "$1" ]
}

fresh_start
guest_start g pv
tree=/local/domain/$(guest_domid g)/snapshot
xenstore-write "$tree/request/one/operation" create "$tree/request/one/name" s1
xenstore-write "$tree/request/two/operation" create "$tree/request/two/name" s2
wait_for 30 stage_is save || fail "it never came to the memory"
xenstore-write "$tree/request/two/cancel" 1
xenstore-write "$tree/request/one/cancel" 1
for id in two one; do
    await g
    [ "$state $error" = "cancelled cancelled" ] || fail "request $id: $state $error"
done
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
[ "$(list_names g)$(tags g)" = 0 ] || fail "something was made"
nothing_left_over

# The agent's end cancels what runs, too.
xenstore-write "$tree/request/one3/operation" create
id=one3
running() {
    [ "$(status_of g one3 stage)" = save ]
}
wait_for 30 running
agent_stop
[ "$(status_of g one3 state)" = cancelled ] || fail "not cancelled by SIGTERM: $(status_of g one3 state)"
guest_wait_tick g $(($(guest_tick g) + 3))
nothing_left_over
agent_start

# By the shorthand, naming the request; and too late.
done_or_fail g 'create name=s1'
refused g not-found "cancel request=$id"
is_listed g s1 || fail "a cancel that came too late took the snapshot"
