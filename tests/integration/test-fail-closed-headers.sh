#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What an image stands on and how large it is was written down: one that is found otherwise is another image.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# stopped_and WORDS COMMAND...: with the VM stopped something is done to an image, which is told with these words.
stopped_and() {
    local words=$1 name
    shift
    domain_end
    "$@" || fail "$*"
    sums_of "$base" "$one" "$two" "$three"
    for name in s1 s2 s3; do
        gives 13 xensnap delete -n $name "$vm"
        says "$words"
    done
    unchanged
}

goes_on() {
    "$@" || fail "$*"
    machine xvda qcow2 "$three"
    healed
}

three "an image that was put onto another one"
cp "$base" "$dir/other.qcow2"
stopped_and 'has to stand on' qemu-img rebase -u -f qcow2 -b "$dir/other.qcow2" -F qcow2 "$one"
goes_on qemu-img rebase -u -f qcow2 -b "$base" -F qcow2 "$one"

three "an image that stands on nothing any more"
stopped_and 'stands on nothing' qemu-img rebase -u -f qcow2 -b "" "$three"
goes_on qemu-img rebase -u -f qcow2 -b "$two" -F qcow2 "$three"

three "a snapshot's content that was made larger"
stopped_and 'content and had' qemu-img resize -q -f qcow2 "$two" +1M
goes_on qemu-img resize -q -f qcow2 --shrink "$two" 64M

three "a disk that was made larger, which is its owner's right"
domain_end
qemu-img resize -q -f qcow2 "$three" +1M
machine xvda qcow2 "$three"
healed
echo ok
