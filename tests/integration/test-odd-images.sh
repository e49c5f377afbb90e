#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Images that are not as the rest: on a template, resized since, of a disk whose format has nothing of ours.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
xenstore-write /local/domain/0/name Domain-0

# machine VDEV FORMAT IMAGE...: web1 with these disks.
machine() {
    local disks=()
    while [ $# -ge 3 ]; do
        disks+=("$1" "$2" rw "$3")
        shift 3
    done
    domain_config pv "${disks[@]}" | domain create > "$dir/domid" || fail "the domain is not made"
}

store_is_empty() {
    [ -z "$(ls "$dir/store")" ]
}

# The one of the VM's domains, and all that is known of it, goes.
machine_end() {
    wait_for 5 store_is_empty || fail "left over: $(find "$dir/store")"
    domain destroy "$(domid)"
}

# Three that stand on each other, of which nobody but the first is named anywhere.
qemu-img create -q -f qcow2 "$dir/oldest.qcow2" 64M
qemu-img create -q -f qcow2 -b "$dir/oldest.qcow2" -F qcow2 "$dir/golden.qcow2"
qemu-img create -q -f qcow2 -b "$dir/golden.qcow2" -F qcow2 "$dir/own.qcow2"
machine xvda qcow2 "$dir/own.qcow2"
agent_start
gives 0 xensnap create -e -D -n s1 web1
gives 0 xensnap create -e -D -n s2 web1
gives 0 xensnap delete -n s1 web1
gives 0 xensnap delete -n s2 web1
qemu-img info -U "$dir/own.qcow2" | grep -q "^backing file: $dir/golden.qcow2" || fail "not on its template any more"

# What libxl would hand to QEMU, and xl read, as something else than a path.
gives 2 xensnap create --memory "$dir/a,b.save" web1
grep -q 'holds a comma' "$dir/out" || fail "not said: $(cat "$dir/out")"
printf 'disk=["format=qcow2,vdev=xvda,target=%s"]\nmemory="no"\n' "$dir/a,b.qcow2" > "$dir/snap.conf"
gives 2 xensnap create web1 "$dir/snap.conf"

# The snapshot is made all the same where "current" cannot be written, and is the current one as soon as it can.
gives 0 xensnap create -D -n first web1
mkdir "$dir/store/$vm/current.new"
gives 0 xensnap create -n second web1
grep -q 'current one could not' "$dir/agent.log" || fail "nothing is said about what could not be written"
rmdir "$dir/store/$vm/current.new"
gives 0 xensnap list web1
grep -q second "$dir/out" || fail "the snapshot is not there: $(cat "$dir/out")"
gives 0 xensnap delete -n first web1
gives 0 xensnap list web1
grep -q '^\* second' "$dir/out" || fail "the snapshot is not the current one: $(cat "$dir/out")"
gives 0 xensnap delete -n second web1
machine_end

# A disk in a format that can hold nothing of ours beside one that is ours; qemu-img does not know it by xl's name.
qemu-img create -q -f qcow2 "$dir/xvda.qcow2" 64M
qemu-img create -q -f vpc "$dir/xvdb.vhd" 64M
machine xvda qcow2 "$dir/xvda.qcow2" xvdb vhd "$dir/xvdb.vhd"
writes 1
gives 0 xensnap create -D --disks xvda -n s1 web1
writes 2
gives 9 xensnap create -D -n both web1
gives 0 xensnap revert web1 s1
holds "$dir/xvda.qcow2" 1
gives 0 xensnap create -D -e --disks xvda -n s2 web1
[ "$(stored xvdb)" = "$dir/xvdb.vhd" ] || fail "the vhd disk is in $(stored xvdb)"
gives 0 xensnap delete -n s2 web1
gives 0 xensnap delete -n s1 web1
[ -e "$dir/xvdb.vhd" ] || fail "the vhd image is gone"
machine_end

# An image that is a link, and stands on a name that is right from there alone: the link is what the VM has, before and
# after, and each image finds what it stands on.
mkdir "$dir/here" "$dir/here/images" "$dir/elsewhere"
qemu-img create -q -f qcow2 "$dir/here/golden.qcow2" 64M
qemu-io -f qcow2 -c 'write -P 9 2M 64k' "$dir/here/golden.qcow2" > /dev/null
qemu-img create -q -f qcow2 -u -b ../golden.qcow2 -F qcow2 "$dir/elsewhere/real.qcow2" 64M
ln -s "$dir/elsewhere/real.qcow2" "$dir/here/images/link.qcow2"
machine xvda qcow2 "$dir/here/images/link.qcow2"
golden() {
    qemu-io -U -r -f qcow2 -c 'read -P 9 2M 64k' "$(stored)" > "$dir/read" 2>&1 || fail "no golden image: $(cat "$dir/read")"
}
writes 1
gives 0 xensnap create -D -n inside web1
gives 0 xensnap create -D -e -n s1 web1
writes 2
golden
gives 0 xensnap create -D -e -n s2 web1
gives 0 xensnap revert web1 s1
holds "$(stored)" 1
golden
gives 0 xensnap revert web1 inside
holds "$(stored)" 1
golden
gives 0 xensnap revert web1 s2
holds "$(stored)" 2
for name in s1 s2 inside; do gives 0 xensnap delete -n $name web1; done
[ "$(stored)" = "$dir/here/images/link.qcow2" ] || fail "it is in $(stored)"
[ -L "$dir/here/images/link.qcow2" ] || fail "the link is none any more"
holds "$dir/here/images/link.qcow2" 2
golden
machine_end

# size IMAGE: in MiB.
size() {
    qemu-img info -U --output=json "$1" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual-size"] >> 20)'
}

# resized MIB: the VM is stopped, its image made as large as that, and it is started again, and has an overlay on it; then
# what is inside the image can be brought back in a copy only.
resized() {
    domain_end
    qemu-img resize -q --shrink "$dir/xvdr.qcow2" "$1M" || fail "not resized"
    machine xvda qcow2 "$dir/xvdr.qcow2"
    gives 0 xensnap create -D -e -n "at-$1" web1
}

# Larger since: the copy is as large as the snapshot, wherever the guest has written.  Smaller since: QEMU reads nothing
# behind the new end.
qemu-img create -q -f qcow2 "$dir/xvdr.qcow2" 64M
machine xvda qcow2 "$dir/xvdr.qcow2"
writes 1
gives 0 xensnap create -D -n s64 web1
resized 96
writes 2
gives 0 xensnap revert web1 s64
copy=$(stored)
[ "$copy" != "$dir/xvdr.qcow2" ] && [ "$(size "$copy")" = 64 ] || fail "$copy has $(size "$copy") MiB"
holds "$copy" 1
gives 0 xensnap revert web1 at-96
[ "$(size "$(stored)")" = 96 ] || fail "$(stored) has $(size "$(stored)") MiB"
holds "$(stored)" 1
domain_end
wipe "$dir/store/$vm" "$dir/xvdr.qcow2"

qemu-img create -q -f qcow2 "$dir/xvdr.qcow2" 64M
machine xvda qcow2 "$dir/xvdr.qcow2"
writes 3
gives 0 xensnap create -D -n s64 web1
resized 32
was=$(domid)
gives 9 xensnap revert web1 s64
grep -q 'made smaller' "$dir/out" || fail "not said: $(cat "$dir/out")"
[ "$(domid) $(life)" = "$was running" ] || fail "the domain is not as it was: $(domid) $(life)"
gives 0 xensnap delete -n at-32 web1
gives 0 xensnap revert web1 s64
[ "$(size "$(stored)")" = 64 ] || fail "$(stored) has $(size "$(stored)") MiB"
holds "$(stored)" 3
echo ok
