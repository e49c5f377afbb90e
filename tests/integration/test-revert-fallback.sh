#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A snapshot's state that cannot be started: the VM ends as it was before, running, paused or stopped.  If that cannot be
# started either it stays stopped, with both states kept.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make hvm xvda qcow2 xvdb qcow2
agent_start
xen=14

both=$dir/both.conf
# write_all VALUE
write_all() {
    writes "$1" xvda
    writes "$1" xvdb
}

# all_hold VALUE: what the VM's disks hold.
all_hold() {
    holds "$(image xvda)" "$1"
    holds "$(image xvdb)" "$1"
}

# image VDEV: where the VM has that disk, running or not.
image() {
    if [ -n "$(domid)" ]; then
        stored "$1"
    else
        awk -v vdev="$1" '$1 == "disk" && $2 == vdev { print $5 }' "$dir"/store/*/config.json
    fi
}

# state WORD: brings the VM there, from running.
state() {
    local old
    old=$(domid)
    case $1 in
        paused) domain pause "$old" ;;
        stopped)
            domain destroy "$old"
            wait_for 10 domain_is_gone "$old" || fail "domain $old stays"
            ;;
    esac
}

nothing_left() {
    [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json "$dir"/store/*/kept 2> /dev/null)" ]
}

no_tags() {
    for disk in xvda xvdb; do
        qemu-img snapshot -U -l "$dir/$disk.qcow2" | grep -q replaced && return 1
    done
    return 0
}

n=0
# round STATE KINDS MEMORY
round() {
    local value=$((n * 3 + 1)) memory=() was
    n=$((n + 1))
    echo "$*"
    [ "$3" = yes ] || memory=(-D)
    echo "disk=[$2]" > "$both"
    write_all $value
    gives 0 xensnap create "${memory[@]}" -n s web1 "$both"
    write_all $((value + 1))
    state "$1"
    was=$(domid)
    echo 1 > "$dir/build-fails"
    gives $xen xensnap revert $vm s
    grep -q "the VM is $1 again as it was before" "$dir/out" || fail "not said: $(cat "$dir/out")"
    if [ "$1" = stopped ]; then
        [ -z "$(domid)" ] || fail "it runs"
    else
        [ "$(domid)" != "$was" ] && [ "$(life)" = "$1" ] || fail "it is $(domid) $(life)"
    fi
    all_hold $((value + 1))
    wait_for 10 nothing_left || fail "left: $(find "$dir/store")"
    no_tags || fail "what was replaced is still kept"

    # Neither can be started.
    echo 2 > "$dir/build-fails"
    gives $xen xensnap revert $vm s
    [ "$1" = stopped ] || grep -q 'the VM is stopped: .*cannot be started either' "$dir/out" ||
        fail "not said: $(cat "$dir/out")"
    [ -z "$(domid)" ] || fail "it runs"
    echo 0 > "$dir/build-fails"
    all_hold $((value + 1))
    gives 0 xensnap list $vm

    # The cause is gone.
    gives 0 xensnap revert $vm s
    [ "$(life)" = running ] || fail "it is $(life)"
    all_hold $value
    write_all $((value + 2))
    gives 0 xensnap delete $vm s
    all_hold $((value + 2))
    no_tags || fail "what was replaced is still kept"
}

round running "'xvda=internal', 'xvdb=internal'" no
round paused "'xvda=internal', 'xvdb=external'" yes
round stopped "'xvda=external', 'xvdb=internal'" no
round running "'xvda=external', 'xvdb=external'" yes

# The worker is killed when the domain has been destroyed, and somebody starts the VM before a recovery does: this domain is
# nobody's to destroy, and nothing else is done with the VM as long as it runs.
workers() {
    pgrep -f -- "xensnap-worker.*$dir/"
}
no_worker() {
    ! workers > /dev/null
}
cat > "$both" << 'CONF'
disk=['xvda=internal', 'xvdb=internal']
CONF
write_all 20
gives 0 xensnap create -D -n s web1 "$both"
write_all 21
old=$(domid)
qemu=$(qemu_pid)
domain config "$old" > "$dir/admins.cfg"
sed -i '/^mark /d' "$dir/admins.cfg"
echo 4000 > "$dir/qemu-exit-ms"
xensnap revert web1 s > "$dir/revert.out" 2>&1 &
wait_for 20 domain_is_gone "$old" || fail "domain $old stays"
kill -KILL $agent
workers | xargs kill -KILL
wait_for 10 no_worker || fail "the worker stays"
qemu_gone() {
    ! kill -0 "$qemu" 2> /dev/null
}
wait_for 20 qemu_gone || fail "QEMU stays"
rm "$dir/qemu-exit-ms"
domain create < "$dir/admins.cfg" > "$dir/domid" || fail "nobody can start it"
theirs=$(domid)
write_all 22
agent_start
said() {
    grep -q "domain $theirs of this VM was started by somebody else" "$dir/agent.log"
}
wait_for 20 said || fail "nothing is said of domain $theirs"
[ "$(domid) $(life)" = "$theirs running" ] || fail "it is $(domid) $(life) and not $theirs"
gives 6 xensnap create -D -n other web1
all_hold 22
agent_end TERM

# Nor where it has the old one's domid: the host has booted since, and they begin anew.
grep -q "^running [0-9]* $(cat /proc/sys/kernel/random/boot_id) " "$dir/store/$vm/kept" || fail "kept has not this boot"
sed -i "1s/^running [0-9]* [0-9a-f-]* /running $theirs 00000000-0000-4000-8000-000000000000 /" "$dir/store/$vm/kept"
[[ $(head -n 1 "$dir/store/$vm/kept") == "running $theirs 00000000-"* ]] || fail "kept: $(head -n 1 "$dir/store/$vm/kept")"
agent_start
wait_for 20 said || fail "nothing is said of domain $theirs after a boot"
[ "$(domid) $(life)" = "$theirs running" ] || fail "it is $(domid) $(life) and not $theirs after a boot"
all_hold 22
agent_end TERM
domain destroy "$theirs"
wait_for 10 domain_is_gone "$theirs" || fail "domain $theirs stays"
agent_start
ended() {
    [ ! -e "$dir/store/$vm/journal" ]
}
wait_for 30 ended || fail "the revert does not end"
[ -z "$(domid)" ] || fail "the VM was started"
all_hold 22
gives 0 xensnap revert $vm s
back() {
    [ "$(life)" = running ] && nothing_left
}
wait_for 30 back || fail "something is left: $(ls -A "$dir/store/$vm")"
all_hold 20
echo ok
