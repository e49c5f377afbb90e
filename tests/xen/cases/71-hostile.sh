#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# machine: alone two-vcpus
# deadline: 900
# Two guests do their worst to their request nodes while a third asks: neither its answers nor the agent's memory
# suffer.  What it is compared with are the same two guests that write as fast into a node which is no business of the
# agent's, for xenstored and the processor are theirs to use.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/policy.sh

asks=9

# latency WORD: of several requests of the good guest, the median in microseconds.  The word makes their IDs new ones: an
# old one is answered already.
latency() {
    local n out
    for ((n = 0; n < asks; n++)); do
        out=$(guest_ask good "xs time snapshot/request 'list id=m-$1-$n' snapshot/status/m-$1-$n/finished" 60) ||
            fail "the good guest: $out"
        sed -nE 's/^([0-9]+)\.([0-9]+) ms$/\1\2/p' <<< "$out"
    done | sort -n | sed -n "$(((asks + 1) / 2))p"
}

memory() {
    awk '/^VmRSS/ { print $2 }' "/proc/$(agent_pid)/status"
}

# both COMMAND: the two hostile guests do it, in the background.
both() {
    local guest
    for guest in bad1 bad2; do
        check guest_ask "$guest" "$1 > /dev/null &"
    done
}

quiet_again() {
    local guest
    for guest in bad1 bad2; do
        guest_ask "$guest" 'killall xs' 60 > /dev/null || true
    done
}

fresh_start
policy '[guest "*"]' 'allow = create list cancel' 'min-interval = 0' 'max-snapshots = 2'
for guest in good bad1 bad2; do GUEST_WORDS='tick_ms=1000 blocks=16 pages=16' guest_start $guest pv; done

alone=$(latency alone)
both 'xs flood data 600'
base=$(latency base)
quiet_again
before=$(memory)
note "median of $asks: $alone us alone, $base us beside two guests that write elsewhere; the agent has $before KiB"

# judge WHAT: the good guest's answers now, and the agent's memory.
judge() {
    local now after
    now=$(latency "$1")
    after=$(memory)
    note "$1: median $now us, the agent has $after KiB"
    [ "$now" -lt $((2 * base)) ] || fail "$1: $now us instead of $base"
    [ $((after - before)) -lt 2048 ] || fail "$1: the agent has grown by $((after - before)) KiB"
}

from=$(stat -c %s "$agent_log")
both 'xs flood snapshot/request 600'
wait_for 60 is_closed bad1 || fail "bad1 floods, and may: $(door bad1)"
wait_for 60 is_closed bad2 || fail "bad2 floods, and may: $(door bad2)"
is_open good || fail "the good guest suffers: $(door good)"
judge flood
quiet_again
episodes=$(tail -c +$((from + 1)) "$agent_log" | grep -c 'it writes too much')
[ "$episodes" -ge 2 ] && [ "$episodes" -le 8 ] || fail "$episodes lines about two floods"

# When its time is over it may ask again, and is heard.
wait_for 200 is_open bad1 && wait_for 200 is_open bad2 || fail "closed for ever: $(door bad1) $(door bad2)"
guest_gets bad1 'done' list

both 'xs junk snapshot/request 600'
judge junk
quiet_again
wait_for 500 is_open bad1 || fail "after junk, closed for ever"
is_empty() {
    [ "$(xenstore-list "/local/domain/$(guest_domid bad1)/snapshot/request")" = "" ]
}
wait_for 30 is_empty || fail "junk stays: $(xenstore-ls "/local/domain/$(guest_domid bad1)/snapshot/request")"
[ "$(xenstore-list "/local/domain/$(guest_domid bad1)/snapshot/status" | wc -l)" -le 40 ] || fail "statuses pile up"

# Nothing of it reached another's snapshots, and the good one can still be served whole.
[ "$(list_names bad1)" = "" ] || note "bad1 has: $(list_names bad1 | xargs)"
guest_gets good 'done' 'create name=last memory=no'
is_listed good last || fail "it is not listed"
nothing_left_over
