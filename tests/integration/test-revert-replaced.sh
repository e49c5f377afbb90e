#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What a guest has written since an earlier revert is not taken for what that one has kept.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start
xen=14

# config: as the administrator has it.
config() {
    sed '/^mark /d' "$dir/store/$vm/config.json"
}

tagged() {
    qemu-img snapshot -U -l "$dir/xvda.qcow2" | grep -c replaced
}

# Neither could be started, and the first state is kept.  Then the administrator starts the VM, and it works on.
writes 1
gives 0 xensnap create -D -n s web1
writes 2
echo 2 > "$dir/build-fails"
gives $xen xensnap revert $vm s
[ -z "$(domid)" ] || fail "it runs"
[ "$(tagged)" = 1 ] || fail "what was replaced is not kept: $(qemu-img snapshot -U -l "$dir/xvda.qcow2")"
holds "$dir/xvda.qcow2" 2
config | domain create > "$dir/domid" || fail "it cannot be started"
writes 5
domain_end
echo 1 > "$dir/build-fails"
gives $xen xensnap revert $vm s
grep -q 'the VM is stopped again as it was before' "$dir/out" || fail "not said: $(cat "$dir/out")"
holds "$dir/xvda.qcow2" 5

# What all of them have kept goes when one has succeeded.
gives 0 xensnap revert $vm s
holds "$(stored)" 1
wait_for 10 [ "$(tagged)" = 0 ] || fail "left: $(qemu-img snapshot -U -l "$dir/xvda.qcow2")"
echo ok
