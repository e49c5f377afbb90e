#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# In dom0: create against `xl save -c` of the same domain, and a request's answer against a bare watch round trip.
. "$(dirname "$0")"/lib.sh
. "$(dirname "$0")"/snap.sh
rounds=${ROUNDS:-3}

now_ms() {
    echo $((${EPOCHREALTIME/./} / 1000))
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Stamps each tick of the guest with dom0's clock, as it appears on the console.
follow_ticks() {
    tail -c 0 -F "$(guest_log "$1")" 2> /dev/null | while read -r word n; do
        [ "$word" != tick ] || echo "$(now_ms)"
    done > /tmp/ticks &
    follower=$!
}

longest_gap() {
    pkill -P $follower 2> /dev/null
    kill $follower 2> /dev/null
    awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { print gap + 0 }' /tmp/ticks
}

# measure GUEST COMMAND...: prints "TOTAL GAP" in ms.
measure() {
    local guest=$1 from
    shift
    follow_ticks "$guest"
    guest_wait_tick "$guest" $(($(guest_tick "$guest") + 5))
    from=$(now_ms)
    "$@" > /dev/null 2>&1 || fail "$*"
    from=$(($(now_ms) - from))
    guest_wait_tick "$guest" $(($(guest_tick "$guest") + 5))
    echo "$from $(longest_gap)"
}

bench_create() {
    local type=$1 n
    guest_start g "$type"
    rm -f /tmp/ours /tmp/theirs
    for ((n = 0; n < rounds; n++)); do
        measure g xensnap create -q -n "b$n" g >> /tmp/ours
        measure g xl save -c g /var/lib/xen/bench.save >> /tmp/theirs
        rm -f /var/lib/xen/bench.save
    done
    for column in 1 2; do
        ours=$(cut -d ' ' -f $column /tmp/ours | median)
        theirs=$(cut -d ' ' -f $column /tmp/theirs | median)
        what=$([ $column = 1 ] && echo "total time" || echo "guest stood still")
        awk -v a="$ours" -v b="$theirs" -v t="$type" -v w="$what" 'BEGIN {
            printf "%-4s create, %-18s %6d ms   xl save -c %6d ms   ratio %.2f\n", t, w ":", a, b, a / b }'
    done
    for ((n = 0; n < rounds; n++)); do xensnap delete -q g "b$n"; done
    guest_destroy g
}

# A request that needs no work, from the start of the client to its end, against a bare watch: a client that registers
# one and gets its first event.
bench_answer() {
    local n from
    rm -f /tmp/ours /tmp/theirs
    xenstore-write /tool/bench 1
    for ((n = 0; n < 30; n++)); do
        from=${EPOCHREALTIME/./}
        xensnap list -q nosuch > /dev/null 2>&1
        echo $((${EPOCHREALTIME/./} - from)) >> /tmp/ours
        from=${EPOCHREALTIME/./}
        timeout 10 xenstore-watch -n 1 /tool/bench > /dev/null
        echo $((${EPOCHREALTIME/./} - from)) >> /tmp/theirs
    done
    xenstore-rm /tool/bench
    awk -v a="$(median < /tmp/ours)" -v b="$(median < /tmp/theirs)" 'BEGIN {
        printf "request to answer: %.1f ms   bare watch round trip: %.1f ms   ratio %.2f\n", a / 1000, b / 1000, a / b }'
}

fresh_start
bench_create pv
bench_create hvm
bench_answer
