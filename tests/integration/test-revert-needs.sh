#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A revert that cannot succeed fails while the domain is still there: each thing that the new domain needs is missing once.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
xenstore-write /local/domain/0/name Domain-0
agent_start

qemu-img create -q -f qcow2 "$dir/xvda.qcow2" 64M
qemu-img create -q -f raw "$dir/cd.iso" 1M
mkdir "$dir/boot"
things="kernel ramdisk bootloader firmware device_model script"
for thing in $things; do
    echo > "$dir/boot/$thing"
    chmod +x "$dir/boot/$thing"
done
echo Pool-web > "$dir/pools"

# with LINE...: the domain has these lines beside its disk.
with() {
    { domain_config pv xvda qcow2 rw "$dir/xvda.qcow2"; printf '%s\n' "$@"; } | domain create > "$dir/domid" ||
        fail "the domain is not made"
}

# refused CODE WORDS: the revert is refused with these words in its sentence, and the domain goes on.
refused() {
    local was
    was="$(domid) $(life)"
    gives "$1" xensnap revert web1 s
    grep -q -- "$2" "$dir/out" || fail "not said ($2): $(cat "$dir/out")"
    [ "$(domid) $(life)" = "$was" ] || fail "was $was, is $(domid) $(life)"
    [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json 2> /dev/null)" ] || fail "left: $(find "$dir/store")"
}

unsupported=9

# A snapshot without memory, each missing thing by its name.
for thing in $things; do
    with "need $thing $dir/boot/$thing"
    gives 0 xensnap create -D -n s web1
    mv "$dir/boot/$thing" "$dir/boot/away"
    refused $unsupported "${thing/_/ } $dir/boot/$thing"
    mv "$dir/boot/away" "$dir/boot/$thing"
    gives 0 xensnap revert web1 s
    gives 0 xensnap delete web1 s
    domain_end
done

# With memory it is not booted, and goes on without a kernel; its device model is needed.
with "need kernel $dir/boot/kernel" "need device_model $dir/boot/device_model"
gives 0 xensnap create -n s web1
mv "$dir/boot/kernel" "$dir/boot/away"
gives 0 xensnap revert web1 s
grep -q 'cannot reboot without it' "$dir/agent.log" || fail "not said that it cannot reboot"
mv "$dir/boot/device_model" "$dir/boot/away-too"
refused $unsupported 'device model'
gives 0 xensnap delete web1 s
mv "$dir/boot/away" "$dir/boot/kernel"
mv "$dir/boot/away-too" "$dir/boot/device_model"
domain_end

# A bridge that was there then.  lo is no bridge, and all that an ordinary user finds.
with "need bridge lo"
gives 0 xensnap create -D -n s web1
sed -i 's/need bridge lo/need bridge nosuchbr0/' "$dir"/store/*/*/config.json
refused $unsupported 'vif 0: the bridge nosuchbr0'
sed -i 's/need bridge nosuchbr0/need bridge lo/' "$dir"/store/*/*/config.json
gives 0 xensnap revert web1 s
gives 0 xensnap delete web1 s
domain_end

with "pool Pool-web"
gives 0 xensnap create -D -n s web1
: > "$dir/pools"
refused $unsupported 'CPU pool Pool-web'
echo Pool-web > "$dir/pools"
gives 0 xensnap revert web1 s
gives 0 xensnap delete web1 s
domain_end

# The name is somebody else's by now: the VM has been given another since.
with
gives 0 xensnap create -D -n s web1
sed -i 's/^name .*/name web9/' "$dir"/store/*/*/config.json
qemu-img create -q -f qcow2 "$dir/other.qcow2" 1M
other=$(domain_config pv xvda qcow2 rw "$dir/other.qcow2" |
    sed 's/^name .*/name web9/; s/^uuid .*/uuid 11111111-2222-4333-8444-555555555555/' | domain create)
refused 5 "domain $other .*has the name web9"
domain destroy "$other"
wait_for 10 domain_is_gone "$other" || fail "domain $other stays"
gives 0 xensnap revert "$vm" s
gives 0 xensnap delete "$vm" s
domain_end

# A CD-ROM's image.
with "disk xvdc raw cdrom $dir/cd.iso"
gives 0 xensnap create -D --disks xvda -n s web1
mv "$dir/cd.iso" "$dir/away.iso"
refused 16 'disk xvdc: .*cd.iso is not there'
mv "$dir/away.iso" "$dir/cd.iso"
gives 0 xensnap revert web1 s
gives 0 xensnap delete web1 s
echo ok
