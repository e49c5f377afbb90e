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

