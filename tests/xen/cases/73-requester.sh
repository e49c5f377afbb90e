#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 900
# The requester is in the snapshot: xensnap in a guest returns once when the snapshot is made and once more when the guest
# has been brought back to it, with other exit codes, another epoch, and in an HVM guest another generation ID.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/policy.sh

# returns GUEST CODE SENTENCE: behind "from", xensnap has said that, and the shell tells its exit code.
returns() {
    local said
    guest_says "$1" 180 '^code ' "$from" || fail "xensnap does not return: $(guest_lines "$1" "$from" | tail -n 5)"
    said=$(guest_lines "$1" "$from" | grep -v '^tick ')
    grep -q "^code $2\$" <<< "$said" || fail "exit code $2 was to be seen: $said"
    grep -q "$3" <<< "$said" || fail "'$3' was to be seen: $said"
}

now_at() {
    from=$(stat -c %s "$(guest_log "$1")")
}

genid() {
    xs_read "/local/domain/$(guest_domid g)/platform/generation-id"
}

requester() {
    local type=$1 epoch id_before domid
    guest_start g "$type"
    wait_for 30 is_open g || fail "$type: the guest may not ask: $(door g)"
    epoch=$(guest_ask g 'xs read snapshot/epoch') id_before=$(genid) domid=$(guest_domid g)

    now_at g
    guest_type g 'xensnap create -n before 2> /dev/null; echo code $?'
    returns g 0 '^Snapshot before of .* created'
    [ "$(guest_ask g 'xs read snapshot/epoch')" = "$epoch" ] || fail "$type: a snapshot has changed the epoch"
    guest_wait_tick g $(($(guest_tick g) + 5))
    note "$type: made"

    now_at g
    done0_or_fail 'revert domain=g name=before'
    returns g 19 ' was brought back to snapshot before$'
    [ "$(guest_domid g)" != "$domid" ] || fail "$type: it is the same domain"
    [ "$(guest_ask g 'xs read snapshot/epoch')" != "$epoch" ] || fail "$type: the epoch is the same"
    [ "$type" != hvm ] || { [ -n "$id_before" ] && [ "$(genid)" != "$id_before" ]; } || fail "the generation ID is $(genid)"
    note "$type: brought back by dom0"

    # The guest itself asks to be brought back; it wakes in the middle of the create, not of the revert.
    now_at g
    guest_type g 'xensnap revert -n before 2> /dev/null; echo code $?'
    returns g 19 ' was brought back to snapshot before$'
    ! guest_lines g "$from" | grep -q 'reverted to' || fail "$type: the revert has returned"
    guest_wait_tick g $(($(guest_tick g) + 3))
    check guest_unharmed g
    done0_or_fail 'delete domain=g name=before'
    guest_destroy g
    note "$type: brought back by itself"
}

fresh_start
policy '[guest "g"]' 'allow = create list revert' 'memory = yes' 'min-interval = 0'
requester pv
requester pvh
GUEST_EXTRA='ms_vm_genid="generate"' requester hvm
nothing_left_over
