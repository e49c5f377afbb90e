# SPDX-License-Identifier: LGPL-2.1-or-later
# The kill-at-every-step loop, for bash, in dom0; lib.sh and snap.sh come first.  The steps come from the worker.
# shellcheck shell=bash

preload=/usr/local/lib/xensnap-tests/killpoint.so

steps_of() {
    "$libexec/xensnap-worker" --steps | awk -v op="$1" '$1 == op { print $2 }'
    echo outcome
}

fired() {
    [ ! -e "$killpoint" ]
}

agent_fds() {
    find "/proc/$(agent_pid)/fd" -mindepth 1 | wc -l
}

# The guest's own word: it ticks, and its disk and memory belong together.
guest_is_well() {
    local domid
    domid=$(guest_domid g) || fail "$1: there is no domain"
    guest_wait_tick g 1 60
    check guest_unharmed g
    [ "$(xl list | awk '$1 == "g"' | wc -l)" = 1 ] || fail "$1: more than one domain"
}

# Old or new, never a half: as many tags in the image as snapshots in the list and directories in the store.
store_is_whole() {
    local listed dirs
    listed=$(list_names g | wc -l)
    dirs=$(find "$store"/*/ -mindepth 1 -maxdepth 1 -type d | wc -l)
    [ "$listed" = "$dirs" ] && [ "$listed" = "$(tags g)" ] ||
        fail "$1: $listed listed, $dirs in the store, $(tags g) in the image"
}

# What the operation needs to stand on.
arrange() {
    is_listed g base || done_or_fail g 'create name=base'
    case $1 in
        create) ! is_listed g x || done_or_fail g 'delete name=x' ;;
        delete) is_listed g x || done_or_fail g 'create name=x' ;;
    esac
}

line_of() {
    case $1 in
        create) echo 'create name=x' ;;
        delete) echo 'delete name=x' ;;
        revert) echo 'revert name=base' ;;
    esac
}

# kill_once WHO WHEN OPERATION STEP
kill_once() {
    local what="$1 killed $2 $4 of $3"
    arrange "$3"
    asked=$((asked + 1))
    id=k$$-$asked
    echo "$1 $2 $4" > "$killpoint"
    xenstore-write "/local/domain/$(guest_domid g)/snapshot/request" "$(line_of "$3") id=$id"
    wait_for 60 fired || fail "$what: it never came there"
    if [ "$1" = agent ]; then
        wait_for 10 no_process xensnapd || fail "$what: the agent lives"
        agent_start "LD_PRELOAD=$preload"
    fi
    wait_for 90 guest_domid g > /dev/null || fail "$what: the domain does not come back"
    await g 120
    nothing_left_over
    guest_is_well "$what"
    store_is_whole "$what"
    note "$what: $state"
}

# kill_everywhere WHO OPERATION...
kill_everywhere() {
    local who=$1 op step when
    shift
    fresh_start "LD_PRELOAD=$preload"
    guest_start g pv memory=96
    arrange revert
    fds=$(agent_fds)
    for op; do
        for step in $(steps_of "$op"); do
            for when in before after; do
                kill_once "$who" $when "$op" "$step"
            done
        done
    done
    [ "$who" = agent ] || [ "$(agent_fds)" = "$fds" ] || fail "the agent had $fds descriptors and has $(agent_fds)"
    done_or_fail g 'revert name=base'
    guest_is_well "at the end"
    guest_destroy g
    disk_is_clean g
}
