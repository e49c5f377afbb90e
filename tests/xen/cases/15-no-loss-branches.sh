#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# What has cost people their data elsewhere: the middle of a chain deleted while running, a branch that was left deleted,
# names that differ by case only.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/loss.sh

fresh_start
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=1 size=16M memory=96

take one type=external
take two type=external
take three type=external memory=no
done_or_fail g 'delete name=two'
disks_agree g
is_back three
is_back one
note "the middle was deleted while the guest ran"
take left type=external
is_back one
take stayed type=external
done_or_fail g 'delete name=left'
is_back stayed
is_back one
is_back three
note "the branch that was left is deleted"

take Case type=external
take case type=external
[ "$(list_names g | grep -c -i '^case$')" = 2 ] || fail "names that differ by case are one"
done_or_fail g 'delete name=Case'
is_back case
refused g not-found 'revert name=Case'
for name in one three stayed case; do
    done_or_fail g "delete name=$name"
    disks_agree g
done
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
no_trace_of g
nothing_left_over
