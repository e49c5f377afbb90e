#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Create, revert and delete whole: snapshots inside images, in overlays and both, with memory and without, of a VM that runs,
# is paused or is stopped.  After a revert disks and memory hold what they held at the snapshot's moment; after a delete
# they hold what was written last, and nothing of the snapshot is left.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
agent_start

cat > "$dir/internal.conf" << 'EOF'
disk=['xvda=internal', 'xvdb=internal']
EOF
cat > "$dir/external.conf" << 'EOF'
disk=['xvda=external', 'xvdb=external']
EOF
cat > "$dir/mixed.conf" << 'EOF'
disk=['xvda=internal', 'xvdb=external']
EOF

# format_of IMAGE
format_of() {
    case $1 in
        *.raw) echo raw ;;
        *) echo qcow2 ;;
    esac
}

write_all() {
    local disk
    for disk in xvda xvdb; do writes "$1" $disk; done
}

# all_hold VALUE: what the domain reads from its disks.
all_hold() {
    local disk image
    for disk in xvda xvdb; do
        image=$(stored "$disk")
        [ -z "$(domid)" ] || [ "$(top "$disk")" = "$image" ] || fail "$disk is $(top "$disk"), stored is $image"
        holds "$image" "$1" "$(format_of "$image")"
    done
}

# The worker removes what is empty after the result was told.
nothing_left() {
    [ -z "$(ls -A "$dir/store")" ] && [ "$(tags)" = 0 ]
}

# state WORD: brings the domain there, from running.
state() {
    case $1 in
        paused) domain pause "$(domid)" ;;
        stopped)
            gives 0 xensnap create -D --disks xvda -n known $vm # a VM of which there is nothing is not known when it has stopped
            domain_end
            ;;
    esac
}

n=0
# round STATE KIND MEMORY
round() {
    local first=$((n * 5 % 200 + 1)) memory=() old
    local later=$((first + 1)) last=$((first + 2))
    n=$((n + 1))
    [ "$3" = yes ] || memory=(-D)
    echo "$*"
    write_all $first
    state "$1"
    gives 0 xensnap create "${memory[@]}" -n s $vm "$dir/$2.conf"
    [ "$1" != paused ] || [ "$(life)" = paused ] || fail "it was paused and is $(life)"
    if [ "$1" = paused ]; then domain unpause "$(domid)"; fi
    if [ "$1" = stopped ]; then
        gives 0 xensnap revert $vm s # starts it
    fi
    [ "$(life)" = running ] || fail "it is $(life)"
    write_all $later
    old=$(domid)
    gives 0 xensnap revert $vm s
    [ "$(domid)" != "$old" ] && [ "$(life)" = running ] || fail "domain $(domid) is $(life)"
    wait_for 10 domain_is_gone "$old" || fail "domain $old stays"
    all_hold $first
    [ "$(domain memory "$(domid)")" = "$([ "$3" = no ] || echo $first)" ] || fail "memory: $(domain memory "$(domid)")"
    write_all $last
    gives 0 xensnap delete $vm s
    [ "$1" != stopped ] || gives 0 xensnap delete $vm known
    all_hold $last
    wait_for 10 nothing_left || fail "left over: $(find "$dir/store"), $(tags) tags"
}

domain_make hvm xvda qcow2 xvdb qcow2
round running internal yes
round running internal no

# Another domain, of the kind that is saved while it stands still, with a raw disk.
domain_end
domain_make pv xvda qcow2 xvdb raw
round running external yes
round running external no
round paused mixed yes
round running mixed no
round stopped mixed no

# The monitor looks after a domain that was brought back: it reboots and powers off as its configuration says.
gives 0 xensnap create -D --disks xvda -n s web1
gives 0 xensnap revert web1 s
rebooted() {
    [ -n "$(domid)" ] && [ "$(domid)" != "$old" ] && [ "$(life)" = running ]
}
old=$(domid)
domain shutdown "$old" reboot
wait_for 20 rebooted || fail "nobody has started the domain anew when it rebooted"
old=$(domid)
domain shutdown "$old" poweroff
wait_for 20 domain_is_gone "$old" || fail "nobody has destroyed the domain when it powered off"
echo ok
