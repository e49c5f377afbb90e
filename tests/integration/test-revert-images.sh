#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is the matter with an image is found while the domain is still there: somebody else writes to it, it is marked as
# corrupt, is gone, does not open by the name that it has.  Who only reads a frozen image is in nobody's way.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make pv xvda qcow2 xvdb qcow2
agent_start
image=$dir/xvda.qcow2

# What could not be removed is tried once more.
nothing_begun() {
    [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json 2> /dev/null)" ]
}

# refused CODE WORDS [SNAPSHOT]: the revert is refused with these words in its sentence, and the domain goes on.
refused() {
    local was
    was="$(domid) $(life)"
    gives "$1" xensnap revert web1 "${3:-s}"
    grep -q -- "$2" "$dir/out" || fail "not said ($2): $(cat "$dir/out")"
    [ "$(domid) $(life)" = "$was" ] || fail "was $was, is $(domid) $(life)"
    wait_for 10 nothing_begun || fail "left: $(find "$dir/store")"
}

# Inside the image.
writes 1
gives 0 xensnap create -D --disks xvda -n s web1
writes 2
sleep 1000 9<> "$image" &
refused 6 "disk xvda: process $! (sleep) .* for writing"
kill $!
wait $! 2> /dev/null

corrupt "$image" 1
refused 13 'disk xvda: .*marked as corrupt'
corrupt "$image" 0

# A program that has QEMU's lock on it lets no qemu-img write.
qemu-img create -q -f raw "$dir/copy.raw" 1M
/usr/bin/python3 - "$image" << 'PY' &
import fcntl, struct, sys, time
file = open(sys.argv[1], "rb")
fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 100, 2, 0))
open(sys.argv[1] + ".locked", "w").close()
time.sleep(1000)
PY
wait_for 10 test -e "$image.locked" || fail "nobody locks the image"
refused 6 'disk xvda: .*keeps its image locked'
kill $!
wait $! 2> /dev/null

# A disk that is not the snapshot's goes on in its image, which has to be there.
mv "$dir/xvdb.qcow2" "$dir/away.qcow2"
refused 13 'disk xvdb: its image .* is not there'
mv "$dir/away.qcow2" "$dir/xvdb.qcow2"
gives 0 xensnap revert web1 s
holds "$(stored)" 1
gives 0 xensnap delete web1 s

# An image that an overlay stands on.
writes 3
gives 0 xensnap create -e -D --disks xvda -n s web1
writes 4
writable "$image"
sleep 1000 9<> "$image" &
refused 6 "disk xvda: process $! (sleep) .* for writing"
kill $!
wait $! 2> /dev/null
sleep 1000 9< "$image" &
gives 0 xensnap revert web1 s
holds "$(stored)" 3
kill $!
wait $! 2> /dev/null
gives 0 xensnap delete web1 s

# The image is a link, and what it stands on is named as seen from there.
domain destroy "$(domid)"
no_domain() {
    [ -z "$(ls "$dir/xen")" ]
}
wait_for 10 no_domain || fail "the domain stays"
wipe "$dir/store/$vm"
mkdir "$dir/images" "$dir/pool"
qemu-img create -q -f qcow2 "$dir/images/template.qcow2" 64M
(cd "$dir/images" && qemu-img create -q -f qcow2 -b template.qcow2 -F qcow2 linked.qcow2)
mv "$dir/images/linked.qcow2" "$dir/pool"
ln -s "$dir/pool/linked.qcow2" "$dir/images"
domain_config pv xvda qcow2 rw "$dir/images/linked.qcow2" | domain create > "$dir/domid" || fail "the domain is not made"
writes 5
gives 0 xensnap create -D -n s web1
writes 6
gives 0 xensnap revert web1 s
[ "$(stored)" = "$dir/images/linked.qcow2" ] || fail "the image is called $(stored)"
holds "$(stored)" 5
# It has to be there all the same.
mv "$dir/images/template.qcow2" "$dir/images/away.qcow2"
refused 13 'linked.qcow2 cannot be opened with all that it stands on'
mv "$dir/images/away.qcow2" "$dir/images/template.qcow2"
echo ok
