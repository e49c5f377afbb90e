#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# The machine alone: guests of all three types start, work, take commands, reboot, power off and are destroyed.
# deadline: 400
set -u
# shellcheck source=../dom0/lib.sh
. "$(dirname "$0")"/../dom0/lib.sh

note "a PV, a PVH and an HVM guest"
guest_start one pv disks=2
note "PV ticks"
guest_start two pvh
note "PVH ticks"
guest_start three hvm
note "HVM ticks"
for name in one two three; do
    guest_alive $name || fail "$name is not alive"
    guest_wait_tick $name $(($(guest_tick $name) + 5))
done
note "all go on side by side"

for name in one two three; do
    [ "$(guest_ask $name 'xs read domid')" = "$(guest_domid $name)" ] || fail "$name does not answer"
done
note "all answer on their consoles"

guest_type one poweroff
wait_for 30 guest_gone one || fail "the PV guest did not power off"
check disk_dump one xvda /tmp/one-a.raw
check disk_dump one xvdb /tmp/one-b.raw
check blockcheck /tmp/one-a.raw /tmp/one-b.raw
note "poweroff leaves both disks of the PV guest at one instant"

boot=$(guest_boot_id two) domid=$(guest_domid two)
guest_mark two
guest_type two reboot
guest_wait_reboot two "$boot"
[ "$(guest_domid two)" != "$domid" ] || fail "the PVH guest has the same domid after its reboot"
note "reboot makes a new domain of the PVH guest"

guest_unharmed three || fail "the HVM guest found its memory or disk damaged"
guest_destroy three
check disk_dump three xvda /tmp/three.raw
check blockcheck /tmp/three.raw
note "the destroyed HVM guest's disk is of one instant"

guest_unharmed two || fail "the PVH guest found its memory or disk damaged"
rm -f /tmp/one-?.raw /tmp/three.raw
