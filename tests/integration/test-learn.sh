#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A store of the first version, whose list of images has no roles: what they are is learnt, and what cannot be learnt stays.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# The list as the first version would have had it: what it made, and what stands below and was deleted.
first_version() {
    writable "$dir"/*.qcow2 "$dir/store/$vm"/*.qcow2
    /usr/bin/python3 - "$dir/store/$vm/images.json" << 'PY'
import json, sys
old = []
for image in json.load(open(sys.argv[1]))["ledger"]:
    if image["made"] or image["role"] == "retired":
        old.append({"path": image["path"], "made": image["made"]})
json.dump({"images": old}, open(sys.argv[1], "w"), indent=2)
PY
}

two "a chain, and a delete"
first_version
gives 0 xensnap delete -n s2 web1
is "$base" content
is "$one" head
[ ! -e "$two" ] || fail "not merged"
holds "$one" 3
gives 0 xensnap delete -n s1 web1
holds "$base" 3
[ "$(stored)" = "$base" ] && [ ! -e "$dir/store/$vm/images.json" ] || fail "left over: $(ls "$dir/store/$vm")"

two "a chain, a create, and all deletes"
first_version
gives 0 xensnap create -e -D -n s3 web1
three=$(stored)
is "$two" content
gives 0 xensnap revert web1 s1
[ ! -e "$three" ] || fail "$three stays, which the revert has replaced"
is "$one" content
holds "$(stored)" 1
holds "$one" 2
holds "$two" 3

two "a chain, and a revert: what it replaces is what the VM is in"
first_version
gives 0 xensnap delete -n s1 web1
gives 0 xensnap revert web1 s2
[ ! -e "$two" ] || fail "$two stays, which the revert has replaced"
holds "$(stored)" 2

two "a disk that is detached"
domain_end
writable "$base"
machine xvda qcow2 "$base" # from the old xl.cfg
first_version
gives 13 xensnap delete -n s1 web1
holds "$two" 3
domain_end
machine xvda qcow2 "$two"
gives 0 xensnap delete -n s1 web1
gives 0 xensnap delete -n s2 web1
holds "$base" 3

two "a deleted snapshot whose merge was refused"
sleep 300 9< "$base" &
holder=$!
gives 6 xensnap delete -n s1 web1
kill $holder
first_version
grep -q '"made": false' "$dir/store/$vm/images.json" || fail "it is not what this is about"
gives 0 xensnap delete -n s2 web1
[ "$(stored)" = "$base" ] || fail "it is in $(stored)"
holds "$base" 3

case_begin "a raw disk, whose guest writes the head of a qcow2 image that stands on a file of dom0's"
machine xvda raw "$dir/a.raw"
gives 0 xensnap create -e -D -n s0 web1
gives 0 xensnap delete -n s0 web1
echo secret > "$dir/secret"
qemu-img create -q -f qcow2 -u -b "$dir/secret" -F raw "$dir/head.qcow2" 64M
head -c 65536 "$dir/head.qcow2" > "$dir/head"
rm "$dir/head.qcow2"
domain write "$(domid)" xvda "write -s $dir/head 0 64k" || fail "the guest cannot write"
gives 0 xensnap create -e -D -n s1 web1
gives 0 xensnap create -e -D -n s2 web1
first_version
gives 0 xensnap delete -n s1 web1
gives 0 xensnap revert web1 s2
gives 0 xensnap delete -n s2 web1
[ "$(stored)" = "$dir/a.raw" ] || fail "it is in $(stored)"
cmp -n 65536 "$dir/head" "$dir/a.raw" || fail "what the guest has written is not what it was"
echo ok
