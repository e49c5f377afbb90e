#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# The memory image is a save file of xl's: Xen's own checker accepts it, and plain xl restore brings it up.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

verify_stream() {
    local python
    python=$(dirname "$(find /usr/lib/xen-* -type d -path '*python*/xen' | head -n 1)")
    PYTHONPATH=$python check "$(ls /usr/lib/xen-*/bin/verify-stream-v2)" -f xl -i "$1"
}

fresh_start
for type in pv hvm; do
    guest_start g $type
    done_or_fail g 'create name=s1'
    memory=$(echo "$store"/*/*/memory)
    verify_stream "$memory"
    note "$type: the checker accepts it"
    tag=$(tag_of g s1)
    disk_check g "$tag"
    at=$disk_super
    guest_destroy g
    check qemu-img snapshot -a "$tag" "$images/g-xvda.qcow2"
    guest_mark g
    check xl restore "$memory"
    guest_wait_first_tick g
    first=$(guest_lines g | sed -n 's/^tick \([0-9]*\)$/\1/p' | head -n 1)
    [ "$first" -ge "$at" ] && [ "$first" -le $((at + 2)) ] || fail "the counter goes on at $first, not after $at"
    guest_wait_tick g $((first + 5))
    check guest_unharmed g
    note "$type: xl restore goes on at $first"
    done_or_fail g 'delete name=s1'
    guest_destroy g
done
