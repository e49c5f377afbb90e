#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# xensnap release: what it gives up is the administrator's, and nothing is removed; a snapshot that cannot be read is no
# obstacle any more; killed at each of its steps it is finished by whoever comes next.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/ways.sh"
ways_begin "$1"

checked() {
    gives "$1" "$build/tests/integration/xensnap" check --config "$dir/xensnap.conf" "$2"
}

# handed_over IMAGE: it is the administrator's, whole and writable.
handed_over() {
    is "$1" "retired released"
    grep -q '"version": 3' "$dir/store/$vm/images.json" || fail "an older program would take the ledger for its own"
    ! lsattr "$1" 2> /dev/null | grep -q '^....i' || fail "$1 is protected"
}

# ---- a snapshot whose record cannot be read

three "a record that is cut off"
file=$(record s2)
id=$(basename "$(dirname "$file")")
head -c 200 "$file" > "$dir/kept" && cp "$dir/kept" "$file"
gives 13 xensnap delete web1 s3
says "xensnap release $vm $id"
gives 4 xensnap release -y web1 s2
gives 2 xensnap release -y web1 s3
says "can be read; delete it: xensnap delete $vm $(basename "$(dirname "$(record s3)")")"
gives 4 xensnap release -y web1 11111111-2222-3333-4444-555555555555
gives 13 xensnap release -y web1 "$one"
says "xensnap release $vm $id"
# Nobody answers: nothing is done.
gives 12 xensnap release web1 "$id" < /dev/null
says "damaged-$id"
says "$one stays, as an orphan"
[ -e "$file" ] || fail "it was done"
gives 2 xensnap release --json web1 "$id"
gives 0 xensnap release web1 "$id" <<< y
says "out of the list"
[ -e "$dir/store/$vm/damaged-$id/snapshot.json" ] && [ ! -e "$file" ] || fail "$(ls "$dir/store/$vm")"
unchanged
is "$one" head
checked 0 web1
# All others are as they were, and what it held stays until it is released, too.
gives 0 xensnap delete web1 s3
[ "$(stored)" = "$two" ] || fail "it is in $(stored)"
holds "$one" 2
gives 0 xensnap revert web1 s1
holds "$(stored)" 1
gives 0 xensnap create -D -e -n s4 web1
gives 0 xensnap delete web1 s4
holds "$one" 2
gives 0 xensnap release -y web1 "$one"
says "the file stays where it is"
handed_over "$one"
checked 0 web1
says "$one: it was released, and is yours"
gives 0 xensnap delete web1 s1
holds "$one" 2
[ "$(stored)" != "$base" ] || fail "what it stands on was merged into"
# With it goes what was kept for it.
rm "$one"
gives 0 xensnap create -D -e -n t1 web1
gives 0 xensnap delete web1 t1
[ "$(stored)" = "$base" ] || fail "it is in $(stored)"
holds "$base" 1

three "a snapshot's directory that is gone"
id=$(basename "$(dirname "$(record s2)")")
rm -rf "${dir:?}/store/$vm/$id"
gives 13 xensnap delete web1 s3
says "xensnap release $vm $id"
gives 0 xensnap release -y web1 "$id"
is "$one" head
gives 0 xensnap delete web1 s3
# It is in the middle of what the VM stands on, and stays there.
gives 6 xensnap release -y web1 "$one"
says "$one is needed: $two (disk xvda of the VM) stands on it"
sums_of "$one"
gives 0 xensnap delete web1 s1
[ "$(stored)" = "$two" ] || fail "it is in $(stored)"
holds "$two" 4
holds "$one" 2
unchanged

# The crash came between the list and the ledger, or that is of the first version: only the record would tell whose content
# it is.
three "one of which the ledger does not know what it holds"
file=$(record s2)
echo garbage > "$file"
/usr/bin/python3 - "$dir/store/$vm/images.json" "$one" << 'PY'
import json, sys
d = json.load(open(sys.argv[1]))
for image in d["ledger"]:
    if image["path"] == sys.argv[2]:
        image.update(role="head", vdev="xvda")
json.dump(d, open(sys.argv[1], "w"))
PY
gives 0 xensnap release -y web1 "$(basename "$(dirname "$file")")"
gives 0 xensnap delete web1 s3
gives 0 xensnap delete web1 s1
holds "$one" 2
holds "$(stored)" 4

# ---- an image

three "what is needed is not given up"
gives 6 xensnap release -y web1 "$three"
says "is disk xvda of the VM"
gives 2 xensnap release -y web1 "$two"
says "is the content of snapshot s3"
gives 4 xensnap release -y web1 /nowhere.qcow2
gives 2 xensnap release -y web1 relative/path
gives 2 xensnap release -y web1
unchanged

# orphan: the VM was stopped, and started in an image of its own: $three is nobody's.
orphan() {
    three "$1"
    domain_end
    machine xvda qcow2 "$dir/other.qcow2"
    writes 9
}

orphan "an orphan"
gives 0 xensnap release -N web1 "$three"
says "nothing stands on it"
says "it is yours then"
says "$two, on which it stands, is kept as long as it is there"
[ -e "$three" ] || fail "it was done"
qemu-img snapshot -c of-mine "$three"
gives 0 xensnap release -N web1 "$three"
says "snapshots inside it that no record names, and that stay: 1"
qemu-img snapshot -d of-mine "$three"
qemu-img create -q -f qcow2 -b "$three" -F qcow2 "$dir/store/$vm/mine.qcow2"
exec 8< "$three"
gives 6 xensnap release -y web1 "$three"
says "has its image open"
exec 8<&-
gives 0 xensnap release -y web1 "$three"
handed_over "$three"
gives 2 xensnap release -y web1 "$three"
says "was released before"
unchanged
gives 0 xensnap list web1
says s3
# What it stands on is kept for whoever has it now, whatever is deleted.
for name in s3 s2; do
    gives 0 xensnap delete web1 $name
done
holds "$three" 4
holds "$two" 3
unchanged
rm "$three"
gives 0 xensnap create -D -e -n t1 web1
gives 0 xensnap delete web1 t1
[ ! -e "$two" ] && [ ! -e "$one" ] || fail "kept for nobody: $(ls "$dir/store/$vm")"

orphan "an orphan into which another was to be merged that is gone"
/usr/bin/python3 - "$dir/store/$vm/images.json" "$three" << 'PY'
import json, sys
d = json.load(open(sys.argv[1]))
for image in d["ledger"]:
    if image["path"] == sys.argv[2]:
        image["merging"] = "/gone.qcow2"
json.dump(d, open(sys.argv[1], "w"))
PY
gives 6 xensnap release -y web1 "$three"
says "the merge of /gone.qcow2 into the image below it was begun, and it is not there any more"
says "xensnap forget $vm"

orphan "an orphan that cannot be read"
printf 'garbage' | dd of="$three" conv=notrunc 2> /dev/null
gives 13 xensnap delete web1 s3
says "xensnap release $vm $three"
gives 0 xensnap release -y web1 "$three"
handed_over "$three"
unchanged
# So is one that is a snapshot's content.
writable "$two"
printf 'garbage' | dd of="$two" conv=notrunc 2> /dev/null
gives 13 xensnap delete web1 s3
id=$(basename "$(dirname "$(record s3)")")
says "xensnap release $vm $id"
gives 0 xensnap release -y web1 "$id"
[ -e "$two" ] || fail "$two is gone"
gives 6 xensnap release -y web1 "$two"
says "is needed: $three stands on it"
rm "$three"
gives 0 xensnap release -y web1 "$two"
handed_over "$two"
gives 0 xensnap delete web1 s2
[ -e "$two" ] && [ -e "$one" ] || fail "one is gone: $(ls "$dir/store/$vm")"

case_begin "two orphans that cannot be read"
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/b.qcow2"
gives 0 xensnap create -e -D -n s1 web1
first=$(stored) second=$(stored xvdb)
domain_end
machine xvda qcow2 "$dir/other.qcow2"
for image in "$first" "$second"; do
    printf 'garbage' | dd of="$image" conv=notrunc 2> /dev/null
done
gives 13 xensnap delete web1 s1
gives 0 xensnap release -y web1 "$first"
handed_over "$first"
gives 0 xensnap release -y web1 "$second"
handed_over "$second"
gives 0 xensnap delete web1 s1
[ -e "$first" ] && [ -e "$second" ] || fail "one is gone: $(ls "$dir/store/$vm")"

three "an image that waits for the VM to run without it"
gives 0 xensnap revert web1 s3
domain_end
four=$(awk '$1 == "disk" { print $5 }' "$dir/store/$vm/config.json")
gives 0 xensnap revert $vm s1
domain_end
gives 0 xensnap delete $vm s3
is "$two" "retired deleted"
gives 0 xensnap release -y $vm "$two"
handed_over "$two"
[ "$four" != "$two" ] || fail "it was the VM's"

# ---- killed

for when in before after; do
    orphan "killed $when retire"
    kill_at "$when" retire xensnap release -y web1 "$three"
    [ "$when" = before ] || is "$three" "retired released"
    [ "$(role "$three")" = "retired released" ] || gives 0 xensnap release -y web1 "$three"
    handed_over "$three"
    unchanged
    gives 0 xensnap list web1
done
for step in orphans unlist; do
    for when in before after; do
        three "killed $when $step"
        file=$(record s2)
        id=$(basename "$(dirname "$file")")
        echo garbage > "$file"
        kill_at "$when" "$step" xensnap release -y web1 "$id"
        [ -e "$dir/store/$vm/damaged-$id" ] || gives 0 xensnap release -y web1 "$id"
        is "$one" head
        unchanged
        gives 0 xensnap delete web1 s3
    done
done

orphan "killed with the agent after retire"
kill_both retire xensnap release -y web1 "$three"
comes_back
handed_over "$three"
unchanged

# ---- a guest hears that this is not for it
tree=/local/domain/$(domid)/snapshot
heard() {
    [ "$(xenstore-read "$tree/status/$1/error" 2> /dev/null)" = denied ]
}
for line in "release id=g1 image=$three" "release id=g2 name=$id" "accept id=g3" "forget id=g4"; do
    xenstore-write "$tree/request" "$line"
    word=${line#* id=}
    wait_for 20 heard "${word%% *}" || fail "$line: $(xenstore-ls "$tree")"
done
echo ok
