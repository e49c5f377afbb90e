#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real file systems, frozen: one in a file of another, mounted twice.  A writer waits meanwhile, and what is on the disk
# needs no recovery.  Takes root and loop devices.
set -uo pipefail
freezer=$1/tests/integration/freezer
dir=$(mktemp -d)

cleanup() {
    exec 9>&- 2> /dev/null
    fsfreeze -u "$dir/outer" 2> /dev/null
    fsfreeze -u "$dir/inner" 2> /dev/null
    umount "$dir/inner" "$dir/again" "$dir/outer" 2> /dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

fail() {
    echo "FAIL: $*"
    exit 1
}

wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

needs_recovery() {
    dumpe2fs -h "$1" 2> /dev/null | grep -q '^Filesystem features:.*needs_recovery'
}

mkdir "$dir"/{outer,inner,again}
truncate -s 64M "$dir/outer.img"
mke2fs -q -t ext4 "$dir/outer.img" || fail "no mke2fs"
mount -o loop "$dir/outer.img" "$dir/outer" 2> "$dir/said" || { cat "$dir/said"; echo "no loop devices, or not root"; exit 77; }
truncate -s 16M "$dir/outer/inner.img"
mke2fs -q -t ext4 "$dir/outer/inner.img"
mount -o loop "$dir/outer/inner.img" "$dir/inner" || fail "no second loop device"
mount --bind "$dir/outer" "$dir/again" || fail "no bind mount"
grep " $dir/" /proc/self/mountinfo > "$dir/list"
[ "$(wc -l < "$dir/list")" = 3 ] || fail "$(cat "$dir/list")"

echo before > "$dir/outer/before"
echo before > "$dir/inner/before"
sync -f "$dir/inner" "$dir/outer"
needs_recovery "$dir/outer.img" || fail "a mounted file system does not need recovery?"
mkfifo "$dir/in"
"$freezer" "$dir/list" < "$dir/in" > "$dir/out" &
exec 9> "$dir/in"
wait_for 10 test -s "$dir/out" || fail "it does not freeze"
[ "$(cat "$dir/out")" = "frozen 2" ] || fail "$(cat "$dir/out")"
needs_recovery "$dir/outer.img" && fail "the outer one needs recovery"
needs_recovery "$dir/outer/inner.img" && fail "the inner one needs recovery"

(exec 9>&-; echo after > "$dir/outer/after"; echo after > "$dir/inner/after"; echo written > "$dir/written") &
writer=$!
sleep 0.5
[ ! -e "$dir/written" ] || fail "somebody wrote to a frozen file system"
# A second one finds them frozen, and does not thaw what it has not frozen.
"$freezer" "$dir/list" < /dev/null > "$dir/second" && fail "frozen twice: $(cat "$dir/second")"
grep -q 'frozen already' "$dir/second" || fail "$(cat "$dir/second")"
sleep 0.5
[ ! -e "$dir/written" ] || fail "a second one has thawed what the first has frozen"
exec 9>&-
wait_for 10 test -e "$dir/written" || fail "the writer does not go on"
wait $writer
cmp -s "$dir/outer/after" "$dir/inner/after" || fail "what was written is not there"
