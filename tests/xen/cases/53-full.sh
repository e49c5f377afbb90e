#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# machine: fresh
# deadline: 900
# A full disk at every stage: an error word, the guest goes on, nothing is left, and with space again it works.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh

preload=/usr/local/lib/xensnap-tests/killpoint.so

fresh_start "LD_PRELOAD=$preload"
agent_stop
modprobe loop || fail "no loop devices"
truncate -s 300M /var/tmp/small.img
mke2fs -q -t ext4 -F /var/tmp/small.img
mount -o loop /var/tmp/small.img "$store" || fail "no small file system"
trap 'guest_cleanup_all; pkill -x xensnapd; wait_for 20 no_process xensnapd; umount "$store"
    wipe /var/tmp/small.img "$images/g-over.qcow2"' EXIT
rmdir "$store/lost+found"
agent_start "LD_PRELOAD=$preload"
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=2 size=16M memory=96
# The guest's own writes need no space there: an overlay on a full file system gives it I/O errors, as any image does.
mixed="disk-xvda=internal disk-xvdb=target=$images/g-over.qcow2"

fill() {
    dd if=/dev/zero of="$store/filler" bs=64k status=none 2> /dev/null
    sync
}

space() {
    rm -f "$store/filler"
}

# full WHEN STEP LINE: the file system fills up there
full() {
    hold "$@"
    fill
    let_go
    await g
    note "$1 $2 of $4: $state $error"
    [[ $state != failed || $error == no-space ]] || fail "another word for it: $(status_of g "$id" message)"
    guest_wait_tick g $(($(guest_tick g) + 3))
    check guest_unharmed g
    disks_agree g
}

fill
refused g no-space "create name=x $mixed"
space
note "refused beforehand"
for step in prepare save disks resume commit; do
    full after $step g "create name=x $mixed"
    space
    # What could not even be written down is put right with the next request.
    done_or_fail g list
    is_listed g x || done_or_fail g "create name=x $mixed"
    done_or_fail g 'delete name=x'
    no_trace_of g
done
for step in unlist disks files merge; do
    done_or_fail g "create name=x $mixed"
    full after $step g 'delete name=x'
    space
    ! is_listed g x || done_or_fail g 'delete name=x'
done
done_or_fail g 'create name=base'
for step in prepare pause; do
    full after $step g 'revert name=base'
    space
    done_or_fail g 'revert name=base'
    guest_wait_first_tick g
done
done_or_fail g 'delete name=base'
no_trace_of g
guest_destroy g
agent_stop
