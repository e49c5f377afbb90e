#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap release: what it gives up goes, and nothing else; a snapshot that cannot be read is no obstacle any more; killed
# at each of its steps it is finished by whoever comes next.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/ways.sh"
ways_begin "$1"

# three WHAT: s1, s2 and s3 hold 1, 2 and 3 in $base, $one and $two; the domain goes on in $three.
three() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    two=$(stored)
    writes 3
    gives 0 xensnap create -e -D -n s3 web1
    three=$(stored)
    writes 4
    sums_of "$base" "$one" "$two"
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
[ ! -e "$one" ] || fail "$one is still there: $(ls "$dir/store/$vm")"
gives 0 xensnap delete web1 s1
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
# It is in the middle of what the VM stands on: given up it is merged with the next delete.
gives 0 xensnap release web1 "$one" <<< y
says "stands on it"
says "given up, and goes when"
is "$one" "retired released"
gives 0 xensnap delete web1 s1
[ "$(stored)" = "$base" ] || fail "it is in $(stored)"
holds "$base" 4

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
says "it is removed"
[ -e "$three" ] || fail "it was done"
qemu-img create -q -f qcow2 -b "$three" -F qcow2 "$dir/store/$vm/mine.qcow2"
exec 8< "$three"
gives 6 xensnap release -y web1 "$three"
says "has its image open"
exec 8<&-
gives 0 xensnap release -y web1 "$three"
[ ! -e "$three" ] || fail "$three is still there"
unchanged
gives 0 xensnap list web1
says s3

orphan "an orphan that cannot be read"
printf 'garbage' | dd of="$three" conv=notrunc 2> /dev/null
gives 13 xensnap delete web1 s3
says "xensnap release $vm $three"
gives 0 xensnap release -y web1 "$three"
[ ! -e "$three" ] || fail "$three is still there"
unchanged
# So is one that is a snapshot's content.
writable "$two"
printf 'garbage' | dd of="$two" conv=notrunc 2> /dev/null
gives 13 xensnap delete web1 s3
id=$(basename "$(dirname "$(record s3)")")
says "xensnap release $vm $id"
gives 0 xensnap release -y web1 "$id"
[ -e "$two" ] || fail "$two is gone"
gives 0 xensnap release -y web1 "$two"
[ ! -e "$two" ] || fail "$two is still there"
gives 0 xensnap delete web1 s2
[ ! -e "$two" ] || fail "$two is still there"

three "an image that waits for the VM to run without it"
gives 0 xensnap revert web1 s3
domain_end
four=$(awk '$1 == "disk" { print $5 }' "$dir/store/$vm/config.json")
gives 0 xensnap revert $vm s1
domain_end
gives 0 xensnap delete $vm s3
is "$two" "retired deleted"
gives 0 xensnap release -y $vm "$two"
[ ! -e "$two" ] || fail "$two still waits"
[ "$four" != "$two" ] || fail "it was the VM's"

# ---- killed

for step in retire images; do
    for when in before after; do
        orphan "killed $when $step"
        kill_at "$when" "$step" xensnap release -y web1 "$three"
        gives 0 xensnap list web1
        [ "$step $when" = "retire before" ] || [ ! -e "$three" ] || fail "$three is still there: $(cat "$dir/out")"
        [ ! -e "$three" ] || gives 0 xensnap release -y web1 "$three"
        [ ! -e "$three" ] || fail "$three is still there"
        unchanged
    done
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
