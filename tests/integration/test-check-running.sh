#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap check: damages while the VM runs, two at once, and a VM that changes while it is looked at.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin

# A file that QEMU has open keeps its inode: what is damaged here is put right, and not put back.
# damaged WORDS: so many lines as there are words, each with one of them.
damaged() {
    local words
    checks 1 web1
    for words in "$@"; do
        says "$words"
        found=$((found + 1))
    done
    [ "$(grep -c "^web1 ($vm): " "$dir/out")" = $# ] || fail "not $# lines but: $(cat "$dir/out")"
}

# with FILE COMMAND: FILE is there again when that was looked at.
aside() {
    cp -a "$1" "$dir/aside"
}

back() {
    rm -r "$1" 2> /dev/null
    cp -a "$dir/aside" "$1"
    rm -r "$dir/aside"
}

# ---- one at a time, while it runs ----

quiet
aside "$store/$inside"
rm "$store/$inside/snapshot.json"
damaged "snapshot $inside: its record cannot be read"
edit "$dir/aside/snapshot.json" "d['version'] = 2"
cp "$dir/aside/snapshot.json" "$store/$inside"
damaged "snapshot $inside: its record cannot be read (.* of another version)"
rm "$store/$inside/snapshot.json"
mkdir "$store/$inside/snapshot.json"
damaged "snapshot $inside: its record cannot be read (.*directory)"
edit "$dir/aside/snapshot.json" "d['version'] = 1"
back "$store/$inside"
aside "$store/$memory"
rm "$store/$memory/memory"
damaged "snapshot memory ($memory): .*memory: No such file"
back "$store/$memory"
aside "$store/images.json"
echo '{' > "$store/images.json"
damaged 'images.json: it cannot be read'
back "$store/images.json"
aside "$store/images.json"
edit "$store/images.json" "d['ledger'] = [i for i in d['ledger'] if i['path'] != '$head_a']"
damaged "$head_a: disk xvda is in it, and images.json does not have it"
back "$store/images.json"
aside "$store/images.json"
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$dir/xvdb.raw'][0]['size'] += 512"
damaged "$dir/xvdb.raw: it is a snapshot's content and had "
back "$store/images.json"
aside "$store/images.json"
edit "$store/images.json" "d['ledger'].append(dict(path='$store/disk_xvda.00000000.qcow2', format='qcow2', made=True,
    role='retired', why='replaced'))"
damaged "$store/disk_xvda.00000000.qcow2: images.json has it, it is not there, and nothing needs it"
back "$store/images.json"
touch "$store/kept"
damaged 'kept: the VM as it was before a revert'
rm "$store/kept"
mkdir "$store/.trash"
damaged '.trash: a snapshot that was deleted'
rmdir "$store/.trash"
truncate -s 4096 "$store/strange.raw"
damaged "$store/strange.raw: neither images.json nor"
rm "$store/strange.raw"
aside "$dir/xvdb.raw"
truncate -s 32M "$dir/xvdb.raw"
damaged "$dir/xvdb.raw: it is a snapshot's content and had "
truncate -s 64M "$dir/xvdb.raw"
cp --sparse=never "$dir/aside" "$dir/xvdb.raw"
rm "$dir/aside"
quiet

# ---- two at once ----

domain_end
keep
qemu-img snapshot -d "xensnap-$inside" "$dir/xvda.qcow2"
truncate -s -1 "$store/$memory/memory"
damaged "snapshot memory ($memory): the memory image has " "snapshot inside ($inside): disk xvda: it is not in "
restore
echo '{' > "$store/images.json"
echo '{' > "$store/config.json"
damaged 'images.json: it cannot be read' "config.json: the VM's configuration cannot be read"
restore
echo '{' > "$store/$outside/snapshot.json"
bytes "$head_b" 0 00
damaged "snapshot $outside: its record cannot be read" "$head_b: its header cannot be read"
restore
rm "$dir/xvdb.raw"
touch "$store/reserve"
damaged "$dir/xvdb.raw: the image is not there" 'reserve: room that was kept for a revert'
restore
edit "$store/images.json" "[i for i in d['ledger'] if i['path'] == '$head_a'][0].update(leaving=True)"
edit "$store/images.json" "d['ledger'] = [i for i in d['ledger'] if i['path'] != '$head_b']"
damaged "$head_a: it is marked as being replaced by a revert" "$head_b: disk xvdb is in it, and images.json does not have"
restore
quiet

# ---- a VM that changes while it is looked at ----

# meanwhile COMMAND: the first qemu-img of the next check does that, and the check looks again.
mkdir "$dir/bin"
meanwhile() {
    cat > "$dir/bin/qemu-img" << SCRIPT
#!/bin/bash
[ ! -e "$dir/meanwhile" ] || { rm "$dir/meanwhile"; $1; } > /dev/null
exec $(PATH=${PATH#"$dir/bin:"} command -v qemu-img) "\$@"
SCRIPT
    chmod +x "$dir/bin/qemu-img"
    touch "$dir/meanwhile"
}
PATH=$dir/bin:$PATH

# The header of an image with a bitmap is not all that there is to be known of it.
ask_qemu_img() {
    qemu-img bitmap --add "$dir/xvda.qcow2" of-a-backup
}

# What was wrong with a domain that has ended is over.
ask_qemu_img
machine xvda qcow2 "$head_a" xvdb raw "$dir/xvdb.raw"
checks 1 web1
says "domain: disk xvdb: the domain writes into $dir/xvdb.raw"
meanwhile "'$build/tests/double/domain' destroy $(domid); until [ ! -e '$dir/xen/$(domid)' ]; do sleep 0.05; done"
gives 0 check web1
[ ! -s "$dir/out" ] && [ ! -e "$dir/meanwhile" ] || fail "not silent: $(cat "$dir/out")"

# One that has begun is looked at.
domain_config pv xvda qcow2 "rw" "$head_a" xvdb raw "rw" "$dir/xvdb.raw" > "$dir/old.cfg"
meanwhile "'$build/tests/double/domain' create < '$dir/old.cfg'"
gives 1 check web1
says "domain: disk xvdb: the domain writes into $dir/xvdb.raw"
domain_end
restore

# A disk comes and goes: libxl's configuration is put right.
ask_qemu_img
machine xvda qcow2 "$head_a" xvdb qcow2 "$head_b"
userdata=$dir/userdata/$(domid)
cp "$userdata" "$dir/right"
sed -i "s,$head_b,$dir/xvdb.raw," "$userdata"
checks 1 web1
meanwhile "cp '$dir/right' '$userdata'"
gives 0 check web1
[ ! -s "$dir/out" ] || fail "not silent: $(cat "$dir/out")"

# Operations one after the other, and a guest that writes: never is anything of them told as damaged.
rm "$dir/bin/qemu-img"
for n in 1 2 3 4; do
    xensnap create -D -e -n "n$n" web1 && xensnap create -D --disks xvda -n "m$n" web1 && writes "$n" &&
        xensnap delete web1 "n$n" && xensnap delete web1 "m$n" || touch "$dir/failed"
done > "$dir/operations" 2>&1 &
operations=$!
looks=0
while kill -0 $operations 2> /dev/null; do
    code=0
    check web1 > "$dir/out" 2> "$dir/notes" || code=$?
    [ $code != 1 ] && [ ! -s "$dir/out" ] || fail "told as damaged: $(cat "$dir/out")"
    looks=$((looks + 1))
done
wait $operations
[ ! -e "$dir/failed" ] || fail "an operation failed: $(cat "$dir/operations")"
quiet web1
echo "$found damages were found; $looks looks at a VM that changed"
