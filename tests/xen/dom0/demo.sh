#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job, shown: runs in dom0 of the emulated machine.
. "$(dirname "$0")"/lib.sh
. "$(dirname "$0")"/snap.sh

started=$SECONDS

say() {
    printf '\n[%3d s] %s\n' $((SECONDS - started)) "$*"
}

# show COMMAND...: the command as one would type it, and what it prints.
show() {
    printf '    dom0# %s\n' "$*"
    "$@" 2>&1 | sed 's/^/    /'
}

# What a look at every block of the disk says.
disk_check_shown() {
    disk_dump g xvda /var/tmp/demo.raw
    blockcheck /var/tmp/demo.raw 2>&1 | sed -n 's,^.*raw: ,,; 1p; $p' | uniq | sed 's/^/    disk: /'
    rm -f /var/tmp/demo.raw
}

last_lines() {
    guest_lines g | tail -n "$1" | sed 's/^/    guest: /'
}

say "Xen $(xl info xen_version), a real dom0 Linux, and the agent"
fresh_start
say "A PV guest that counts in memory and writes every number to its qcow2 disk"
guest_start g pv
guest_wait_tick g 15
show xl list g
last_lines 2
domid=$(guest_domid g)

say "One xenstore-write takes a snapshot of the running guest: memory and disk, of one instant"
id=demo1
show xenstore-write "/local/domain/$domid/snapshot/request" "create id=$id name=before-upgrade"
await g
show xenstore-ls "/local/domain/$domid/snapshot/status/$id"
show xensnap list g
guest_wait_tick g $(($(guest_tick g) + 10))
last_lines 1

say "Now the upgrade goes wrong: the guest overwrites its disk"
# Directly, as the guest's writer does: Linux gives a direct write an I/O error where buffered ones are in its way.
guest_ask g 'dd if=/dev/zero of=/dev/xvda bs=1M count=32 oflag=direct' 60 > /dev/null || fail "the guest cannot write"
guest_wait_tick g $(($(guest_tick g) + 3))
last_lines 1
xl pause g
disk_check_shown
xl unpause g

say "One xenstore-write brings it back, paused here, for a look at its disk"
id=demo2
show xenstore-write "/local/domain/$domid/snapshot/request" "revert id=$id name=before-upgrade start=paused"
await g
show xenstore-ls "/local/domain/$(guest_domid g)/snapshot/status"
show xl list g
disk_check_shown

say "It goes on where it was, in a new domain: the counter with the snapshot's next number"
guest_mark g
show xl unpause g
guest_wait_first_tick g
guest_lines g | grep '^tick' | head -n 2 | sed 's/^/    guest: /'
show qemu-img check -U "$images/g-xvda.qcow2"

say "It still reboots, and the snapshot can be deleted while it runs"
reboots g reboot
show xl list g
show xensnap delete g before-upgrade
show xensnap list g
[ "$state" = "done" ] || fail "the revert: $state"
[ -z "$(list_names g)" ] || fail "the snapshot is still there"
check guest_unharmed g
say "Done"
