#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What cannot be read is not absent: a record, the ledger, a directory, a configuration.  A delete ends with corrupt, the
# others go on; nothing is merged or removed.  When it can be read again all is as if nothing had been.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# refused: no delete of any snapshot does anything, in this state.
refused() {
    local name
    for name in "$@"; do
        gives 13 xensnap delete -n "$name" web1
        gives 0 xensnap list web1
        says "$name"
    done
    unchanged
    [ "$(top)" = "$three" ] && [ "$(stored)" = "$three" ] || fail "it is in $(top), stored is $(stored)"
}

three "a record of another version"
sed -i 's/"version": 1/"version": 2/' "$(record s2)"
refused s3 s1
gives 0 xensnap create -e -D -n s4 web1
says "create: snapshot $(basename "$(dirname "$(record s2)")") cannot be read"
gives 0 xensnap revert web1 s4
says 'revert: no image is put back in its place: .*; no image is removed: '
unchanged
sed -i 's/"version": 2/"version": 1/' "$dir/store/$vm"/*/snapshot.json
gives 0 xensnap delete -n s4 web1
healed

three "a record that is cut off"
file=$(record s2)
cp "$file" "$dir/kept"
head -c 200 "$dir/kept" > "$file"
refused s3
cp "$dir/kept" "$file"
healed

three "a record that is empty"
file=$(record s2)
cp "$file" "$dir/kept"
: > "$file"
refused s3
cp "$dir/kept" "$file"
healed

three "a record that cannot be opened"
file=$(record s2)
mv "$file" "$dir/kept"
ln -s "$dir/kept" "$file"
refused s3
rm "$file"
mv "$dir/kept" "$file"
healed

three "a record that is not there"
file=$(record s2)
mv "$file" "$dir/kept"
refused s3
mv "$dir/kept" "$file"
healed

three "a record that is too large"
file=$(record s2)
cp "$file" "$dir/kept"
truncate -s 2M "$file"
refused s3
cp "$dir/kept" "$file"
healed

three "a record that is another snapshot's"
file=$(record s2)
cp "$file" "$dir/kept"
cp "$(record s1)" "$file"
refused s3
cp "$dir/kept" "$file"
healed

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
sed -i 's/"version": 2/"version": 3/' "$dir/store/$vm/images.json"
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
