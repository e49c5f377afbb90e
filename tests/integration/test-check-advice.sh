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

