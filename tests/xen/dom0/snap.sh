# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cases share that are about snapshots, for bash, in dom0; lib.sh comes first.
# shellcheck shell=bash

store=/var/lib/xen/snapshots
run_dir=/run/xensnap
agent_log=/var/log/xen/xensnapd.log
libexec=/usr/libexec/xensnap
killpoint=/run/killpoint
asked=0

# ---- the agent

agent_pid() {
    pids_of xensnapd | head -n 1
}

# agent_start [ENVIRONMENT...]: a new agent; its log goes on.
agent_start() {
    local from
    from=$(stat -c %s "$agent_log" 2> /dev/null || echo 0)
    env "$@" setsid xensnapd --workers 2 >> "$agent_log" 2>&1 < /dev/null &
    logs_line "$agent_log" "$from" 660 ': ready: ' || fail "the agent does not get ready: $(tail -n 3 "$agent_log")"
}

# agent_said OFFSET TEXT: whether the agent's log holds it behind OFFSET.
agent_said() {
    tail -c +$(($1 + 1)) "$agent_log" 2> /dev/null | grep -q -e "$2"
}

agent_stop() {
    pkill -TERM -x xensnapd
    wait_for 60 no_process xensnapd || fail "the agent does not stop"
}

agent_kill() {
    pkill -KILL -x xensnapd
    wait_for 10 no_process xensnapd
}

# Everything from the beginning: no guest, no agent, an empty store.
fresh_start() {
    pkill -TERM -x xensnapd && wait_for 60 no_process xensnapd
    guest_cleanup_all
    wait_for 20 no_process xensnap-monitor
    wipe "${store:?}"/* "$run_dir" "$killpoint"
    xenstore-rm /tool/xensnap 2> /dev/null
    agent_start "$@"
}

# ---- requests

# status_of GUEST ID KEY, in the tree that the guest has now: after a revert that is another one.  Asking xl for the
# domid takes long under emulation, so the last one is tried first.
declare -A last_domid
status_of() {
    xs_read "/local/domain/${last_domid[$1]:-none}/snapshot/status/$2/$3" && return
    xs_read "/local/domain/$(guest_domid "$1")/snapshot/status/$2/$3"
}

is_final() {
    [ -n "$(status_of "$1" "$2" finished)" ]
}

# ask GUEST LINE: the shorthand into the guest's own tree; waits for the end. Sets id, state and error.
ask() {
    asked=$((asked + 1))
    id=t$$-$asked
    # The id comes first, so that a line which cannot be parsed is answered under it too.
    [ "${2%% *}" = "$2" ] && line="$2 id=$id" || line="${2%% *} id=$id ${2#* }"
    last_domid[$1]=$(guest_domid "$1")
    xenstore-write "/local/domain/${last_domid[$1]}/snapshot/request" "$line"
    await "$1"
}

# The end of the last request.
await() {
    local domid
    domid=$(xs await "$1" "snapshot/status/$id/finished" "${2:-120}") ||
        fail "no end of request $id: $(tail -n 5 "$agent_log")"
    last_domid[$1]=$domid
    state=$(xs_read "/local/domain/$domid/snapshot/status/$id/state")
    error=$(xs_read "/local/domain/$domid/snapshot/status/$id/error")
}

done_or_fail() {
    ask "$@"
    [ "$state" = done ] || fail "'$2': $state $error: $(status_of "$1" "$id" message)"
}

# ask0 LINE: in dom0's tree, which takes requests about any VM. Sets id, state and error.
ask0() {
    asked=$((asked + 1))
    id=z$$-$asked
    xenstore-write /local/domain/0/snapshot/request "${1%% *} id=$id ${1#* }"
    xs appear "/local/domain/0/snapshot/status/$id/finished" "${2:-120}" ||
        fail "no end of request $id: $(tail -n 5 "$agent_log")"
    state=$(xs_read "/local/domain/0/snapshot/status/$id/state")
    error=$(xs_read "/local/domain/0/snapshot/status/$id/error")
}

done0_or_fail() {
    ask0 "$@"
    [ "$state" = done ] || fail "'$1': $state $error: $(xs_read "/local/domain/0/snapshot/status/$id/message")"
}

# refused GUEST WORD LINE: it ends with that error word.
refused() {
    ask "$1" "$3"
    [ "$error" = "$2" ] || fail "'$3' was to be refused with $2: $state $error $(status_of "$1" "$id" message)"
}

# ---- operations that are held at a step

# hold WHEN STEP GUEST LINE: asks, and stops the worker before or after the journal's line of that step.
hold() {
    asked=$((asked + 1))
    id=h$$-$asked
    echo "hold $1 $2" > "$killpoint"
    last_domid[$3]=$(guest_domid "$3")
    xenstore-write "/local/domain/${last_domid[$3]}/snapshot/request" "${4%% *} id=$id ${4#* }"
    wait_for 60 is_held || fail "'$4' never came to $2"
}

is_held() {
    local pid
    for pid in $(pids_of xensnap-worker); do
        [[ $(< "/proc/$pid/stat") != *') T '* ]] || return 0
    done 2> /dev/null
    return 1
}

let_go() {
    pkill -CONT -x xensnap-worker
}

# ---- what there is

# list_names GUEST: the names in the guest's listing, one a line.  Without a listing that is told, for nothing listed is
# what many cases look for.
list_names() {
    local list n count
    list=/local/domain/$(guest_domid "$1")/snapshot/list
    count=$(xs_read "$list/count") || { echo "(no listing)"; return 1; }
    for ((n = 0; n < count; n++)); do
        printf '%s\n' "$(xenstore-read -R "$list/$n/name")" # raw: without escapes
    done
}

is_listed() {
    list_names "$1" | grep -q -x -F -e "$2"
}

# tags_in IMAGE: how many snapshots of ours it holds; a number only if qemu-img could read it.
tags_in() {
    local list
    list=$(qemu-img snapshot -U -l "$1") || { echo "(no answer)"; return 1; }
    grep -c 'xensnap-' <<< "$list"
}

# tags GUEST: how many internal snapshots the guest's first disk holds.
tags() {
    tags_in "$images/$1-xvda.qcow2"
}

# tag_of GUEST NAME: the internal snapshot that belongs to the snapshot of that name. Without one a word that is no tag:
# nothing would be the disk as it is now.
tag_of() {
    local list n count
    list=/local/domain/$(guest_domid "$1")/snapshot/list
    count=$(xs_read "$list/count") || count=0
    for ((n = 0; n < count; n++)); do
        [ "$(xs_read "$list/$n/name")" = "$2" ] || continue
        echo "xensnap-$(xs_read "$list/$n/id")"
        return
    done
    echo "(no snapshot $2)"
    return 1
}

disk_is_clean() {
    qemu-img check -q -U "$images/$1-xvda.qcow2" || fail "the image of $1 is damaged"
}

# Everything that a refused request must not change: store, images' snapshots, listings.
fingerprint() {
    find "$store" -type f -exec sha256sum {} + | sort -k 2
    for image in "$images"/*.qcow2; do qemu-img snapshot -U -l "$image"; done
    xenstore-ls -f /tool/xensnap 2> /dev/null | sort
    xenstore-ls -f "/local/domain/$(guest_domid "$1")/snapshot/list" | sort
}

# Images of ours that were given up while the VM did not run: they stay until it has run without them.
waiting_images() {
    cat "$store"/*/images.json 2> /dev/null | awk -F '"' '$2 == "path" { path = $4 } $2 == "waits" { print path }'
}

# Nothing that an operation needs only while it runs.
nothing_left_over() {
    local name
    wait_for 30 no_process xensnap-worker || fail "a worker is left over"
    for name in libxl-save-helper qemu-img qemu-nbd; do
        no_process $name || fail "a $name is left over"
    done
    name=$(find "$store" -name journal -o -name '.draft' -o -name '.trash' -o -name '*.new')
    [ -z "$name" ] || fail "left over: $name"
}

# The guest's disk as it is now, checked block by block; the guest must be paused or gone. Sets disk_super.
disk_check() {
    local out
    disk_dump "$1" xvda /var/tmp/check.raw "${2:-}" || fail "the disk of $1 cannot be read"
    out=$(blockcheck /var/tmp/check.raw) || fail "the disk of $1 is not of one moment: $out"
    rm -f /var/tmp/check.raw
    disk_super=$(printf '%s\n' "$out" | sed -n 's/.*super=\([0-9]*\).*/\1/p' | head -n 1)
    [ -n "$disk_super" ] || fail "blockcheck says nothing of super: $out"
}

# reboots GUEST WORD: typed into the guest, it comes up anew as another domain.
reboots() {
    local boot domid
    boot=$(guest_boot_id "$1") domid=$(guest_domid "$1")
    guest_mark "$1"
    guest_type "$1" "$2"
    wait_for 120 booted_anew "$1" "$boot" || fail "no new boot after '$2'"
    [ "$(guest_domid "$1")" != "$domid" ] || fail "still domain $domid after '$2'"
    guest_wait_first_tick "$1"
}

booted_anew() {
    local now
    now=$(guest_boot_id "$1")
    [ -n "$now" ] && [ "$now" != "$2" ]
}

# ---- the main job, for any type of guest

# snapshot_and_return GUEST NAME: a snapshot, more writes, a revert; the counter and every block are those of the
# snapshot's moment.
snapshot_and_return() {
    local guest=$1 name=$2 before at first
    before=$(guest_domid "$guest")
    done_or_fail "$guest" "create name=$name"
    note "create: $(status_of "$guest" "$id" downtime-ms) ms of standstill"
    guest_wait_tick "$guest" $(($(guest_tick "$guest") + 10))
    disk_check "$guest" "$(tag_of "$guest" "$name")"
    at=$disk_super

    done_or_fail "$guest" "revert name=$name start=paused"
    [ "$(guest_domid "$guest")" != "$before" ] || fail "the domid has not changed"
    disk_check "$guest"
    [ "$disk_super" = "$at" ] || fail "the disk is at $disk_super and the snapshot at $at"
    guest_mark "$guest"
    xl unpause "$guest"
    guest_wait_first_tick "$guest"
    first=$(guest_lines "$guest" | sed -n 's/^tick \([0-9]*\)$/\1/p' | head -n 1)
    [ "$first" -ge "$at" ] && [ "$first" -le $((at + 2)) ] || fail "the counter goes on at $first, not after $at"
    guest_wait_tick "$guest" $((first + 10))
    check guest_unharmed "$guest"
    note "reverted from a later moment to $at; the guest went on with $first"
}

# main_job TYPE: takes, lists, reverts and deletes, on a guest of that type.
main_job() {
    fresh_start
    guest_start g "$1"
    snapshot_and_return g s1
    local tree line
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
}
