# SPDX-License-Identifier: LGPL-2.1-or-later
# The table of what can be snapshotted how; lib.sh, snap.sh and disks.sh come first.
# shellcheck shell=bash

# keys_of PLACE: the request's keys for that kind of snapshot, of the disks in "vdevs".
keys_of() {
    case $1 in
        external) echo type=external ;;
        mixed) echo "disks=$vdevs disk-xvdb=external" ;;
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

# row GUEST PLACE ORDER: a snapshot with memory and one without, back to each (without memory that is a boot), on
# from the first, a reboot of a PV guest (the others' are cases of their own), both deleted in that order. The guest
# writes all the time.
row() {
    local guest=$1 place=$2 order=$3 name memory=yes
    for name in with without; do
        done_or_fail "$guest" "create name=$name memory=$memory $(keys_of "$place")"
        guest_wait_tick "$guest" $(($(guest_tick "$guest") + 3))
        dump_snapshot "$guest" $name
        memory=no
    done
    check guest_unharmed "$guest"
    disks_agree "$guest"
    goes_back "$guest" without
    goes_back "$guest" with
    [ "$place" = internal ] || [ "$type" != pv ] || reboots "$guest" reboot
    for name in $order; do
        done_or_fail "$guest" "delete name=$name"
        disks_agree "$guest"
        guest_wait_tick "$guest" $(($(guest_tick "$guest") + 3))
        check guest_unharmed "$guest"
    done
    no_trace_of "$guest"
    rm -f "$dumps"/*
}

# table TYPE DISKS MEMORY
table() {
    local type=$1 place order='with without' started vdevs
    vdevs=$(echo xvda,xvdb,xvdc,xvdd | cut -d , -f "1-$2")
    fresh_start
    GUEST_WORDS='blocks=256 pages=64' guest_start g "$1" disks="$2" size=8M memory="$3"
    for place in internal external $([ "$2" = 1 ] || echo mixed); do
        started=$SECONDS
        row g $place "$order"
        printf 'table: %-4s %s disks  %-9s memory, disk-only   deleted: %-13s ok (%d s)\n' "$1" "$2" $place "$order" \
            $((SECONDS - started))
        [ "$order" = 'with without' ] && order='without with' || order='with without'
    done
    guest_destroy g
    nothing_left_over
}
