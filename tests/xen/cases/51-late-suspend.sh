#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 500
# A guest that obeys the request to suspend when everybody has given up waiting: it is resumed, and still looked after.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh

preload=/usr/local/lib/xensnap-tests/killpoint.so

is_awaited() {
    [ -n "$(ls -A "$run_dir/late" 2> /dev/null)" ]
}

fresh_start "LD_PRELOAD=$preload"
modprobe loop
truncate -s 64M /var/tmp/late.img
mke2fs -q -t ext4 -F /var/tmp/late.img
mount -o loop /var/tmp/late.img "$images" || fail "no small file system"
trap 'fsfreeze -u "$images" 2> /dev/null; guest_cleanup_all; umount "$images"; rm -f /var/tmp/late.img' EXIT
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=1 size=8M memory=96
before=$(fingerprint g | grep -v generation)
guest_ask g 'echo 200000 > /sys/power/pm_freeze_timeout' || fail "no time limit for freezing processes in this kernel"

# A process that waits for its disk can't be frozen, and so the guest can't suspend, until its write has ended.
hold after save g 'create name=late'
fsfreeze -f "$images"
let_go
wait_for 200 is_awaited || fail "nobody looks out for a late suspend: $(tail -n 5 "$agent_log")"
fsfreeze -u "$images"
await g 120
[ "$error" = guest-timeout ] || fail "no timeout: $state $error $(status_of g "$id" message)"
logs_line "$agent_log" 0 60 'it has suspended itself after all' || fail "it has not suspended late"
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
[ "$(fingerprint g | grep -v generation)" = "$before" ] || fail "something is left of it"
nothing_left_over
note "resumed"
reboots g reboot
note "and it is looked after"
done_or_fail g 'create name=s1'
! is_awaited || fail "a guest that has suspended is looked out for"
guest_type g poweroff
wait_for 60 guest_gone g || fail "no poweroff"
wait_for 20 no_process xensnap-monitor || fail "a monitor is left over"
