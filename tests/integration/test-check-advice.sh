#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What xensnap check says is to be done costs nobody data who does it: for each command that it names there is a case
# here that it would be wrong in, and where it is not named.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin
domain_end
keep

# never WORDS: the last answer does not say that.
never() {
    ! grep -q -e "$1" "$dir/out" || fail "it says $1: $(cat "$dir/out")"
}

# beside CODE: looks at what was done to the store, and keeps the answer.
beside() {
    checks "$1" web1
    restore
}

# ---- which snapshot is meant ----

edit "$store/$memory/snapshot.json" "d['name'] = 'inside'"
truncate -s -1 "$store/$memory/memory"
finds 2 "snapshot inside ($memory): the memory image has .*, or xensnap delete $vm $memory\$"
edit "$store/$memory/snapshot.json" "d['name'] = '-f'"
truncate -s -1 "$store/$memory/memory"
finds 1 "snapshot -f ($memory): the memory image has .*, or xensnap delete $vm $memory\$"

# ---- a snapshot inside an image that no record has ----

# The VM has another uuid now, as xl gives it one at each create where its xl.cfg has none.
other=fedcba98-89ab-4cde-8f01-23456789abcd
mkdir "$dir/store/$other"
cp -a "$store/$inside" "$dir/store/$other/$inside"
rm -r "${store:?}/$inside"
checks 1 web1
says "$dir/xvda.qcow2: the snapshot xensnap-$inside in it is one of VM $other"
never 'snapshot -d'
wipe "$dir/store/$other"
restore

# Its directory is lost, which the others know, or the ledger.
rm -r "${store:?}/$inside"
checks 1 web1
says "$dir/xvda.qcow2: the snapshot xensnap-$inside in it is of a snapshot .*; put its directory $store/$inside back"
never 'snapshot -d'
restore
echo "$inside" > "$store/current"
rm -r "${store:?}/$inside"
edit "$store/$memory/snapshot.json" "d['parent'] = ''"
checks 1 web1
says "put its directory $store/$inside back"
never 'snapshot -d'
restore
strange=xensnap-${inside/[0-9]/f}
qemu-img snapshot -c "$strange" "$dir/xvda.qcow2"
echo '{' > "$store/$outside/snapshot.json"
checks 1 web1
says "$dir/xvda.qcow2: the snapshot $strange in it .*; do not remove it, for not all is known that could need it"
never 'snapshot -d'
restore
qemu-img snapshot -c "$strange" "$dir/xvda.qcow2"
finds 1 "no snapshot's directory was lost, copy the image first; .*: qemu-img snapshot -d $strange $dir/xvda.qcow2"

# What a revert has replaced goes with the next one, unless that has failed.
qemu-img snapshot -c "xensnap-replaced-$inside" "$head_a"
finds 1 "$head_a: the snapshot xensnap-replaced-$inside .*; the next revert removes it; "

# The disk of today is in the image that has lost it.
qemu-img snapshot -d "xensnap-$inside" "$dir/xvda.qcow2"
checks 1 web1
says "disk xvda: it is not in $dir/xvda.qcow2 any more.*; a backup of the image that has it is never put over this one"
restore

# ---- files in the VM's directory ----

# strange FILE WORDS: it is told of with these words, and not as something to be removed; all is as it was then.
strange() {
    checks 1 web1
    says "$1: .*; $2"
    never "rm $1"
    restore
}

# The memory of a snapshot, by another spelling of its path.
mv "$store/$memory/memory" "$store/web1.save"
edit "$store/$memory/snapshot.json" "d['memory']['file'] = '$dir/store/./$vm/web1.save'"
quiet web1
restore

# What a configuration names that is none of our disks: of the VM, of a snapshot, of a revert that is not over.
truncate -s 1M "$store/cd.iso" "$store/data.raw"
sed -i "\$a disk xvdd raw rw $store/data.raw" "$store/$inside/config.json"
for file in "$store"/{config.json,"$outside"/config.json}; do sed -i "\$a disk xvdc raw cdrom $store/cd.iso" "$file"; done
printf '%s' "$(cat "$store/disk.cfg")" > "$dir/disk.cfg"
checks 1 web1
never 'cd.iso:'
never 'data.raw:'
restore
truncate -s 1M "$store/data.raw"
sed "\$a disk xvdd raw rw $store/data.raw" "$store/config.json" > "$store/next.json"
checks 1 web1
never 'data.raw:'
restore

# Another VM's configuration names it, and one names a file that is called so.
mkdir -p "$dir/store/$other"
truncate -s 1M "$store/data.raw"
sed "\$a disk xvdd raw rw $store/data.raw" "$store/config.json" > "$dir/store/$other/config.json"
quiet web1
wipe "$dir/store/$other"
restore
truncate -s 1M "$store/xvdb.raw"
strange "$store/xvdb.raw" "do not remove it before you know that .*/.*\.json means another file"
truncate -s 1M "$store/a b"
strange "$store/a b" "do not remove it before"

# In use by somebody whom the store does not know.
truncate -s 1M "$store/data.raw"
exec 7< "$store/data.raw"
checks 1 web1
says "$store/data.raw: .*; do not remove it: it is in use: process $$ (.*) has its image open"
exec 7>&-
restore

# The ledger is an old one, or lost, and what a disk held that was detached is in none; memory of a lost snapshot.
cp "$head_b" "$store/disk_xvdc.12345678.qcow2"
strange "$store/disk_xvdc.12345678.qcow2" "it is a disk's image, and what names it may be what was lost"
cp "$head_b" "$store/disk_xvdc.12345678.qcow2"
rm "$store/images.json"
strange "$store/disk_xvdc.12345678.qcow2" "it is a disk's image, and what names it may be what was lost"
cp "$store/$memory/memory" "$store/web1.save"
strange "$store/web1.save" "it is a memory image, and what names it may be what was lost"
mv "$store/images.json" "$store/images.json.new"
strange "$store/images.json.new" "$store/images.json is not there: see whether this is all that is left of it"

# Nobody's, by all that is known.
touch "$store/notes.txt"
finds 1 "$store/notes.txt: .*; if no other VM's disk is in it and you know what it is, it may be removed: rm $store/notes.txt"

# ---- what is done to an image ----

# advice WORDS: the command that the line with these words names is done, as it stands there.
advice() {
    local command
    command=$(grep -e "$1" "$dir/out" | sed -nE 's/.*: (qemu-img .*)$/\1/p')
    [ -n "$command" ] || fail "no command: $(cat "$dir/out")"
    bash -c "$command" > "$dir/done" 2>&1 || fail "$command: $(cat "$dir/done")"
}

# One of lazy refcounts that was not closed, for which it is not enough to repair leaks.
qemu-img amend -f qcow2 -o lazy_refcounts=on "$head_a"
bash -c 'qemu-io -f qcow2 -c "write -P 9 1M 1M" -c abort "$1"; true' - "$head_a" > /dev/null 2>&1
checks 1 web1
says "$head_a: the image was not closed"
advice "$head_a: the image was not closed"
gives 0 qemu-img check -f qcow2 "$head_a"
gives 0 qemu-io -f qcow2 -c "write -P 5 8M 1M" -c "read -P 9 1M 1M" "$head_a"
qemu-img amend -f qcow2 -o lazy_refcounts=off "$head_a"
quiet web1
restore

# Whose header does not say in which format that is on which it stands.
offset=$(/usr/bin/python3 -c 'import sys
print(open(sys.argv[1], "rb").read().index(bytes.fromhex("e2792aca")))' "$head_b")
bytes "$head_b" "$offset" 0a0b0c0d
checks 1 web1
advice "$head_b: its header does not say"
quiet web1
holds "$head_b" 3
restore

# Nobody knows which of two formats is the wrong one: a guest would write over its disk.
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$head_b'][0]['format'] = 'raw'"
checks 1 web1
says "$head_b: the VM's configuration has it as qcow2 for disk xvdb, .* as raw; one of them is wrong: do not start"
restore
edit "$store/$memory/snapshot.json" "[i for i in d['disks'] if i['vdev'] == 'xvdb'][0]['format'] = 'qcow2'"
checks 1 web1
says "$dir/xvdb.raw: snapshot $memory has it as qcow2, .* as raw; one of them is wrong: do not start"
restore

# What is damaged may be all that there is.
bytes "$head_b" 0 00
finds 1 "$head_b: its header cannot be read.*; move this one aside first"
qemu-img create -q -f qcow2 "$dir/other.qcow2" 64M
qemu-img rebase -u -f qcow2 -F qcow2 -b "$dir/other.qcow2" "$head_a"
finds 1 "$head_a: it stands on .*; copy the image first; "
rm "$dir/xvdb.raw"
finds 1 "$dir/xvdb.raw: the image is not there, .*; put it back from a backup that was made after that snapshot, if what it \
is stored on is mounted; where"

# ---- while the VM runs ----

# Its QEMU has what was removed, and what the header said: it is all there as long as the domain goes on.
machine xvda qcow2 "$head_a" xvdb qcow2 "$head_b"
rm "$head_a"
checks 1 web1
says "$head_a: the image is not there.*; do not stop or reboot the domain before its data is copied from inside it"
never ' stop it'
restore
bytes "$dir/xvdb.raw" 0 00
qemu-img create -q -f qcow2 "$dir/xvdb.raw" 32M
rm "$dir/xvda.qcow2"
checks 1 web1
says "$dir/xvda.qcow2: the image is not there.*; do not stop or reboot the domain"
never 'xensnap delete'
restore
domain_end

# Xen's QEMU takes no lock, and what qemu-img writes to an image that is in use damages it.
machine xvda qcow2 "$head_a" xvdb qcow2 "$head_b"
bytes "$head_a" 79 02
bytes "$head_b" "$offset" 0a0b0c0d
checks 1 web1
says "$head_a: QEMU has found the image damaged.*; nothing is to be done to it while somebody has it open"
says "$head_b: its header does not say in which format .*; nothing is to be done to it while somebody has it open"
never ': qemu-img '
domain_end
restore
qemu-img snapshot -c "$strange" "$head_a"
machine xvda qcow2 "$head_a" xvdb qcow2 "$head_b"
checks 1 web1
says "$head_a: the snapshot $strange in it is .*; nothing is to be done to it while somebody has it open"
domain_end
restore
qemu-img snapshot -c "$strange" "$head_a"
exec 7< "$head_a"
checks 1 web1
says "$head_a: the snapshot $strange in it is .*; nothing is to be done to it while somebody has it open"
exec 7>&-
restore

# What runs is not known.
touch "$store/notes.txt"
gives 1 env XENSTORED_PATH="$dir/nobody" "$build/tests/integration/xensnap" check --config "$dir/xensnap.conf" web1
says "$store/notes.txt: .*; do not remove it, for not all is known"
restore

# A VM that was started with an old xl.cfg has its last days in that image alone.
machine xvda qcow2 "$head_a" xvdb raw "$dir/xvdb.raw"
checks 1 web1
says "domain: disk xvdb: the domain writes into $dir/xvdb.raw, .*; stop it, and copy that image and those that stand on"
domain_end
restore

# ---- what would be given up for nothing ----

edit "$store/$outside/snapshot.json" "d['name'] = 'inside'"
checks 1 web1
never 'xensnap delete'
restore
edit "$store/$memory/snapshot.json" "d['memory']['file'] = '/mnt/of-nobody/web1.save'"
rm "$store/$memory/memory"
finds 1 "snapshot memory ($memory): .*No such file.*; see that what it is stored on is mounted; else "
qemu-img snapshot -c "xensnap-replaced-$inside" "$head_a"
echo "running -1 - $inside" > "$store/kept"
checks 1 web1
never '/kept: \|: kept: '
restore

# A record of before a merge: what it names has gone into another image.
mv "$dir/xvdb.raw" "$dir/merged.raw"
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$dir/xvdb.raw'][0]['path'] = '$dir/merged.raw'"
checks 1 web1
says "$dir/xvdb.raw: the image is not there, .*; images.json has $dir/merged.raw as that; the record is an old one: "
! grep "^web1 ($vm): $dir/xvdb.raw: " "$dir/out" | grep -q 'xensnap delete' || fail "it is to be deleted: $(cat "$dir/out")"
mv "$dir/merged.raw" "$dir/xvdb.raw"
restore
