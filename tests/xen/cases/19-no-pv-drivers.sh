#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 500
# An HVM guest without PV drivers, on emulated disks: internal and external snapshots, back to them, deleted.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh

fresh_start
GUEST_WORDS='disks=emulated blocks=256 pages=64' GUEST_EXTRA='xen_platform_pci=0' guest_start g hvm disks=1 size=8M
base=$images/g-xvda.qcow2

is_back() {
    done_or_fail g "revert name=$1 start=paused"
    disks_are g "$1"
    guest_mark g
    xl unpause g
    guest_wait_first_tick g
    check guest_unharmed g
    note "back to $1"
}

done_or_fail g 'create name=inside'
guest_wait_tick g $(($(guest_tick g) + 3))
dump_snapshot g inside
is_back inside
done_or_fail g 'create name=outside type=external'
sum=$(sha256sum < "$base")
guest_wait_tick g $(($(guest_tick g) + 3))
dump_snapshot g outside
check guest_unharmed g
is_back outside
reboots g reboot
[ "$(sha256sum < "$base")" = "$sum" ] || fail "the image that is the snapshot was written to"
# QEMU holds the image below the overlay for the PV disk that the guest can't use, so the merge has to wait.
done_or_fail g 'delete name=outside'
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
[ "$(sha256sum < "$base")" = "$sum" ] || fail "half a merge"
guest_destroy g
qemu-img convert -O raw "$(sed -n 's/.*target=\([^"]*\)".*/\1/p' "$store"/*/disk.cfg)" "$dumps/before"
done0_or_fail 'delete domain=g name=inside'
qemu-img convert -O raw "$base" "$dumps/after"
cmp "$dumps/before" "$dumps/after" || fail "the merge has changed what the disk holds"
[ "$(qemu-img snapshot -l "$base" | grep -c xensnap)" = 0 ] || fail "a snapshot is left inside"
# What it was merged from stays until the VM has run without it.
[ "$(find "$store" -name '*.qcow2')" = "$(waiting_images)" ] || fail "left in the store: $(find "$store")"
guest_mark g
guest_create g
guest_wait_first_tick g
check guest_unharmed g
done_or_fail g 'create name=last memory=no'
done_or_fail g 'delete name=last'
wait_for 3 store_is_empty || fail "the store is not empty: $(find "$store")"
nothing_left_over
