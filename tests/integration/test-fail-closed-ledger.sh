#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What cannot be read is not absent: the ledger, a snapshot's directory, an image, a configuration; see
# test-fail-closed-lists.sh for records.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

three "a snapshot's directory that is gone: images.json knows that there was one"
directory=$(dirname "$(record s2)")
mv "$directory" "$dir/kept.d"
gives 13 xensnap delete -n s3 web1
says 'not to be found'
refused s3
mv "$dir/kept.d" "$directory"
healed

three "a ledger that cannot be read"
cp "$dir/store/$vm/images.json" "$dir/kept"
echo '{ "version": 2, "ledger": [' > "$dir/store/$vm/images.json"
refused s3 s1
cp "$dir/kept" "$dir/store/$vm/images.json"
healed

three "a ledger of a newer version"
cp "$dir/store/$vm/images.json" "$dir/kept"
sed -i 's/"version": 2/"version": 4/' "$dir/store/$vm/images.json"
refused s3
cp "$dir/kept" "$dir/store/$vm/images.json"
healed

three "an image that cannot be read"
cp "$one" "$dir/kept.qcow2"
printf 'garbage' | dd of="$one" conv=notrunc 2> /dev/null
gives 13 xensnap delete -n s1 web1
[ -e "$base" ] && [ -e "$two" ] && [ "$(top)" = "$three" ] || fail "something was done"
cp "$dir/kept.qcow2" "$one"
unchanged

# Inside: what is put back in its place would be gone for the snapshot that nobody can read.
case_begin "a revert with an unreadable record beside makes a copy"
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -D -n s1 web1
writes 2
gives 0 xensnap create -D -e -n s2 web1
one=$(stored)
domain_end
machine xvda qcow2 "$one"
sed -i 's/"version": 1/"version": 2/' "$(record s2)"
rm "$dir/store/$vm/images.json" # as a store of an earlier version has none for it
gives 0 xensnap revert web1 s1
holds "$dir/a.qcow2" 2
holds "$(stored)" 1
[ -e "$one" ] || fail "what the revert replaced is removed, and nobody knows what stands on what"
echo ok
