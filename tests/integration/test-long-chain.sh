#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A hundred images that stand on each other, in every operation; and more than can be served.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# chain N FIRST: N images, of which the first is there; prints the last.
chain() {
    local below=$2 n
    for ((n = 1; n < $1; n++)); do
        qemu-img create -q -f qcow2 -u -b "$below" -F qcow2 "$dir/c$n.qcow2" 64M
        below=$dir/c$n.qcow2
    done
    echo "$below"
}

case_begin "a hundred, twenty of them ours"
qemu-img create -q -f qcow2 "$dir/first.qcow2" 64M
base=$(chain 81 "$dir/first.qcow2")
machine xvda qcow2 "$base"
for ((n = 1; n <= 20; n++)); do
    gives 0 xensnap create -e -D -q -n s$n web1
done
writes 7
gives 0 xensnap create -n memory web1
gives 0 xensnap revert web1 memory
gives 0 xensnap delete -n memory web1
gives 0 xensnap delete -n s20 web1
gives 0 xensnap delete -n s10 web1
holds "$(stored)" 7
[ "$(top)" = "$(stored)" ] || fail "it is in $(top)"
domain_end
gives 0 xensnap delete -n s2 "$vm"
gives 0 xensnap revert "$vm" s5

case_begin "as many as can be served, and one more"
qemu-img create -q -f qcow2 "$dir/first.qcow2" 64M
machine xvda qcow2 "$(chain 199 "$dir/first.qcow2")"
gives 0 xensnap create -e -D -n last web1
gives 9 xensnap create -e -D -n more web1
says 'disk xvda: 200 images'
gives 0 xensnap delete -n last web1
echo ok
