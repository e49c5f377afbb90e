#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# xensnap forget: all snapshots go, and the images that were nothing but their content; the disks hold what they held, and
# what somebody may need stays.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/ways.sh"
ways_begin "$1"

# many WHAT: snapshots inside and outside; the domain goes on in $now, which stands on $base; $one and $two are in nobody's
# way.
many() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base" xvdb qcow2 "$dir/b.qcow2"
    writes 1
    gives 0 xensnap create -D -n inside web1
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    two=$(stored)
    writes 3
    gives 0 xensnap create -n memory web1
    gives 0 xensnap revert web1 s1
    now=$(stored)
    now_b=$(stored xvdb)
    writes 4
}

forgotten() {
    holds "$now" 4
    [ "$(stored)" = "$now" ] || fail "it is in $(stored)"
    [ -e "$base" ] && [ ! -e "$one" ] && [ ! -e "$two" ] || fail "$(ls "$dir" "$dir/store/$vm")"
    [ "$(find "$dir/store/$vm" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)" = \
      "$(printf '%s\n' config.json disk.cfg "$(basename "$now")" "$(basename "$now_b")" | sort | xargs)" ] ||
        fail "left: $(ls -a "$dir/store/$vm")"
    ! lsattr "$base" "$now" 2> /dev/null | grep -q '^....i' || fail "it is still protected: $(lsattr "$base" "$now")"
}

# goes_on: a new beginning with the same disks, and the VM starts with them.
goes_on() {
    gives 0 xensnap create -e -D -n t1 web1
    writes 5
    gives 0 xensnap revert web1 t1
    holds "$(stored)" 4
    gives 0 xensnap delete web1 t1
    domain_end
    machine xvda qcow2 "$now" xvdb qcow2 "$now_b"
    holds "$(stored)" 4
}

many "a VM that runs"
gives 12 xensnap forget web1 < /dev/null
says "4 snapshots are given up"
says "$one .* is removed"
says "$now .* stays, for a disk of the VM"
gives 0 xensnap list web1
says inside
gives 0 xensnap forget web1 <<< y
says "All snapshots of web1 are given up"
says "and are xensnap's no more: start it with the disks in disk.cfg"
forgotten
goes_on

# What nobody can read may be needed by somebody: its images stay, and the log names them.
many "with a record that cannot be read"
echo garbage > "$(record s2)"
gives 12 xensnap forget web1 < /dev/null
says "and those that cannot be read"
says "$one .* stays, for its snapshot cannot be read"
gives 0 xensnap forget -y web1
says "that no disk is in stay"
holds "$one" 2
[ ! -e "$two" ] || fail "$two, an overlay of a snapshot of which all is known, is still there"
holds "$now" 4
[ ! -e "$dir/store/$vm/images.json" ] || fail "$(cat "$dir/store/$vm/images.json")"
goes_on
holds "$one" 2

# That is why it is done; what stands on it is in the ledger.
many "with an image that nobody can read"
domain_end
machine xvda qcow2 "$dir/other.qcow2"
writable "$two"
printf 'garbage' | dd of="$two" conv=notrunc 2> /dev/null
gives 0 xensnap forget -y web1
says "no image is removed: "
[ ! -e "$dir/store/$vm/journal" ] || fail "it does not end"
gives 0 xensnap list web1
! grep -q s1 "$dir/out" || fail "still listed: $(cat "$dir/out")"
gives 0 xensnap create -e -D -n t1 web1
gives 0 xensnap delete web1 t1

many "with one that was released"
file=$(record s2)
echo garbage > "$file"
gives 0 xensnap release -y web1 "$(basename "$(dirname "$file")")"
gives 0 xensnap forget -y web1
holds "$one" 2
goes_on

# The only copy of what was written to a disk that is somewhere else just now.
case_begin "with a disk that was detached"
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/b.qcow2"
writes 1
gives 0 xensnap create -e -D -n s1 web1
writes 2
detached=$(stored)
domain_end
machine xvdb qcow2 "$(stored xvdb)"
gives 12 xensnap forget web1 < /dev/null
says "$detached .* stays, for a disk went on in it"
gives 0 xensnap forget -y web1
holds "$detached" 2
[ -e "$dir/a.qcow2" ] || fail "what it stands on is gone"

# What it is started with is not ours to know.
many "a VM that does not run"
domain_end
gives 12 xensnap forget "$vm" < /dev/null
says "$one .* stays, for the VM does not run"
gives 0 xensnap forget -y "$vm"
holds "$one" 2
[ ! -e "$dir/store/$vm/images.json" ] || fail "$(cat "$dir/store/$vm/images.json")"
machine xvda qcow2 "$now" xvdb qcow2 "$now_b"
goes_on

case_begin "another VM's domain with the UUID"
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -e -D -n s1 web1
now=$(stored)
domain_end
qemu-img create -q -f qcow2 "$dir/other.qcow2" 64M
domain_config pv xvda qcow2 rw "$dir/other.qcow2" | sed 's/^name .*/name other/' | domain create > "$dir/domid"
gives 13 xensnap forget -y "$vm"
gives 0 xensnap list "$vm"
says s1
[ -e "$now" ] || fail "its disk is gone"

many "with a ledger that cannot be read nothing is removed"
echo '{' > "$dir/store/$vm/images.json"
gives 0 xensnap forget -y web1
[ -e "$one" ] && [ -e "$two" ] || fail "$(ls "$dir/store/$vm")"
holds "$(stored)" 4
gives 0 xensnap create -D -n t1 web1

for step in let-go give-up tags snapshots images ledger; do
    for when in before after; do
        many "killed $when $step"
        kill_at "$when" "$step" xensnap forget -y web1
        [ ! -e "$one" ] || gives 0 xensnap forget -y web1
        forgotten
    done
done

for step in give-up snapshots images; do
    many "killed with the agent after $step"
    kill_both $step xensnap forget -y web1
    comes_back
    forgotten
done

case_begin "a VM that is in its own images, stopped"
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -D -n s1 web1
gives 0 xensnap create -e -D -n s2 web1
writes 2
gives 0 xensnap delete web1 s2
domain_end
gives 0 xensnap forget -y "$vm"
nothing_is_left() {
    [ ! -e "$dir/store/$vm" ]
}
wait_for 10 nothing_is_left || fail "left: $(ls -a "$dir/store/$vm")"
holds "$dir/a.qcow2" 2
[ "$(qemu-img snapshot -l "$dir/a.qcow2" | grep -c xensnap)" = 0 ] || fail "a snapshot is left inside"

many "what another version has begun, and a guest that stands still"
gives 0 agent_end TERM
domain pause "$(domid)"
printf '{"vm":"%s","domid":%s,"home":0,"id":"x","snapshot":"%s","request":[%s]}\n{"step":"prepare"}\n{"step":"pause"}\n' \
    "$vm" "$(domid)" bbb00a5e-14dd-4f1b-bf46-760857fe34b4 \
    '["operation","create"],["name","s"],["memory","no"],["compress","yes"]' > "$dir/store/$vm/journal"
ways_agent
gives 0 xensnap forget -y web1
[ "$(life)" = running ] || fail "it is $(life)"
forgotten
gives 4 xensnap forget -y nobody
echo ok
