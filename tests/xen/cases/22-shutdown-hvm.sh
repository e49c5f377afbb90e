#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# The same for an HVM guest, whose QEMU has to go and come with it.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g hvm
done_or_fail g 'create name=s1'
reboots g reboot
note "reboot after a snapshot"
done_or_fail g 'revert name=s1'
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
reboots g reboot
note "reboot after a revert"
guest_type g poweroff
wait_for 60 guest_gone g || fail "the domain stays after poweroff"
wait_for 20 no_process xensnap-monitor || fail "a monitor is left over"
nothing_left_over
