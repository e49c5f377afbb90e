#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# External snapshots with a real QEMU: made, kept apart, merged back at the tip and in the middle, running and stopped.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

# The worker removes what is empty after the result was told.
store_is_empty() {
    [ -z "$(ls "$dir/store")" ]
}

base=$dir/xvda.qcow2
writes 1
gives 0 xensnap create -e -D -n s1 web1
one=$(stored)
[ "$one" != "$base" ] && [ "$(top)" = "$one" ] || fail "the domain goes on in $(top), its configuration says $one"
writes 2
holds "$base" 1
gives 0 xensnap create -e -n s2 web1
two=$(stored)
writes 3
gives 0 xensnap create -e -D -n s3 web1
three=$(stored)
writes 4
holds "$one" 2
holds "$two" 3
gives 4 xensnap create --disks xvda,xvdz -D web1
gives 0 xensnap list -l web1
cat "$dir/out" > "$dir/list"
grep -q "external $two" "$dir/list" || fail "the list does not say where s3 is: $(cat "$dir/list")"

gives 0 xensnap delete -n s2 web1
[ ! -e "$two" ] && [ -e "$one" ] && [ "$(top)" = "$three" ] || fail "the middle was not merged: $(ls "$dir"/store/*)"
holds "$one" 3
gives 0 xensnap delete -n s3 web1
[ "$(stored)" = "$one" ] && [ "$(top)" = "$one" ] || fail "the tip was not merged"
holds "$one" 4
holds "$base" 1
gives 0 xensnap delete -n s1 web1
[ "$(stored)" = "$base" ] && [ "$(top)" = "$base" ] || fail "the root was not merged"
holds "$base" 4
wait_for 5 store_is_empty || fail "left over: $(find "$dir/store")"

# What cannot be made is refused, and nothing is left of it; what is there is not touched.
echo precious > "$dir/there.qcow2"
printf 'disk=["xvda=%s,type=qcow2"]\nmemory="no"\n' "$dir/there.qcow2" > "$dir/snap.conf"
gives 5 xensnap create web1 "$dir/snap.conf"
[ "$(cat "$dir/there.qcow2")" = precious ] && [ "$(top)" = "$base" ] || fail "a refused request has done something"
gives 0 xensnap create -N -e web1
grep -q "disk xvda: external, $base is kept as it is" "$dir/out" || fail "the plan: $(cat "$dir/out")"
wait_for 5 store_is_empty || fail "left over: $(find "$dir/store")"

# At a place of one's own, mixed with a snapshot inside; the VM stopped.
sed -i "s,there,mine," "$dir/snap.conf"
gives 0 xensnap create -n mine web1 "$dir/snap.conf"
[ "$(top)" = "$dir/mine.qcow2" ] || fail "not at the place that was asked for"
gives 0 xensnap create -n inside web1
writes 5
gives 0 xensnap delete -n mine web1
[ "$(top)" = "$dir/mine.qcow2" ] || fail "a snapshot inside an overlay was merged away"
gives 0 xensnap delete -n inside web1
[ "$(top)" = "$base" ] && [ ! -e "$dir/mine.qcow2" ] || fail "not merged when nothing was in the way any more"
holds "$base" 5

# A snapshot inside an image on which the running domain stands can't be removed now; that is made good for later.
gives 0 xensnap create -n below web1
gives 0 xensnap create -D -e -n above web1
gives 0 xensnap delete -n below web1
[ "$(tags)" = 1 ] || fail "QEMU's image was written to behind its back"
gives 0 xensnap delete -n above web1
wait_for 5 store_is_empty && [ "$(tags)" = 0 ] || fail "left over: $(find "$dir/store"), $(tags) tags"

# A warning beside an answer of qemu-img is no part of it: this one is of the dynamic linker's, in every program.
agent_end TERM || fail "the agent's end"
LD_PRELOAD=$dir/nothing.so agent_start
gives 0 xensnap create -e -D -n warned web1
gives 0 xensnap delete -n warned web1
[ "$(top)" = "$base" ] || fail "not merged beside a warning"
echo ok
