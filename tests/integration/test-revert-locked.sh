#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Who looks at an image locks it for a moment, and that moment may come when the domain has been destroyed: it is waited
# for, on the way forward and on the way back.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

# locks SECONDS: a reader of the image, as qemu-img check is one, which keeps it locked for so long, as soon as it can.
locks() {
    : > "$dir/reader.log"
    until stdbuf -oL qemu-io -r -f qcow2 -c 'read 0 512' -c "sleep ${1}000" "$dir/xvda.qcow2" >> "$dir/reader.log" 2>&1; do
        sleep 0.1
    done &
}

locked() {
    grep -q 'read 512/512' "$dir/reader.log"
}

journal_has() {
    grep -qs "\"step\":\"$1\"" "$dir/store/$vm/journal"
}

# lock_when STEP: from there on it is locked, for some seconds longer than QEMU has it.
lock_when() {
    wait_for 60 journal_has "$1" || fail "it does not come to $1"
    locks 12
    wait_for 5 locked || fail "it is not locked: $(cat "$dir/reader.log")"
}

writes 1
gives 0 xensnap create -D -n s web1
writes 2
echo 8000 > "$dir/qemu-exit-ms"
xensnap revert web1 s > "$dir/revert.out" 2>&1 &
cli=$!
lock_when destroy
wait $cli || fail "a reader has made it fail: $(cat "$dir/revert.out")"
holds "$(stored)" 1

# The way back, behind a domain that could not be built.
writes 3
echo 1 > "$dir/build-fails"
xensnap revert web1 s > "$dir/revert.out" 2>&1 &
cli=$!
lock_when put-back
result=0
wait $cli || result=$?
[ $result = 14 ] && grep -q 'the VM is running again as it was before' "$dir/revert.out" ||
    fail "exit code $result: $(cat "$dir/revert.out")"
holds "$(stored)" 3
echo ok
