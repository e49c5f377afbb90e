# SPDX-License-Identifier: LGPL-2.1-or-later
# The table of what can be snapshotted how; lib.sh, snap.sh and disks.sh come first.
# shellcheck shell=bash

# keys_of PLACE DISKS NAME: the request's keys for that kind of snapshot. Of one disk, the snapshot with memory is
# internal and the other external.
keys_of() {
    case $1$2$3 in
        internal*) ;;
        external*) echo type=external ;;
        mixed1with) ;;
        mixed1without) echo type=external ;;
        mixed*) echo "disks=xvda,xvdb,xvdc disk-xvdb=external" ;;
    esac
}

# goes_back GUEST NAME: every block of every disk, and for a snapshot with memory the guest itself, which compares.
goes_back() {
    done_or_fail "$1" "revert name=$2 start=paused"
    disks_are "$1" "$2"
    disks_agree "$1"
    guest_mark "$1"
    xl unpause "$1"
    guest_wait_first_tick "$1"
    check guest_unharmed "$1"
}

# row GUEST PLACE DISKS ORDER: a snapshot with memory and one without, back to each, on from the first, reboot, both
# deleted in that order. The guest writes all the time.
row() {
    local guest=$1 place=$2 disks=$3 order=$4 name memory=yes
    for name in with without; do
        done_or_fail "$guest" "create name=$name memory=$memory $(keys_of "$place" "$disks" $name)"
        guest_wait_tick "$guest" $(($(guest_tick "$guest") + 3))
        dump_snapshot "$guest" $name
        memory=no
    done
    check guest_unharmed "$guest"
    disks_agree "$guest"
    goes_back "$guest" without
    goes_back "$guest" with
    [ "$place" = internal ] || reboots "$guest" reboot
    for name in $order; do
        done_or_fail "$guest" "delete name=$name"
        disks_agree "$guest"
        guest_wait_tick "$guest" $(($(guest_tick "$guest") + 3))
        check guest_unharmed "$guest"
    done
    no_trace_of "$guest" "$([ "$place$disks" = mixed1 ] && echo copy)"
    rm -f "$dumps"/*
}

# table TYPE DISKS MEMORY
table() {
    local place order='with without' started
    fresh_start
    GUEST_WORDS='blocks=256 pages=64' guest_start g "$1" disks="$2" size=8M memory="$3"
    for place in internal external mixed; do
        started=$SECONDS
        row g $place "$2" "$order"
        printf 'table: %-4s %s disks  %-9s memory, disk-only   deleted: %-13s ok (%d s)\n' "$1" "$2" $place "$order" \
            $((SECONDS - started))
        [ "$order" = 'with without' ] && order='without with' || order='with without'
    done
    guest_destroy g
    nothing_left_over
}
