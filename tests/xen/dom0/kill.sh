# SPDX-License-Identifier: LGPL-2.1-or-later
# The kill-at-every-step loop, for bash, in dom0; lib.sh and snap.sh come first.  The steps come from the worker.
# shellcheck shell=bash

preload=/usr/local/lib/xensnap-tests/killpoint.so

# Not freeze, which takes a guest that can: 74-quiesce kills there.
steps_of() {
    local steps
    steps=$("$libexec/xensnap-worker" --steps | awk -v op="$1" '$1 == op && $2 != "freeze" { print $2 }')
    [ -z "$steps" ] || printf '%s\noutcome\n' "$steps"
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

# Old or new, never a half: as many internal snapshots in the first disk as snapshots in the list and directories in
# the store; of the second one every image that is there is needed, and there is every image that is needed.
store_is_whole() {
    local listed dirs tags needed there chain
    listed=$(xs_read "/local/domain/$(guest_domid g)/snapshot/list/count")
    dirs=$(find "$store"/*/ -mindepth 1 -maxdepth 1 -type d | wc -l)
    tags=$(tags g)
    [ "$listed" = "$dirs" ] && [ "$listed" = "$tags" ] ||
        fail "$1: $listed listed, $dirs in the store, $tags in the image"
    chain=$(qemu-img info -U --backing-chain "$(disks_of g | awk '$1 == "xvdb" { print $3 }')") ||
        fail "$1: the second disk cannot be read"
    needed=$({
        sed -n 's/^image: //p' <<< "$chain"
        sed -n 's/.*"target": "\(.*\)".*/\1/p' "$store"/*/*/snapshot.json
        waiting_images
    } | grep "^$store" | sort -u)
    there=$(find "$store" -name '*.qcow2' | sort)
    # With the snapshot base there is an overlay all the while.
    [ -n "$there" ] && [ "$needed" = "$there" ] || fail "$1: needed are '$needed', there are '$there'"
    disks_agree g
}

# What the operation needs to stand on.
arrange() {
    is_listed g base || done_or_fail g "create name=base $mixed"
    case $1 in
        create*) ! is_listed g x || done_or_fail g 'delete name=x' ;;
        delete) is_listed g x || done_or_fail g "create name=x $mixed" ;;
    esac
}

mixed='disk-xvda=internal disk-xvdb=external'

line_of() {
    case $1 in
        create) echo "create name=x $mixed" ;;
        create-disks) echo "create name=x memory=no $mixed" ;;
        delete) echo 'delete name=x' ;;
        revert) echo 'revert name=base' ;;
        revert-disks) echo 'revert name=disks' ;;
    esac
}

# kill_once WHO WHEN OPERATION STEP: false where the operation has no such step.
kill_once() {
    local what="$1 killed $2 $4 of $3"
    arrange "$3"
    asked=$((asked + 1))
    id=k$$-$asked
    echo "$1 $2 $4" > "$killpoint"
    xenstore-write "/local/domain/$(guest_domid g)/snapshot/request" "$(line_of "$3") id=$id"
    xs await g "snapshot/status/$id/finished" 60 "$killpoint" > /tmp/ended || fail "$what: it never came there"
    if ! fired; then
        rm -f "$killpoint"
        return 1
    fi
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

# The agent and the guest that is to suffer, with a snapshot to go back to.
kill_begin() {
    fresh_start "LD_PRELOAD=$preload"
    GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=2 size=16M memory=96
    arrange revert
    fds=$(agent_fds)
}

kill_end() {
    [ "$1" = agent ] || [ "$(agent_fds)" = "$fds" ] || fail "the agent had $fds descriptors and has $(agent_fds)"
    done_or_fail g 'revert name=base'
    guest_is_well "at the end"
    guest_destroy g
    disk_is_clean g
}

# The worker goes on without its agent, so that the agent just before a step is the one after the step before.
times_of() {
    [ "$1" != worker ] || echo before
    echo after
}

# kill_at WHO OPERATION:STEP...: once at each of these steps, before or after it as a seed has it; those that say
# kill_everywhere do both.
kill_at() {
    local who=$1 place times seed=${SEED:-$RANDOM}
    shift
    note "SEED=$seed"
    RANDOM=$seed
    mapfile -t times <<< "$(times_of "$who")"
    kill_begin
    for place; do
        kill_once "$who" "${times[RANDOM % ${#times[@]}]}" "${place%:*}" "${place#*:}" ||
            fail "no ${place%:*} came to ${place#*:}"
    done
    kill_end "$who"
}

# What libxl does can be seen on Xen only; the other steps are killed without a hypervisor, and here by
# `make check-exhaustive`.
steps_of_saving='create:save create:resume'
steps_of_replacing='revert:destroy revert:restore revert:handover revert:unpause'

# kill_everywhere WHO VARIANT...: of an operation at each of its steps. Each variant is a list of requests, among which
# every step that the program knows has to occur: disks alone are another way through the same steps.
kill_everywhere() {
    local who=$1 op=$2 variant step steps when met
    shift 2
    steps=$(steps_of "$op")
    [ -n "$steps" ] || fail "the worker knows no steps of $op"
    kill_begin
    [ "$op" != revert ] || done_or_fail g "create name=disks memory=no $mixed"
    for step in $steps; do
        met=
        for variant; do
            [ -z "$met" ] || is_about_disks "$variant" "$step" || continue
            for when in $(times_of "$who"); do
                kill_once "$who" $when "$variant" "$step" && met=1 || break
            done
        done
        [ "$met" ] || fail "no request came to step $step of $op"
    done
    kill_end "$who"
}

# Where a way without memory differs from the one with it.
is_about_disks() {
    case $1.$2 in
        create-disks.disks | create-disks.resume | revert-disks.restore) ;;
        *) return 1 ;;
    esac
}
