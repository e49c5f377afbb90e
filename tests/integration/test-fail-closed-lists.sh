#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What cannot be read is not absent: a record.  A delete ends with corrupt, the others go on; nothing is merged or removed.
# When it can be read again all is as if nothing had been.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

three "a record of another version"
sed -i 's/"version": 1/"version": 2/' "$(record s2)"
refused s3 s1
gives 0 xensnap create -e -D -n s4 web1
says "create: snapshot $(basename "$(dirname "$(record s2)")") cannot be read"
gives 0 xensnap revert web1 s4
says 'revert: no image is put back in its place: .*; what was replaced stays yet: '
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
echo ok
