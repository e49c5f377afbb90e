#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# machine: fresh
# deadline: 600
# What lies in wait for whoever snapshots below libxl and QEMU, each as it would happen: refused with its word, nothing
# changed, and done when the cause is gone.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh

unchanged() {
    fingerprint g | grep -v generation > /tmp/after
    diff /tmp/before /tmp/after || fail "something was changed by: $1"
    guest_wait_tick g $(($(guest_tick g) + 3))
    check guest_unharmed g
    note "$1"
}

says() {
    local message
    message=$(status_of g "$id" message)
    [[ $message == *"$1"* ]] || fail "it does not say '$1': $message"
}

# The emulated and the PV disk of an HVM guest on one image: what is written through one is lost by the other.
fresh_start
GUEST_WORDS='xen_emul_unplug=never disks=emulated blocks=256 pages=64' guest_start g hvm disks=1 size=8M
fingerprint g | grep -v generation > /tmp/before
refused g unsupported create
refused g unsupported 'create memory=no type=external'
unchanged "an image with two writers"
guest_destroy g

GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=1 size=8M memory=96
base=$images/g-xvda.qcow2
done_or_fail g 'create name=s'
fingerprint g | grep -v generation > /tmp/before

# QEMU's monitor talks to one client at a time, and keeps the others waiting without a word.
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print("held", flush=True)
time.sleep(100)' "/run/xen/qmp-libxenstat-$(guest_domid g)" > /tmp/held &
holder=$!
wait_for 20 grep -sq held /tmp/held || fail "the monitor is not held"
refused g busy create
says monitor
kill $holder
unchanged "a monitor in use"

# Somebody saves the domain: it is suspended, and QEMU has let go of nothing that we may touch.
mkfifo /var/tmp/save.fifo
timeout 120 xl save -c g /var/tmp/save.fifo > /dev/null 2>&1 &
saver=$!
exec {slow}< /var/tmp/save.fifo
is_suspended() {
    [[ $(xl list g | awk '$1 == "g" { print $5 }') == ???s* ]]
}
head -c 1M <&$slow > /dev/null
wait_for 30 is_suspended || fail "xl save does not suspend it"
for line in create 'create memory=no' 'delete name=s' 'revert name=s'; do
    refused g busy "$line"
done
cat <&$slow > /dev/null
exec {slow}<&-
wait $saver || fail "xl save -c has failed"
rm /var/tmp/save.fifo
unchanged "a save by somebody else"

# A stopped VM's image that another process has open: nothing would stop qemu-img from writing to it.
vm=$(vm_of g)
guest_destroy g
exec {open}<> "$base"
ask0 "delete domain=$vm name=s"
[ "$error" = busy ] || fail "an image in use was written to: $state $error"
ask0 "revert domain=$vm name=s"
[ "$error" = busy ] || fail "an image in use was put back: $state $error"
exec {open}>&-
note "an image in use"

# A backup program's bitmaps in the image: qemu-img puts no snapshot back then.
check qemu-img bitmap --add "$base" backup
ask0 "revert domain=$vm name=s"
[ "$error" = unsupported ] || fail "bitmaps were not noticed: $state $error"
check qemu-img bitmap --remove "$base" backup
note "bitmaps"

# No memory for it: said before anything is done.
free=$(xl info free_memory)
GUEST_WORDS='blocks=256 pages=64' guest_start filler pv disks=1 size=8M memory=$((free - 80))
ask0 "revert domain=$vm name=s"
[ "$error" = xen ] || fail "without memory: $state $error"
[ "$(qemu-img snapshot -l "$base" | grep -c xensnap)" = 1 ] || fail "the image was changed"
guest_destroy filler
guest_mark g
done0_or_fail "revert domain=$vm name=s"
guest_wait_first_tick g
check guest_unharmed g
note "no memory, then with memory"

# The image below an overlay was moved, and another file has its name: a merge would go into that one.
done_or_fail g 'create name=outside type=external memory=no'
check chattr -i "$base"
mv "$base" "$base.moved"
cp "$base.moved" "$base"
sum=$(sha256sum < "$base")
ask g 'delete name=outside'
[ "$error" = corrupt ] || fail "a merge into another file: $state $error"
[ "$(sha256sum < "$base")" = "$sum" ] || fail "another file was written to"
check chattr -i "$base" # it has the name of what has to be protected
mv "$base.moved" "$base"
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
done_or_fail g 'create name=again memory=no'
done_or_fail g 'delete name=again'
done_or_fail g 'delete name=s'
no_trace_of g
note "a file that was replaced"
nothing_left_over
