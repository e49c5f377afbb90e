#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap check, as test-check-command.sh: damages to images, and to what is written down about them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin
domain_end
keep

# ---- images ----

rm "$dir/xvda.qcow2"
finds 1 "$dir/xvda.qcow2: the image is not there, and .*; put it back"
rm "$dir/xvdb.raw"
finds 1 "$dir/xvdb.raw: the image is not there, and it is snapshot $memory; .*xensnap delete $vm $memory"
rm "$head_a"
finds 1 "$head_a: the image is not there, and it is disk xvda"
bytes "$head_b" 0 00
finds 1 "$head_b: its header cannot be read"
bytes "$head_a" 79 02
finds 1 "$head_a: QEMU has found the image damaged.*; .*qemu-img check -f qcow2 -r all $head_a"
bytes "$dir/xvda.qcow2" 79 01
finds 1 "$dir/xvda.qcow2: the image was not closed.*; .*-r all"
truncate -s 260000 "$dir/xvda.qcow2"
finds 1 "$dir/xvda.qcow2: the file is shorter than its own tables say"
bytes "$head_a" 72 4000000000000000
finds 1 "$head_a: qemu-img cannot read it: .*"
below_a=$(qemu-img info --output=json "$head_a" | sed -nE 's/.*"full-backing-filename": "(.*)".*/\1/p')
qemu-img rebase -u -f qcow2 -F qcow2 -b "$head_a" "$below_a"
finds 1 "$below_a: the image stands on itself\|$head_a: the image stands on itself"
offset=$(/usr/bin/python3 -c 'import sys
print(open(sys.argv[1], "rb").read().index(bytes.fromhex("e2792aca")))' "$head_a")
bytes "$head_a" "$offset" 0a0b0c0d
finds 1 "$head_a: its header does not say in which format .*; .*qemu-img rebase -u -f qcow2 -F qcow2 -b "
qemu-img snapshot -d "xensnap-$inside" "$dir/xvda.qcow2"
finds 1 "snapshot inside ($inside): disk xvda: it is not in $dir/xvda.qcow2 any more"
qemu-img snapshot -c "xensnap-${inside/[0-9]/f}" "$dir/xvda.qcow2"
finds 1 "$dir/xvda.qcow2: the snapshot xensnap-.* in it is xensnap's and no snapshot .*; .*qemu-img snapshot -d "
qemu-img snapshot -c "xensnap-1; echo owned #" "$head_a"
finds 1 "$head_a: the snapshot xensnap-1; echo owned # in it is called as xensnap's are, and is none"
for tag in xensnap-replaced "xensnap-replaced-$inside"; do
    qemu-img snapshot -c "$tag" "$head_a"
    finds 1 "$head_a: the snapshot $tag in it is what the disk held before a revert.*; the next revert removes it; "
done
tag="xensnap-replaced-1'; echo owned #"
qemu-img snapshot -c "$tag" "$head_a"
finds 1 "snapshot.name='xensnap-replaced-1'.''; echo owned #' -O raw "

# What reverts have kept: of one that has failed, whatever came after it; of one that is over, while the VM is stopped.
kept() {
    qemu-img snapshot -c "xensnap-replaced-$1" "$head_a"
    cp "$store/config.json" "$store/next.json"
    echo "running -1 - $1" > "$store/kept"
}
failed="$head_a: a revert has failed on this disk: .* xensnap-replaced-$inside .* only copy .*; .*, revert again when "
kept "$inside"
echo "$inside" > "$store/owed"
finds 1 "$failed"
qemu-img snapshot -c "xensnap-replaced-$inside" "$head_a"
echo "$inside" > "$store/owed"
finds 1 "$failed"
echo "$inside" > "$store/owed"
qemu-img snapshot -c "xensnap-replaced-$inside" "$head_a"
kept "$memory"
finds 2 "$failed"
kept "$memory"
finds 1 "next.json: .*; if that revert has failed, revert again or start the VM; "
echo "$inside" > "$store/owed"
quiet web1
echo '{' > "$store/images.json"
finds 2 'owed: a revert has failed on a disk, .*; .*revert again .*; .*qemu-img snapshot -U -l IMAGE'
qemu-img create -q -f qcow2 "$dir/other.qcow2" 64M
qemu-img rebase -u -f qcow2 -F qcow2 -b "$dir/other.qcow2" "$head_a"
finds 1 "$head_a: it stands on .*other.qcow2, and has to stand on .*; no image is merged or removed; "
qemu-img resize -q -f raw "$dir/xvdb.raw" +1M
finds 1 "$dir/xvdb.raw: it is a snapshot's content and had .*"
qemu-img create -q -f qcow2 "$dir/other.qcow2" 64M
qemu-img rebase -u -f qcow2 -F qcow2 -b "$dir/other.qcow2" "$head_a"
qemu-img resize -q -f raw "$dir/xvdb.raw" +1M
mkdir "$store/.draft"
finds 3 "$head_a: it stands on .*other.qcow2, and has to stand on"

# 250 more of them, which differ in the name of what they stand on.
qemu-img create -q -f qcow2 -u -b "$dir/long-000.qcow2" -F qcow2 "$dir/long-001.qcow2" 64M
/usr/bin/python3 - "$dir/long-%03d.qcow2" "$head_b" "$store" << 'PY'
import sys
name, head, store = sys.argv[1:]
like = open(name % 1, "rb").read()
for n in range(2, 250):
    open(name % n, "wb").write(like.replace((name % 0).encode(), (name % (n - 1)).encode()))
for n in "config.json", "disk.cfg":
    text = open(f"{store}/{n}").read()
    open(f"{store}/{n}", "w").write(text.replace(head, name % 249))
PY
qemu-img create -q -f qcow2 "$dir/long-000.qcow2" 64M
finds 2 "$dir/long-249.qcow2: 250 images stand on each other, and xensnap serves 200; delete external snapshots of disk xvdb"

# ---- the ledger ----

echo '{' > "$store/images.json"
finds 1 "images.json: it cannot be read.*; "
edit "$store/images.json" "d['version'] = 4"
finds 1 'images.json: it cannot be read'
rm "$store/images.json"
finds 4 "it is snapshot $memory, and images.json does not say so"
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$dir/xvdb.raw'][0]['role'] = 'made'"
finds 1 "$dir/xvdb.raw: it is snapshot $memory, and images.json does not say so"
edit "$store/$memory/snapshot.json" "[i for i in d['disks'] if i['vdev'] == 'xvdb'][0]['format'] = 'qcow2'"
finds 1 "$dir/xvdb.raw: snapshot $memory has it as qcow2, and it is written down as raw"
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$head_a'][0].update(merging='$head_b')"
finds 2 "$head_a: a merge of $head_b into it was begun.*; .*xensnap delete $vm "
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$head_a'][0].update(leaving=True)"
finds 1 "$head_a: it is marked as being replaced by a revert"
cp "$head_a" "$store/disk_xvda.00000000.qcow2"
edit "$store/images.json" "d['ledger'].append(dict(path='$store/disk_xvda.00000000.qcow2', format='qcow2', made=True,
    role='retired', why='replaced', waits=True))"
finds 1 "$store/disk_xvda.00000000.qcow2: it was given up (replaced) while .*: [0-9.]* [KM]iB; "
cp "$head_a" "$store/disk_xvda.00000000.qcow2"
edit "$store/images.json" "d['ledger'].append(dict(path='$store/disk_xvda.00000000.qcow2', format='qcow2', made=True,
    role='retired', why='deleted'))"
finds 1 "$store/disk_xvda.00000000.qcow2: it was given up, and nothing needs it: .*; .*xensnap delete $vm "
edit "$store/images.json" "d['ledger'].append(dict(path='$store/disk_xvda.00000000.qcow2', format='qcow2', made=True,
    role='head', vdev='xvda'))"
finds 1 "$store/disk_xvda.00000000.qcow2: the image is not there, and a disk went on in it; "
for file in config.json disk.cfg; do
    sed -i "/^disk xvdb /d; s/, \"vdev=xvdb[^\"]*\"//" "$store/$file"
done
finds 1 "$head_b: disk xvdb went on in it, and no disk of the VM is in it now: [0-9.]* [KM]iB; "

edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$head_a'][0].update(merging='$head_b', arrived=True)"
finds 1 "$head_a: all of $head_b has come into it, and the merge is not finished; .*xensnap delete $vm "

# ---- what cannot be looked at is not called removable ----

# Every program but qemu-img, of which an image with compressed clusters has need, and with a name in the store's directory that only the ledger has.
mkdir "$dir/without"
for program in env bash stat; do
    ln -s "$(command -v "$program")" "$dir/without/$program"
done
qemu-img create -q -f qcow2 -o compression_type=zstd "$store/copy.raw" 64M
edit "$store/images.json" "d['ledger'].append(dict(path='$store/copy.raw', format='qcow2', made=True, role='retired',
    why='replaced', waits=True))"
touch "$store/notes.txt"
state > "$dir/before"
gives 1 env PATH="$dir/without" "$build/tests/integration/xensnap" check --config "$dir/xensnap.conf" web1
state > "$dir/after"
cmp -s "$dir/before" "$dir/after" || fail "the check has changed: $(diff "$dir/before" "$dir/after")"
says 'images: they cannot be looked at'
says "$store/notes.txt: .*; do not remove it"
[ "$(grep -c '^web1 ' "$dir/out")" = 2 ] || fail "more than that is said: $(cat "$dir/out")"
! grep -q 'rm ' "$dir/out" || fail "it says what to remove: $(cat "$dir/out")"
restore

# unsure WORDS: the next damage leaves it open whose the file is that is beside it.
unsure() {
    cp "$store/$memory/memory" "$store/web1.save"
    finds "$1" "$store/web1.save: .*; do not remove it, for not all is known"
}
echo '{' > "$store/$memory/snapshot.json"
unsure 2
qemu-img rebase -u -f qcow2 -F raw -b "$dir/xvdb.raw" "$head_a"
unsure 2
echo '{' > "$store/config.json"
unsure 2
touch "$store/disk_xvdc.11111111.new"
finds 1 "$store/disk_xvdc.11111111.new: neither images.json nor .*; if no other VM's disk is in it"
# Release gives such a name to a snapshot's directory, and only with its id.
mkdir "$store/damaged-$inside"
quiet web1
restore
mkdir "$store/damaged-${inside%?}"
finds 1 "$store/damaged-${inside%?}: neither images.json nor"

echo "$found damages were found"
