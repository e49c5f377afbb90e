#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# A paused domain is snapshotted and stays paused; one that is left paused by a revert runs when it is let.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


is_paused() {
    [[ $(xl list g | awk '$1 == "g" { print $5 }') == ??p* ]]
}

for type in pv hvm; do
    fresh_start
    GUEST_WORDS='blocks=256 pages=64' guest_start g $type disks=1 size=8M memory=96
    xl pause g
    for kind in '' 'memory=no' 'type=external' 'memory=no type=external'; do
        done_or_fail g "create name=\"p:$kind\" $kind"
        is_paused || fail "create $kind has let it run: $(xl list g)"
    done
    disks_agree g
    [ "$(xs_read "/local/domain/$(guest_domid g)/snapshot/list/0/state")" = paused ] || fail "the list does not say paused"
    guest_mark g
    xl unpause g
    guest_wait_first_tick g
    check guest_unharmed g
    done_or_fail g 'revert name="p:type=external" start=paused'
    is_paused || fail "the revert has not left it paused"
    guest_mark g
    xl unpause g
    guest_wait_first_tick g
    check guest_unharmed g
    reboots g reboot
    disks_agree g
    note "$type"
done
nothing_left_over
