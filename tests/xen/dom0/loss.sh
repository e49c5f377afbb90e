# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cases about lost data share; lib.sh, snap.sh and disks.sh come first. The guest is g.
# shellcheck shell=bash

# take NAME KEYS...: a snapshot, and some rounds after it
take() {
    done_or_fail g "create name=$*"
    guest_wait_tick g $(($(guest_tick g) + 3))
    dump_snapshot g "$1"
}

# is_back NAME: gone back to it every block is as it was, and the guest goes on from there
is_back() {
    done_or_fail g "revert name=$1 start=paused"
    disks_are g "$1"
    disks_agree g
    guest_mark g
    xl unpause g
    guest_wait_first_tick g
    guest_wait_tick g $(($(guest_tick g) + 3))
    check guest_unharmed g
}
