#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that are not as the rest: on a template, resized since, of a disk whose format has nothing of ours.
. "$(dirname "$0")/lib.sh"
xenstored_start

# machine DISK=FORMAT:FILE...: domain 5 anew, with these disks, whose files are there.
machine() {
    local disk vdev format file args=() n=$((${n:-0} + 1))
    xenstore-write /local/domain/0/name Domain-0 /local/domain/5/vm "/vm/$vm" /local/domain/5/name web1 /local/domain/5/control/shutdown ""
    echo "5 $vm 0" > "$dir/domain"
    : > "$dir/disks"
    for disk; do
        vdev=${disk%%=*} format=${disk#*=} file=${disk#*:}
        format=${format%%:*}
        echo "$vdev $format $file" >> "$dir/disks"
        args+=(-blockdev "driver=${format/vhd/vpc},node-name=$vdev-$format,file.driver=file,file.locking=off,file.filename=$file"
            -device "virtio-blk-pci,drive=$vdev-$format")
    done
    qemu-system-x86_64 -accel tcg -S -display none -nodefaults -machine pc \
        -qmp "unix:$dir/qmp-libxenstat-5,server=on,wait=off" "${args[@]}" > "$dir/qemu.log" 2>&1 &
    qemu=$!
    wait_for 10 test -S "$dir/qmp-libxenstat-5" || fail "QEMU: $(cat "$dir/qemu.log")"
}

machine_end() {
    kill $qemu
    wait $qemu
    rm -f "$dir/domain" "$dir/qmp-libxenstat-5"
}

store_is_empty() {
    [ -z "$(ls "$dir/store")" ]
}

# Three that stand on each other, of which nobody but the first is named anywhere.
qemu-img create -q -f qcow2 "$dir/oldest.qcow2" 64M
qemu-img create -q -f qcow2 -b "$dir/oldest.qcow2" -F qcow2 "$dir/golden.qcow2"
qemu-img create -q -f qcow2 -b "$dir/golden.qcow2" -F qcow2 "$dir/own.qcow2"
machine "xvda=qcow2:$dir/own.qcow2"
agent_start
gives 0 xensnap create -e -D -n s1 web1
gives 0 xensnap create -e -D -n s2 web1
gives 0 xensnap delete -n s1 web1
gives 0 xensnap delete -n s2 web1
wait_for 5 store_is_empty || fail "left over: $(find "$dir/store")"
qemu-img info -U "$dir/own.qcow2" | grep -q "^backing file: $dir/golden.qcow2" || fail "not on its template any more"

# What libxl would hand to QEMU, and xl read, as something else than a path.
gives 2 xensnap create --memory "$dir/a,b.save" web1
grep -q 'holds a comma' "$dir/out" || fail "not said: $(cat "$dir/out")"
printf 'disk=["format=qcow2,vdev=xvda,target=%s"]\nmemory="no"\n' "$dir/a,b.qcow2" > "$dir/snap.conf"
gives 2 xensnap create web1 "$dir/snap.conf"
machine_end
echo ok
