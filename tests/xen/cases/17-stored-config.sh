#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# After an external snapshot nothing opens the base again: not the guest's reboot, which xl's own process carries out,
# nor xl save and restore, nor a start from the stored line of disks.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


fresh_start
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=2 size=16M memory=96
base=$images/g-xvda.qcow2
done_or_fail g 'create name=s memory=no type=external'
sum=$(sha256sum < "$base")
line=$store/$(vm_of g)/disk.cfg
base_is_untouched() {
    disks_agree g
    written=$(written_by_qemu g)
    [ -n "$written" ] && ! grep -q "^$images" <<< "$written" || fail "QEMU writes to the base after $1"
    [ "$(sha256sum < "$base")" = "$sum" ] || fail "the base was written to after $1"
    note "$1"
}
base_is_untouched 'the snapshot'
reboots g reboot
base_is_untouched 'a reboot'
check xl save g /var/tmp/g.save
guest_mark g
check xl restore -e /var/tmp/g.save
rm /var/tmp/g.save
guest_wait_first_tick g
check guest_unharmed g
base_is_untouched 'xl save and restore'
guest_destroy g
guest_mark g
sed -i "1i uuid=\"$(basename "$(dirname "$line")")\"" /etc/xen/g.cfg
check timeout 120 xl create -q /etc/xen/g.cfg "$(cat "$line")"
guest_wait_first_tick g
base_is_untouched 'a start from disk.cfg'
done_or_fail g 'revert name=s'
guest_wait_first_tick g
base_is_untouched 'a revert'
done_or_fail g 'delete name=s'
no_trace_of g
check guest_unharmed g
nothing_left_over
