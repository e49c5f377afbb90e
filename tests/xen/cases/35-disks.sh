#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# Which disks: qcow2 and raw on QEMU; read-only ones and CD-ROMs are left out and recorded; others are named before
# anything happens.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


fresh_start
for name in raw phy ro cd; do
    qemu-img create -q -f raw "$images/g-$name.raw" 8M
done
modprobe -a loop xen-blkback || fail "no loop devices"
loop=$(losetup -f --show "$images/g-phy.raw")

# begin DISK...: a guest with these disks beside its first one
begin() {
    local more='' disk
    for disk; do more+=",'$disk'"; done
    GUEST_SED="/^disk=/s#,\\]#$more ]#" GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=1 size=8M memory=96
}

raw="format=raw,backendtype=qdisk,vdev=xvdb,access=rw,target=$images/g-raw.raw"
ro="format=raw,backendtype=qdisk,vdev=xvdc,access=ro,target=$images/g-ro.raw"
cd="format=raw,backendtype=qdisk,vdev=xvdd,devtype=cdrom,access=ro,target=$images/g-cd.raw"

begin "$raw" "$ro" "$cd"
before=$(fingerprint g | grep -v generation)
refused g unsupported create
[[ $(status_of g "$id" message) == *xvdb*raw* ]] || fail "the raw disk is not named: $(status_of g "$id" message)"
refused g invalid 'create memory=no disks=xvdc'
refused g invalid 'create disks=xvda'
[[ $(status_of g "$id" message) == *xvdb* ]] || fail "the disk that is missing is not named"
refused g not-found 'create memory=no disks=xvdz'
touch "$images/g-there.qcow2"
refused g exists "create memory=no disk-xvda=target=$images/g-there.qcow2"
[ ! -s "$images/g-there.qcow2" ] || fail "an image that was there was overwritten"
rm "$images/g-there.qcow2"
[ "$before" = "$(fingerprint g | grep -v generation)" ] || fail "a refusal has changed something"
note "refusals"

done_or_fail g 'create name=s1 disk-xvda=internal disk-xvdb=external'
list=/local/domain/$(guest_domid g)/snapshot/list/0
[ "$(xs_read "$list/left-out")" = xvdc,xvdd ] || fail "left out: $(xs_read "$list/left-out")"
[ "$(xs_read "$list/type")" = mixed ] || fail "type: $(xs_read "$list/type")"
xenstore-exists "$list/disk-xvda" && fail "a guest sees where dom0 keeps its disks"
guest_wait_tick g $(($(guest_tick g) + 3))
dump_snapshot g s1
done_or_fail g 'create name=s2 memory=no disks=xvda'
done_or_fail g 'revert name=s1 start=paused'
disks_are g s1
guest_mark g
xl unpause g
guest_wait_first_tick g
check guest_unharmed g
note "a raw disk, its overlay and an image with its snapshot inside, together"
done_or_fail g 'revert name=s2'
guest_wait_first_tick g
done_or_fail g 'delete name=s2'
done_or_fail g 'delete name=s1'
no_trace_of g
check guest_unharmed g
guest_destroy g

# There is no udev here, which the stock script for kernel disks waits for.
cat > /etc/xen/scripts/block-test << SCRIPT
#!/bin/sh
[ "\$1" != add ] || xenstore-write "\$XENBUS_PATH/physical-device" "$(stat -c %t:%T "$loop")" "\$XENBUS_PATH/hotplug-status" connected
SCRIPT
chmod +x /etc/xen/scripts/block-test
begin "format=raw,backendtype=phy,script=block-test,vdev=xvde,access=rw,target=$loop"
refused g unsupported create
[[ $(status_of g "$id" message) == *xvde* ]] || fail "the phy disk is not named: $(status_of g "$id" message)"
done_or_fail g 'create memory=no disks=xvda name=s3'
[ "$(xs_read "/local/domain/$(guest_domid g)/snapshot/list/0/left-out")" = xvde ] || fail "xvde is not recorded as left out"
done_or_fail g 'delete name=s3'
guest_destroy g
losetup -d "$loop"
nothing_left_over
