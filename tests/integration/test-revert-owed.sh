#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A revert that comes to neither end, and what others do then: the only copy of what a disk held stays, whoever has
# started the VM meanwhile, and nobody's running domain is taken for what is left of the revert.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
mkdir "$dir/bin"
cat > "$dir/bin/qemu-img" << SCRIPT
#!/bin/sh
case "\$*" in
*"-a xensnap-replaced"*xvdb*) [ ! -e "$dir/disk-fails" ] || { echo "qemu-img: Input/output error"; exit 1; } ;;
"map -U"*) [ ! -e "$dir/map-fails" ] || { echo "qemu-img: Input/output error"; exit 1; } ;;
"snapshot -a "*) while [ -e "$dir/hang" ]; do touch "$dir/hangs"; sleep 0.1; done ;;
esac
exec $(command -v qemu-img) "\$@"
SCRIPT
chmod +x "$dir/bin/qemu-img"
export PATH=$dir/bin:$PATH
xenstored_start
domain_make pv xvda qcow2 xvdb qcow2
agent_start

# by_hand [XVDA]: its owner starts the VM, perhaps with another image.
by_hand() {
    domain_config pv xvda qcow2 rw "${1:-$dir/xvda.qcow2}" xvdb qcow2 rw "$dir/xvdb.qcow2" | domain create > "$dir/domid" ||
        fail "it cannot be started by hand"
    domain unpause "$(domid)" 2> "$dir/unpause.out"
}

both_write() {
    writes "$1" xvda
    writes "$1" xvdb
}

# keeps IMAGE VALUE: what reverts have kept inside it is there, and one of them held it.
keeps() {
    local tag
    for tag in $(qemu-img snapshot -U -l "$1" | grep -o 'xensnap-replaced[^ ]*'); do
        qemu-img convert -U -f qcow2 -l "snapshot.name=$tag" -O raw "$1" "$dir/kept.raw" || fail "cannot read $tag"
        ! has "$dir/kept.raw" "$2" raw || return 0
    done
    fail "$1 keeps no $2: $(qemu-img snapshot -U -l "$1")"
}

keeps_nothing() {
    ! qemu-img snapshot -U -l "$1" | grep -q xensnap-replaced || fail "left in $1: $(qemu-img snapshot -U -l "$1")"
}

# not_needed_any_more IMAGE...: its owner removes the one thing that was kept in each.
not_needed_any_more() {
    local image tag
    domain_end
    for image; do
        tag=$(qemu-img snapshot -l "$image" | grep -o 'xensnap-replaced[^ ]*')
        qemu-img snapshot -d "$tag" "$image" || fail "it keeps '$tag'"
    done
    by_hand
}

in_vain() {
    touch "$dir/disk-fails"
    echo 1 > "$dir/build-fails"
    gives 14 xensnap revert "${1:-web1}" "${2:-s}"
    grep -q 'do not start it' "$dir/out" || fail "it says: $(cat "$dir/out")"
    rm "$dir/disk-fails"
    [ -z "$(domid)" ] || fail "it runs"
}

# With what they have started: an orphan would write to the disks of a domain that is started then.
killed() {
    local children
    children=$(pgrep -P "$(IFS=,; echo "$*")")
    # shellcheck disable=SC2086 # a list of numbers
    kill -KILL $children "$@"
    wait "$@" 2> "$dir/waited"
}

# broken_off REVERT...: worker and agent are killed where the first disk is written to.
broken_off() {
    local cli worker
    rm -f "$dir/hangs"
    touch "$dir/hang"
    "$@" > "$dir/revert.out" 2>&1 &
    cli=$!
    wait_for 30 [ -e "$dir/hangs" ] || fail "it writes to no disk: $(cat "$dir/revert.out")"
    worker=$(pgrep -P $agent)
    killed $agent $cli "$worker"
    rm "$dir/hang"
}

ended() {
    [ ! -e "$dir/store/$vm/journal" ]
}

echo "the way back fails, the VM is started all the same, and a create comes"
both_write 1
gives 0 xensnap create -D -n s web1
both_write 2
in_vain
keeps "$dir/xvdb.qcow2" 2
by_hand
gives 0 xensnap create -D -n nightly web1
gives 0 xensnap delete -n nightly web1
keeps "$dir/xvdb.qcow2" 2

echo "a revert that succeeds, and one that changes nothing, keep what an earlier one has kept"
gives 0 xensnap revert web1 s
holds "$(stored xvdb)" 1
keeps "$dir/xvdb.qcow2" 2
both_write 3
domain_end
touch "$dir/map-fails"
! xensnap revert $vm s > "$dir/out" 2>&1 || fail "it says that it is done"
rm "$dir/map-fails"
by_hand
gives 0 xensnap create -D -n nightly web1
gives 0 xensnap delete -n nightly web1
keeps "$dir/xvdb.qcow2" 2
not_needed_any_more "$dir/xvda.qcow2" "$dir/xvdb.qcow2"

echo "broken off, started by hand, and ended: it stays as its owner has left it"
both_write 4
broken_off xensnap revert web1 s
by_hand
both_write 9
agent_start
wait_for 10 grep -q 'somebody else' "$dir/agent.log" || fail "it is not told"
domain_end
wait_for 30 ended || fail "the journal stays: $(cat "$dir/store/$vm/journal")"
[ -z "$(domid)" ] || fail "it was started"
holds "$dir/xvda.qcow2" 9
holds "$dir/xvdb.qcow2" 9
by_hand
gives 0 xensnap create -D -n after web1
gives 0 xensnap delete -n after web1
holds "$(stored)" 9
keeps "$dir/xvda.qcow2" 4
not_needed_any_more "$dir/xvda.qcow2"

echo "put back, and let go by its owner, for we could not: it runs on"
both_write 5
rm -rf "$dir/run/monitor"
touch "$dir/run/monitor"
echo 1 > "$dir/build-fails"
! xensnap revert web1 s > "$dir/out" 2>&1 || fail "it says that it is done"
grep -q 'let go on' "$dir/out" || fail "it says: $(cat "$dir/out")"
[ "$(life)" = paused ] || fail "it is $(life)"
mine=$(domid)
domain unpause "$mine"
both_write 7
rm "$dir/run/monitor"
mkdir "$dir/run/monitor"
wait_for 60 ended || fail "the journal stays: $(cat "$dir/store/$vm/journal")"
[ "$(domid)" = "$mine" ] && [ "$(life)" = running ] || fail "domain $mine became $(domid), $(life)"
holds "$(stored)" 7
keeps_nothing "$dir/xvda.qcow2"

echo "broken off, and its file system is not mounted when the agent starts: it is waited for"
both_write 6
broken_off xensnap revert web1 s
mv "$dir/xvda.qcow2" "$dir/away"
agent_start
wait_for 20 grep -q 'is not there, and it is waited for' "$dir/agent.log" || fail "it does not wait"
mv "$dir/away" "$dir/xvda.qcow2"
wait_for 60 ended || fail "the journal stays: $(cat "$dir/store/$vm/journal")"
[ "$(life)" = running ] || fail "it is $(life)"
holds "$dir/xvda.qcow2" 1
holds "$dir/xvdb.qcow2" 1
keeps_nothing "$dir/xvda.qcow2"

echo "handed over, the host goes down, and neither way can be gone: no image of the VM's goes"
echo "disk=['xvda=external', 'xvdb=internal']" > "$dir/both.conf"
both_write 1
gives 0 xensnap create -D -n h web1 "$dir/both.conf"
gives 0 xensnap create -D --disks xvdb -n extra web1
old=$(stored xvda)
both_write 3
rm -f "$dir/hangs"
touch "$dir/hang"
xensnap revert web1 h > "$dir/revert.out" 2>&1 &
cli=$!
wait_for 30 [ -e "$dir/hangs" ] || fail "it writes to no disk: $(cat "$dir/revert.out")"
worker=$(pgrep -P $agent)
kill -STOP $agent
rm "$dir/hang"
wait_for 30 grep -q handover "$dir/store/$vm/journal" || fail "it does not come to handover"
wait_for 10 grep -q "retired" "$dir/store/$vm/images.json" || fail "nothing was given up"
killed $agent $cli "$worker"
domain_end
touch "$dir/disk-fails"
echo 1 > "$dir/build-fails"
agent_start
wait_for 60 ended || fail "the journal stays: $(cat "$dir/store/$vm/journal")"
[ -z "$(domid)" ] || fail "it runs"
rm "$dir/disk-fails"
gives 0 xensnap delete -n extra $vm
holds "$old" 3
keeps "$dir/xvdb.qcow2" 3
echo ok
