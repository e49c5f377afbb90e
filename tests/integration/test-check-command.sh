#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap check: each damage to records, configurations and to what an operation leaves is found, and told in a line of
# its own with what to do; a store in which all is well is silent; nothing is changed by looking.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin

# ---- all is well ----

gives 2 check no-such
quiet
quiet web1
quiet "$(domid)"
quiet "$vm"
checks 0 --data
says "$head_a: in use, not read"

# ---- a running domain ----

stored=$dir/userdata/$(domid)
cp "$stored" "$dir/userdata.good"
sed -i "s,$head_a,$dir/xvda.qcow2," "$stored"
checks 1 web1
says "$head_a: the domain writes to it, and libxl's configuration does not name it; "
cp "$dir/userdata.good" "$stored"
sed -i "s,$head_a,$dir/other.qcow2," "$store/config.json"
checks 1 web1
says "config.json: it names $dir/other.qcow2 for disk xvda, and the domain has $head_a; "
sed -i "s,$dir/other.qcow2,$head_a," "$store/config.json"
quiet

keep

# ---- an operation that is being done, and one that begins ----

# It has QEMU's monitor, which serves one at a time.
/usr/bin/python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.recv(1)
print("held", flush=True)
time.sleep(60)' "$dir/qmp-libxenstat-$(domid)" > "$dir/holder" &
holder=$!
wait_for 10 grep -qs held "$dir/holder" || fail "nobody gets at the monitor"
exec 8> "$store/journal"
flock 8
checks 0 web1
says 'one is being done on this VM'
! grep -q 'cannot be looked at' "$dir/out" || fail "it has asked QEMU: $(cat "$dir/out")"
kill $holder
wait $holder
exec 8>&-
rm "$store/journal"

# A check that takes its time keeps nobody from QEMU's monitor.
mkdir "$dir/slow"
cat > "$dir/slow/qemu-img" << SCRIPT
#!/bin/sh
while [ -e "$dir/hang" ]; do touch "$dir/hangs"; sleep 0.1; done
exec $(command -v qemu-img) "\$@"
SCRIPT
chmod +x "$dir/slow/qemu-img"
touch "$dir/hang"
PATH=$dir/slow:$PATH check --data web1 > "$dir/slow.out" 2>&1 &
slow=$!
wait_for 10 [ -e "$dir/hangs" ] || fail "it looks at no image: $(cat "$dir/slow.out")"
gives 0 xensnap create -D --disks xvda -n meanwhile web1
rm "$dir/hang"
wait $slow || fail "the check ends with $?: $(cat "$dir/slow.out")"
gives 0 xensnap delete -n meanwhile web1
at_rest
quiet

# ---- another VM ----

# xl gives a copy of the VM with its uuid other disks and another name.
domain_end
{ echo name web2; domain_config pv xvda raw rw "$dir/copy.raw" | tail -n +2; } > "$dir/copied"
truncate -s 1M "$dir/copy.raw"
domain create < "$dir/copied" > "$dir/domid" || fail "the copy is not made"
checks 1 "$vm"
says "^web2 ($vm): domain: domain web2 has the UUID of the VM whose snapshots these are, .*; "
domain_end
restore

domain_end
quiet web1
keep

# ---- records ----

echo '{' > "$store/$inside/snapshot.json"
finds 1 "snapshot $inside: its record cannot be read (.*), .*; "
rm "$store/$memory/snapshot.json"
finds 1 "snapshot $memory: its record cannot be read (cannot read snapshot.json: No such file"
edit "$store/$outside/snapshot.json" "d['id'] = '$inside'"
finds 1 "snapshot $outside: its record cannot be read (its snapshot.json is another snapshot's)"
edit "$store/$inside/snapshot.json" "d['state'] = 'dancing'"
finds 1 "snapshot inside ($inside): its record has a state, .*; .*xensnap delete $vm inside"
edit "$store/$outside/snapshot.json" "d['parent'] = '${inside/[0-9]/e}'.replace('-4', '-5')"
finds 1 "snapshot outside ($outside): it was made after snapshot .*, which is gone"
edit "$store/$outside/snapshot.json" "d['name'] = 'inside'"
finds 1 "snapshot inside ($outside): snapshot $inside has the same name.*; .*xensnap list $vm $outside\$"
echo '{' > "$store/$outside/config.json"
finds 1 "snapshot outside ($outside): the configuration .* cannot be read"
rm "$store/$outside/config.json"
finds 1 "snapshot outside ($outside): the configuration .* cannot be read.*No such file"
rm "$store/$memory/memory"
finds 1 "snapshot memory ($memory): .*memory: No such file.*; .*xensnap delete $vm memory"
truncate -s -1 "$store/$memory/memory"
finds 1 "snapshot memory ($memory): the memory image has [0-9]* bytes and had"
bytes "$store/$memory/memory" 0 00
finds 1 "snapshot memory ($memory): the memory image is not a save file"
touch "$store/$inside/notes.txt"
finds 1 "snapshot inside ($inside): the file notes.txt in its directory .*; move it"
echo nonsense > "$store/current"
finds 1 'current: it names no snapshot'
echo "${inside/[0-9]/f}" > "$store/current"
finds 1 'current: it names no snapshot'
rm -r "${store:?}/$outside"
finds 3 "it is snapshot $outside, which is not in the store any more"

# ---- files and the journal ----

mkdir "$store/.draft"
finds 1 '.draft: a snapshot that was not finished; the next create'
mv "$store/$inside" "$store/.trash"
finds 3 '.trash: a snapshot that was deleted; the next delete'
cp "$store/config.json" "$store/next.json"
touch "$store/kept" "$store/reserve"
finds 1 'next.json: what a revert has kept'
touch "$store/reserve"
finds 1 'reserve: room that was kept for a revert'
echo '{' > "$store/images.json.new"
finds 1 "$store/images.json.new: the half of a file.*; it may be removed: rm $store/images.json.new"
qemu-img create -q -f qcow2 "$store/disk_xvdc.11111111.qcow2" 1M
finds 1 "$store/disk_xvdc.11111111.qcow2: neither images.json nor .*: [0-9.]* KiB; .* rm "
printf '%s\n' "{\"vm\":\"$vm\",\"domid\":5,\"home\":0,\"id\":\"a\",\"snapshot\":\"$inside\",\"request\":[[\"operation\",\"create\"],[\"domain\",\"web1\"]]}" \
    '{"step":"prepare"}' > "$store/journal"
cp "$store/journal" "$dir/journal"
finds 1 'journal: create was begun and not ended; its last step: prepare; the agent .*systemctl restart xensnapd'
sed 's/prepare/dance/' "$dir/journal" > "$store/journal"
finds 1 'journal: another version of xensnap has begun something'
head -c 20 "$dir/journal" > "$store/journal"
finds 1 'journal: not even its first line can be read'

# ---- configurations ----

echo '{' > "$store/config.json"
finds 1 "config.json: the VM's configuration cannot be read"
rm "$store/config.json"
finds 1 "config.json: the VM's configuration cannot be read: .*No such file"
sed -i "s,$head_a,$dir/xvda.qcow2," "$store/disk.cfg"
finds 1 "disk.cfg: it names other disks than config.json; "
sed -i 's,^disk xvda qcow2,disk xvda raw,' "$store/config.json"
sed -i 's/vdev=xvda,access=rw,format=qcow2/vdev=xvda,access=rw,format=raw/' "$store/disk.cfg"
finds 1 "$head_a: the VM's configuration has it as raw for disk xvda, and it is written down as qcow2"
sed -i "s,$head_b,$dir/xvdb.raw,; s,xvdb qcow2,xvdb raw," "$store/config.json"
finds 3 "domain: disk xvdb: the domain writes into $dir/xvdb.raw, which is snapshot $memory"

# ---- a revert that is over, and whose guest has not let go yet of what that has replaced ----

case_begin "replaced"
machine xvda qcow2 "$dir/xvda.qcow2"
gives 0 xensnap create -D -n s web1
at_rest
domain_end
qemu-img snapshot -c "xensnap-replaced-$vm" "$dir/xvda.qcow2"
machine xvda qcow2 "$dir/xvda.qcow2"
cp "$store/config.json" "$store/next.json"
echo "paused 1 - $vm" > "$store/kept"
quiet
rm "$store/next.json" "$store/kept"
checks 1 web1
says "$dir/xvda.qcow2: the snapshot xensnap-replaced-$vm in it is what the disk held before a revert"

echo "$found damages were found"
