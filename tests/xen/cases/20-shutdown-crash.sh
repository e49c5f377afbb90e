#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# After a revert the guest's own crash does what its configuration says, and so does a reboot while no agent runs.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
GUEST_EXTRA='on_crash="restart"' guest_start g pv
done_or_fail g 'create name=s1'
done_or_fail g 'revert name=s1'
reboots g crash
note "crash after a revert: on_crash=restart"
agent_stop
reboots g reboot
note "reboot while no agent runs"
agent_start
guest_destroy g
nothing_left_over
