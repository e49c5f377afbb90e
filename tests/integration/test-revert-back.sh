#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What fails on the way back to what a VM was before: a domain that cannot be let go at once is let go later, and disks that
# are not what they were are not offered to be started from.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
mkdir "$dir/bin"
cat > "$dir/bin/qemu-img" << SCRIPT
#!/bin/sh
case "\$*" in *"-a xensnap-replaced"*) [ ! -e "$dir/disk-fails" ] || { echo "qemu-img: Input/output error"; exit 1; } ;; esac
exec $(command -v qemu-img) "\$@"
SCRIPT
chmod +x "$dir/bin/qemu-img"
export PATH=$dir/bin:$PATH
xenstored_start
domain_make
agent_start

runs() {
    [ "$(life)" = running ] && [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json "$dir"/store/*/kept 2> /dev/null)" ]
}

# The snapshot's domain cannot be built, and libxl does not let the old one's successor go.
writes 1
gives 0 xensnap create -D -n s web1
writes 2
echo 1 > "$dir/build-fails"
touch "$dir/unpause-fails"
xensnap revert web1 s > "$dir/out" 2>&1 && fail "it says that it is done"
grep -q 'let go on' "$dir/out" || fail "it says: $(cat "$dir/out")"
[ "$(life)" = paused ] || fail "the domain is $(life)"
rm "$dir/unpause-fails"
wait_for 30 runs || fail "the domain is $(life): $(ls -A "$dir/store/$vm")"
holds "$(stored)" 2

# What was kept cannot be put back.
echo 1 > "$dir/build-fails"
touch "$dir/disk-fails"
gives 14 xensnap revert web1 s
grep -q 'do not start it' "$dir/out" || fail "it says: $(cat "$dir/out")"
[ -z "$(domid)" ] || fail "it runs"
rm "$dir/disk-fails"
gives 0 xensnap revert $vm s
holds "$(stored)" 1
echo ok
