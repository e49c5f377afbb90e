# SPDX-License-Identifier: LGPL-2.1-or-later
# The power cuts, in dom0; lib.sh, snap.sh and disks.sh come first. Store and images are on a disk of their own,
# /dev/vdb. Here a VM with snapshots is made, at which the machine is saved; what is done from there on is
# ../power/cut.sh, which the host sends, so that saved machines outlive a change of it.
# shellcheck shell=bash

power_root=/srv/power
admin=$power_root/admin # what the owner of the VM has: its xl.cfg, and the sums of what the snapshots held
libraries=/usr/local/lib/xensnap-tests
vm=5a1e0000-7e57-4000-8000-00000000c075

# power_mount late|default: late is a file system that brings nothing to the disk by itself, so that only what was
# synced is there after a cut. ext4's own mercy for who forgets it before a rename is switched off, too.
power_mount() {
    local options=noatime,commit=900,noauto_da_alloc
    [ "$1" != default ] || options=defaults
    if [ "$1" = late ]; then
        echo 0 > /proc/sys/vm/dirty_writeback_centisecs
        echo 360000 > /proc/sys/vm/dirty_expire_centisecs
        echo 80 > /proc/sys/vm/dirty_background_ratio
    fi
    mkdir -p "$power_root"
    check mount -t ext4 -o "$options" /dev/vdb "$power_root"
    mkdir -p "$power_root/snapshots" "$power_root/images" "$admin" "$store" "$images"
    chmod 700 "$power_root/snapshots"
    check mount --bind "$power_root/snapshots" "$store"
    check mount --bind "$power_root/images" "$images"
}

# keys_of KIND: how the two disks are snapshotted.
keys_of() {
    case $1 in
        internal) echo type=internal ;;
        external) echo type=external ;;
        mixed) echo 'disk-xvda=internal disk-xvdb=external' ;;
        *) fail "there is no kind '$1'" ;;
    esac
}

# power_prepare KIND MOUNT: g runs, with the snapshots base (disks alone) and x (with memory), and goes on from x.
power_prepare() {
    power_mount "$2"
    fresh_start "LD_PRELOAD=$libraries/killpoint.so:$libraries/nosync.so"
    GUEST_WORDS='blocks=256 pages=64' GUEST_EXTRA="uuid=\"$vm\"" guest_start g pv disks=2 size=4M memory=96
    guest_ask g 'xensnap-guestd 2> /dev/null & true' > /dev/null || fail "the guest starts no xensnap-guestd"
    done_or_fail g "create name=base memory=no $(keys_of "$1")"
    guest_wait_tick g $(($(guest_tick g) + 3))
    done_or_fail g "create name=x $(keys_of "$1")"
    guest_wait_tick g $(($(guest_tick g) + 3))
    power_records
    power_keep_sums base
    power_keep_sums x
    cp /etc/xen/g.cfg "$admin/"
    check guest_unharmed g
    check sync
}

# power_records: fills the array "records" with lines "snapshot NAME ID MEMORY" and "disk NAME VDEV TYPE TARGET FORMAT
# TAG" from the store itself. MEMORY is good, bad or none, by the sum in the record.
power_records() {
    mapfile -t records < <(python3 /root/tests/dom0/power-records.py "$store/$vm")
    [ ${#records[@]} -gt 0 ] || fail "the store cannot be read"
}

# records_of KIND [NAME]: the lines of that kind, without it.
records_of() {
    local line
    for line in "${records[@]}"; do
        [[ $line != "$1 ${2:-}"* ]] || echo "${line#* }"
    done
}

# power_dump NAME: what the snapshot holds, to $dumps/NAME.VDEV, checked to be of one moment.
power_dump() {
    local name vdev type target format tag options files=()
    while read -r name vdev type target format tag; do
        image_is_whole "$target" "$format"
        options=(-f "$format")
        [ "$type" = external ] || options+=(-l "snapshot.name=$tag")
        qemu-img convert -U "${options[@]}" -O raw "$target" "$dumps/$name.$vdev" || fail "$name: cannot read $vdev"
        files+=("$dumps/$name.$vdev")
    done < <(records_of disk "$1 ")
    [ ${#files[@]} = 2 ] || fail "$1 has ${#files[@]} disks"
    blockcheck "${files[@]}" > "$dumps/said" || fail "$1 is not of one moment: $(cat "$dumps/said")"
}

power_keep_sums() {
    power_dump "$1"
    (cd "$dumps" && sha256sum "$1".xvd?) > "$admin/$1.sums" || fail "no sums of $1"
    rm -f "$dumps"/*
}

# ---- the host's line

# Commands from the host, one a line, in a subshell each; "end" and its exit code is the last that it says.  Without a
# host at the other end the port reads as empty.
power_serve() {
    local command
    exec 3<> /dev/vport*p1
    while true; do
        if read -r command <&3; then
            (eval "$command") < /dev/null >&3 2>&1
            echo "end $?" >&3
        else
            nap 0.1
        fi
    done
}
