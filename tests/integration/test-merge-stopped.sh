#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A merge of a VM that does not run: whoever writes to one of the images meanwhile, or may, loses nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
world_begin "$1"

# While $dir/run-vm is there: the VM is started when qemu-img has merged, writes 3 and is stopped, all before anybody has
# looked.
mkdir "$dir/bin"
real=$(command -v qemu-img)
cat > "$dir/bin/qemu-img" << SH
#!/bin/bash
"$real" "\$@"
result=\$?
if [ "\$1" = commit ] && [ -e "$dir/run-vm" ]; then
    rm "$dir/run-vm"
    qemu-io -f qcow2 -c "write -P 3 1M 64k" "\${@: -1}" > /dev/null
fi
exit \$result
SH
chmod +x "$dir/bin/qemu-img"
export PATH="$dir/bin:$PATH"
xenstored_start
xenstore-write /local/domain/0/name Domain-0
agent_start

# stopped WHAT FORMAT: it was in $base with 1, and would go on in $over, which holds 2.
stopped() {
    case_begin "$1"
    base=$dir/b.$2
    machine xvda "$2" "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    over=$(stored)
    writes 2
    domain_end
}

# merged VALUE: with the next delete, and the VM's disk is $base again.
merged() {
    machine xvda qcow2 "$over"
    gives 0 xensnap create -e -D -n s2 web1
    gives 0 xensnap delete -n s2 web1
    [ "$(top)" = "$base" ] && [ "$(stored)" = "$base" ] || fail "it is in $(top), stored is $(stored)"
    has "$base" "$1" "${base##*.}" || fail "$base does not hold $1"
    [ ! -e "$over" ] || fail "$over is still there"
}

stopped "the VM runs for a moment while its images are merged" qcow2
touch "$dir/run-vm"
gives 6 xensnap delete -n s1 "$vm"
says "was started while its images were merged"
holds "$over" 3
grep -q "$over" "$dir/store/$vm/disk.cfg" || fail "it would not go on where it was: $(cat "$dir/store/$vm/disk.cfg")"
is "$over" head
merged 3

stopped "an image to which qemu-img writes whenever it opens it is merged all the same" qcow2
qemu-img bitmap --add "$over" backup
gives 0 xensnap delete -n s1 "$vm"
holds "$base" 2
grep -q "$base" "$dir/store/$vm/disk.cfg" || fail "it would go on in $(cat "$dir/store/$vm/disk.cfg")"

for way in "" -r; do
    stopped "a loop device stands on what is merged into (${way:-written to})" raw
    loop=$(losetup $way -f --show "$base") || fail "no loop device"
    xensnap delete -n s1 "$vm" > "$dir/out" 2>&1
    result=$?
    losetup -d "$loop"
    [ $result = 6 ] || fail "exit code $result: $(cat "$dir/out")"
    says "losetup -d $loop"
    has "$base" 1 raw || fail "it was written to under the loop device"
    has "$over" 2 || fail "$over does not hold 2"
    merged 2
done

stopped "a loop device on what a running domain's image stands on" raw
machine xvda qcow2 "$over"
loop=$(losetup -r -f --show "$base") || fail "no loop device"
xensnap delete -n s1 web1 > "$dir/out" 2>&1
result=$?
losetup -d "$loop"
[ $result = 6 ] || fail "exit code $result: $(cat "$dir/out")"
says "losetup -d $loop"
has "$base" 1 raw || fail "it was written to under the loop device"
merged_now() {
    gives 0 xensnap create -D -n s2 web1
    gives 0 xensnap delete -n s2 web1
}
merged_now
[ "$(top)" = "$base" ] && has "$base" 2 raw || fail "it is in $(top)"
echo ok
