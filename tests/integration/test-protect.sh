#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What a snapshot needs is immutable, and nothing else is: whatever was killed, merged, refused or was there before.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/protecting.sh"
protecting_begin "$1"

for format in qcow2 raw; do
    chain "a merge into the base, running ($format)" $format
    gives 0 xensnap delete -n s1 web1
    protected "$base"
    has "$base" 2 $format || fail "$base does not hold 2"
    writes 4
    gives 0 xensnap delete -n s2 web1
    protected
    [ "$(top)" = "$base" ] || fail "it is in $(top)"
    writes 5
done

chain "a merge into the base, stopped" qcow2
domain_end
gives 0 xensnap delete -n s2 "$vm"
[ -e "$two" ] && [ "$(role "$two")" = "retired merged" ] || fail "$two is $(role "$two")"
protected "$base" # what was merged waits for the VM to run without it, and stands on the image that is the disk now
holds "$one" 3
machine xvda qcow2 "$one"
writes 4
gives 0 xensnap delete -n s1 web1
protected
holds "$base" 4

# another WHAT: s3 holds 3 in $two, which stands on $one beside $head, in which the domain goes on, with 2 and then 6.
another() {
    chain "$1" qcow2
    gives 0 xensnap create -e -D -n s3 web1
    gives 0 xensnap revert web1 s2
    head=$(stored)
    writes 6
    protected "$base" "$one" "$two"
}

# both: what was merged is in the base, and what stood on it stands on that.
both() {
    protected "$base" "$two"
    [ ! -e "$one" ] || [ "$(role "$one")" = "retired merged" ] || fail "$one is $(role "$one")"
    holds "$base" 2
    holds "$two" 3
    holds "$head" 6
}

another "a merge of what others stand on, running"
gives 0 xensnap delete -n s1 web1
both
[ ! -e "$one" ] || fail "$one stays"
gives 0 xensnap revert web1 s3
holds "$(stored)" 3
gives 0 xensnap delete -n s2 web1
protected "$base"
holds "$base" 3

another "the same, stopped: the header of a protected image is rewritten"
domain_end
gives 0 xensnap delete -n s1 "$vm"
both
gives 0 xensnap revert "$vm" s3
holds "$(stored)" 3

for at in "before commit" "after commit" "before rebase" "after rebase"; do
    another "a merge killed $at"
    domain_end
    echo "$at" > "$dir/kill-at"
    xensnap delete -n s1 "$vm" > "$dir/out" 2>&1
    wait_for 30 settled || fail "no recovery: $(cat "$dir/out")"
    [ ! -e "$dir/kill-at" ] || fail "it was not killed"
    both
done

case_begin "tags in a protected base"
base=$dir/a.qcow2
machine xvda qcow2 "$base"
writes 1
gives 0 xensnap create -D -n in1 web1
gives 0 xensnap create -D -n in2 web1
gives 0 xensnap create -D -e -n s1 web1
protected "$base"
gives 0 xensnap delete -n in1 web1 # it waits, for the domain stands on the image
[ "$(qemu-img snapshot -U -l "$base" | grep -c xensnap-)" = 2 ] || fail "the tag has not waited"
domain_end
gives 0 xensnap delete -n in2 "$vm"
protected "$base"
[ "$(qemu-img snapshot -l "$base" | grep -c xensnap-)" = 0 ] || fail "a tag is left: $(qemu-img snapshot -l "$base")"

settled() {
    [ ! -e "$dir/store/$vm/journal" ]
}

# given_up: the merge of s2 into the image below is broken off, for our copy of the configuration cannot be written; when it
# can, the agent goes on with it.
given_up() {
    mkdir "$dir/store/$vm/disk.cfg.new"
    xensnap delete -n s2 web1 > "$dir/out" 2>&1 && fail "it says that it has merged"
    grep -q merging "$dir/store/$vm/images.json" || fail "it was not broken off in its merge: $(cat "$dir/out")"
    protected "$base" "$one"
    [ "$(top)" = "$two" ] || fail "it is in $(top)"
    writes 4
    rmdir "$dir/store/$vm/disk.cfg.new"
    wait_for 30 settled || fail "it is not gone on with: $(cat "$dir/store/$vm/journal")"
    gives 0 xensnap delete -n s1 web1
    protected
    holds "$base" 4
}

chain "a delete that is broken off in its merge" qcow2
given_up
chain "the same, when the VM was started on these images" qcow2
domain_end
machine xvda qcow2 "$two"
given_up

chain "the VM is started with its old xl.cfg" qcow2
domain_end
sums_of "$base" "$one" "$two"
for image in "$base" "$one"; do
    domain_config pv xvda qcow2 rw "$image" | domain create > "$dir/out" 2>&1 && fail "it was started from $image"
    ! grep -q 'Operation not permitted' "$dir"/*.log "$dir/out" "$dir"/domains/*/* 2> /dev/null || told=yes
done
[ "${told:-}" = yes ] || fail "nobody says why: $(cat "$dir/out")"
unchanged
protected "$base" "$one"
machine xvda qcow2 "$two"
holds "$two" 3
echo ok
