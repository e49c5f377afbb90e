#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# In dom0: each operation against what a person would type or send by hand, and the parts that are ours against their
# floor.  BENCH="NAME..." runs some of them, ROUNDS=N each N times.
. "$(dirname "$0")"/lib.sh
. "$(dirname "$0")"/snap.sh
. "$(dirname "$0")"/disks.sh
. "$(dirname "$0")"/quiesce.sh
rounds=${ROUNDS:-3}

now_ms() {
    echo $((${EPOCHREALTIME/./} / 1000))
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# ratio A B FORMAT: prints A, B and their ratio in that way; without figures there is nothing to print.
ratio() {
    awk -v a="$1" -v b="$2" -v format="$3" 'BEGIN {
        if (a !~ /^[0-9.]+$/ || b !~ /^[0-9.]+$/ || b == 0) exit 1
        printf format "   ratio %.2f\n", a, b, a / b }' || fail "no figures: '$1' and '$2' for: $3"
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
        ratio "$ours" "$theirs" "$(printf '%-4s create, %-18s' "$type" "$what:") %6d ms   xl save -c %6d ms"
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
        [ $? = 4 ] || fail "it is no answer that there is no such domain"
        echo $((${EPOCHREALTIME/./} - from)) >> /tmp/ours
        from=${EPOCHREALTIME/./}
        timeout 10 xenstore-watch -n 1 /tool/bench > /dev/null || fail "no event"
        echo $((${EPOCHREALTIME/./} - from)) >> /tmp/theirs
    done
    xenstore-rm /tool/bench
    ratio "$(median < /tmp/ours)" "$(median < /tmp/theirs)" 'request to answer: %d us   bare watch round trip: %d us'
}

# From a request's write to its acknowledgement, which is when its status is there.
bench_acknowledgement() {
    guest_start g pv
    python3 "$(dirname "$0")"/store.py ack "/local/domain/$(guest_domid g)/snapshot/request" 30 > /tmp/both || fail "no acknowledgement"
    xenstore-rm /tool/bench-watch
    ratio "$(cut -d ' ' -f 1 /tmp/both | median)" "$(cut -d ' ' -f 2 /tmp/both | median)" \
        'request to acknowledgement: %.2f ms   bare watch round trip: %.2f ms'
    guest_destroy g
}

# How long a guest's file systems stand still for a snapshot of its two disks, against freeze and thaw with nothing
# between; by watches alone, and with event channels.
bench_quiesce() {
    local how n
    quiesce_guest
    guestd_start
    for how in watches doorbell; do
        [ $how = watches ] || guest_ask g 'insmod /xen-evtchn.ko' > /dev/null || fail "no xen-evtchn"
        for ((n = 0; n < rounds; n++)); do
            done_or_fail g "create memory=no quiesce=must name=$how$n"
            status_of g "$id" freeze-ms >> /tmp/ours
            done_or_fail g "delete name=$how$n"
        done
        [ $how != watches ] || python3 "$(dirname "$0")"/store.py quiesce "/local/domain/$(guest_domid g)/snapshot" "$rounds" > /tmp/floor ||
            fail "no freeze"
        cp /tmp/floor /tmp/theirs
        compare "frozen, two disks, $how" "freeze and thaw, nothing between, watches"
    done
    guest_destroy g
}

# compare WHAT HOW: the medians of /tmp/ours and /tmp/theirs, in ms.
compare() {
    ratio "$(median < /tmp/ours)" "$(median < /tmp/theirs)" "$(printf '%-34s' "$1:") %6d ms   $(printf '%-44s' "$2") %6d ms"
    rm -f /tmp/ours /tmp/theirs
}

# timed FILE COMMAND...: appends what it took, in ms.
timed() {
    local file=$1 from
    shift
    from=$(now_ms)
    "$@" > /dev/null 2>&1 || fail "$*"
    echo $(($(now_ms) - from)) >> "$file"
}

# by_hand FILE COMMAND...: the QMP commands one after the other on the domain's monitor, where a bare word is an event to
# be waited for; appends from connect to the last.
by_hand() {
    local file=$1
    shift
    python3 - "/run/xen/qmp-libxenstat-$(guest_domid g)" "$@" >> "$file" << 'PY' || fail "QMP: $*"
import json, socket, sys, time
begin = time.monotonic()
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
f = s.makefile("rw")
f.readline()
events = []
for line in ['{"execute":"qmp_capabilities"}'] + sys.argv[2:]:
    if line.isupper():
        while line not in events:
            events.append(json.loads(f.readline()).get("event"))
        continue
    f.write(line + "\n")
    f.flush()
    while True:
        answer = json.loads(f.readline())
        if "event" not in answer:
            break
        events.append(answer["event"])
    assert "return" in answer, answer
print(int((time.monotonic() - begin) * 1000))
PY
}

transaction() {
    printf '{"execute":"transaction","arguments":{"actions":[{"type":"%s","data":{%s}}]}}' "$1" "$2"
}

top_node() {
    python3 - "/run/xen/qmp-libxenstat-$(guest_domid g)" << 'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
f.readline()
for line in '{"execute":"qmp_capabilities"}', '{"execute":"query-block"}':
    f.write(line + "\n")
    f.flush()
    answer = json.loads(f.readline())
print(answer["return"][0]["inserted"]["node-name"])
PY
}

# Disks only: the request from the client's start to its end, against the bare QMP commands that do it.
bench_disks() {
    local n
    guest_start g pv
    for ((n = 0; n < rounds; n++)); do
        timed /tmp/ours xensnap create -q -D -n "d$n" g
        by_hand /tmp/theirs "$(transaction blockdev-snapshot-internal-sync '"device":"xvda-qcow2","name":"hand'$n'"')"
    done
    compare "internal, disk-only, create" "the same QMP transaction"
    for ((n = 0; n < rounds; n++)); do
        timed /tmp/ours xensnap delete -q g "d$n"
        by_hand /tmp/theirs '{"execute":"blockdev-snapshot-delete-internal-sync","arguments":{"device":"xvda-qcow2","name":"hand'$n'"}}'
    done
    compare "internal, disk-only, delete" "the same QMP command"
    for ((n = 0; n < rounds; n++)); do
        timed /tmp/ours xensnap create -q -D -e -n "e$n" g
    done
    for ((n = rounds - 1; n >= 0; n--)); do
        timed /tmp/deletes xensnap delete -q g "e$n"
    done
    for ((n = 0; n < rounds; n++)); do
        qemu-img create -q -f qcow2 -u -b "$images/g-xvda.qcow2" -F qcow2 "$images/g-xvdz.qcow2" 64M
        by_hand /tmp/theirs "$(transaction blockdev-snapshot-sync '"node-name":"'"$(top_node)"'","snapshot-file":"'"$images"'/g-xvdz.qcow2","snapshot-node-name":"hand","format":"qcow2","mode":"existing"')"
        by_hand /tmp/commits '{"execute":"block-commit","arguments":{"job-id":"hand","device":"hand"}}' BLOCK_JOB_READY \
            '{"execute":"job-complete","arguments":{"id":"hand"}}' BLOCK_JOB_COMPLETED
        rm "$images/g-xvdz.qcow2"
    done
    compare "external, disk-only, create" "the same QMP transaction, overlay made before"
    mv /tmp/deletes /tmp/ours
    mv /tmp/commits /tmp/theirs
    compare "external, delete (merge)" "block-commit, job-complete"
    guest_destroy g
}

by_typing() {
    xl destroy g
    qemu-img snapshot -a "xensnap-$2" "$images/g-xvda.qcow2"
    xl restore "$1"
}

# Back to a snapshot with memory, until the domain runs.
bench_revert() {
    local n memory
    guest_start g "$1"
    xensnap create -q -n r g > /dev/null
    memory=$(echo "$store"/*/*/memory)
    for ((n = 0; n < rounds; n++)); do
        timed /tmp/ours xensnap revert -q g r
        timed /tmp/theirs by_typing "$memory" "$(basename "$(dirname "$memory")")"
    done
    compare "$1 revert, with memory" "xl destroy; qemu-img snapshot -a; xl restore"
    xensnap delete -q g r
    guest_destroy g
}

fresh_start
for name in ${BENCH:-create_pv create_hvm answer acknowledgement disks revert_pv revert_hvm quiesce}; do
    # shellcheck disable=SC2086 # NAME_TYPE is NAME and its argument
    bench_${name/_/ }
done
