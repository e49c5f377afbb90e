#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# What fails on the way back to what a VM was before: a domain that cannot be let go at once is let go later, and disks that
# are not what they were are not offered to be started from.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ways.sh"
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
export KILLPOINT=$dir/killpoint ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0
ways_agent

runs() {
    [ "$(life)" = running ] && [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json "$dir"/store/*/kept 2> /dev/null)" ]
}

lives() {
    [ "$(life)" = "$1" ]
}

worker() {
    pkill "-$1" -f -- "xensnap-worker.*$dir/"
}

is_held() {
    [ "$(ps -o state= -p "$(pgrep -f -- "xensnap-worker.*$dir/" | head -n 1)" 2> /dev/null)" = T ]
}

tried_again() {
    [ "$(grep -c was-put-back "$dir/store/$vm/journal")" -ge 2 ]
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

# It is let go, and what is left to do fails: its owner may pause it before that is tried again.
echo 1 > "$dir/build-fails"
echo 'hold after disks-back' > "$KILLPOINT"
xensnap revert web1 s > "$dir/out" 2>&1 &
asker=$!
wait_for 20 is_held || fail "it never came there"
echo 00000000-0000-4000-8000-000000000000 >> "$dir/store/$vm/owed"
mkdir "$dir/store/$vm/owed.new"
worker CONT
wait_for 20 lives running || fail "the domain is $(life)"
domain pause "$(domid)"
wait_for 20 tried_again || fail "nobody tries again: $(cat "$dir/store/$vm/journal")"
rmdir "$dir/store/$vm/owed.new"
rm "$dir/store/$vm/owed"
wait_for 30 no_journal || fail "a journal is left: $(cat "$dir/store/$vm/journal")"
wait $asker
lives paused || fail "a domain that its owner has paused is $(life)"
domain unpause "$(domid)"
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
