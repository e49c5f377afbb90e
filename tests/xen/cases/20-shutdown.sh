#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deadline: 600
# After a snapshot, and after a revert, the guest's own reboot and poweroff do what its configuration says,
# also after the agent was restarted.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g pv
done_or_fail g 'create name=s1'
reboots g reboot
note "reboot after a snapshot"
done_or_fail g 'revert name=s1'
guest_wait_tick g $(($(guest_tick g) + 3))
agent_kill
agent_start
reboots g reboot
note "reboot after a revert, with an agent that was killed and started anew"
guest_type g poweroff
wait_for 60 guest_gone g || fail "the domain stays after poweroff"
wait_for 20 no_process xensnap-monitor || fail "a monitor is left over"
[ -z "$(ls -A "$run_dir/monitor")" ] || fail "a care file is left over"
note "poweroff removes it"

# The first snapshot of a domain leaves it without its xl process (before Xen 4.20): poweroff right then.
guest_start g pv
done_or_fail g 'create name=s2'
guest_type g poweroff
wait_for 60 guest_gone g || fail "the domain stays after a snapshot and poweroff"
nothing_left_over
