#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a revert must not trust: a memory image that is not what was saved, and an image that the old QEMU still has.  And
# what it must leave: the images of snapshots that no domain goes on in any more.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

# flip FILE: another byte in the middle of it.
flip() {
    /usr/bin/python3 - "$1" << 'PY'
import os, sys
with open(sys.argv[1], "r+b") as file:
    middle = os.path.getsize(sys.argv[1]) // 2
    file.seek(middle)
    byte = file.read(1)[0]
    file.seek(middle)
    file.write(bytes([byte ^ 1]))
PY
}

writes 1
gives 0 xensnap create -n s web1
writes 2
memory=("$dir"/store/*/*/memory)
before=$(domid)
flip "${memory[0]}"
gives 13 xensnap revert web1 s
grep -q 'corrupt: .*not what was saved' "$dir/out" || fail "not because of the memory image: $(cat "$dir/out")"
[ "$(domid)" = "$before" ] && [ "$(life)" = running ] || fail "domain $(domid) is $(life) after a revert that was refused"
holds "$(stored)" 2

# The old QEMU goes on for a while when its domain is destroyed, and nothing may change the image until it has ended.
flip "${memory[0]}"
echo 1500 > "$dir/qemu-exit-ms"
gives 0 xensnap revert web1 s
[ "$(domid)" != "$before" ] && [ "$(life)" = running ] || fail "domain $(domid) is $(life)"
holds "$(stored)" 1
rm "$dir/qemu-exit-ms"

# Nothing stands on the content of "two" when the domain has gone back to "one", and no configuration names it.
gives 0 xensnap create -e -D -n one web1
writes 3
gives 0 xensnap create -e -D -n two web1
writes 4
gives 0 xensnap revert web1 one
holds "$(stored)" 1
gives 0 xensnap revert web1 two
holds "$(stored)" 3

# A backup reads the image that the snapshot has left as it is, and another the one in which the domain goes on now.
tail -f /dev/null 9< "$dir/xvda.qcow2" 8< "$(stored)" &
backup=$!
gives 0 xensnap revert web1 one
holds "$(stored)" 1
kill $backup
echo ok
