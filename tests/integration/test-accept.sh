#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# xensnap accept: what runs now is the VM.  The refusals for which it is the way out end, and nothing is removed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/ways.sh"
ways_begin "$1"

# works: a snapshot can be made of it, gone back to and deleted; it holds VALUE.
works() {
    gives 0 xensnap create -e -D -n t1 web1
    writes 70
    gives 0 xensnap revert web1 t1
    holds "$(stored)" "$1"
    gives 0 xensnap delete web1 t1
    holds "$(stored)" "$1"
}

# old_cfg: the VM is started with its old xl.cfg, where the images are not protected.
old_cfg() {
    domain_end
    writable "$base" "$one"
    machine xvda qcow2 "$base"
    writes 9
}

old_cfg_is_accepted() {
    [ "$(role "$base")" = head ] || return 1
    [ -e "$one" ] && [ -e "$two" ] || fail "an image is gone"
    is "$one" head
    is "$two" head
    gives 0 xensnap list web1
    ! grep -q 's[12]' "$dir/out" || fail "what was written to is still a snapshot: $(cat "$dir/out")"
    [ "$(ls -d "$dir/store/$vm"/damaged-* | wc -l)" = 2 ] || fail "$(ls "$dir/store/$vm")"
}

two "the VM was started with its old xl.cfg"
old_cfg
gives 13 xensnap create -D -e -n t1 web1
says "xensnap accept $vm"
# Nobody answers: what would be given up is said, and nothing is done.
cp "$dir/store/$vm/images.json" "$dir/images.before"
gives 12 xensnap accept web1 < /dev/null
says "disk xvda is in $base"
says "$two stays, and no disk is in it"
says 'snapshot s1 (.*) is given up: the domain has written to it'
says 'snapshot s2 (.*) is given up'
cmp "$dir/images.before" "$dir/store/$vm/images.json" || fail "something was done"
gives 2 xensnap accept --json web1
gives 0 xensnap accept -y web1
says 'accept: snapshot s1 is not what was saved any more, .*; snapshot s2 is not'
old_cfg_is_accepted || fail "$base is $(role "$base")"
works 9
# What is nobody's any more can be given up, from above.
gives 6 xensnap release -y web1 "$one"
says "is needed: $two stands on it"
gives 0 xensnap release -y web1 "$two"
rm "$two"
gives 0 xensnap release -y web1 "$one"
[ -e "$one" ] || fail "it was removed"
rm "$one"
works 9

for step in let-go ledger set-aside files; do
    for when in before after; do
        two "killed $when $step"
        old_cfg
        kill_at "$when" "$step" xensnap accept -y web1
        old_cfg_is_accepted || { gives 0 xensnap accept -y web1; old_cfg_is_accepted || fail "$base is $(role "$base")"; }
        works 9
    done
done

two "killed with the agent after ledger"
old_cfg
kill_both ledger xensnap accept -y web1
comes_back
old_cfg_is_accepted || fail "$base is $(role "$base")"
works 9

two "another VM has the UUID"
domain_end
qemu-img create -q -f qcow2 "$dir/other.qcow2" 64M
domain_config pv xvda qcow2 rw "$dir/other.qcow2" | sed 's/^name .*/name other/' | domain create > "$dir/domid"
writes 9
gives 13 xensnap create -D -n t1 "$vm"
says "or, if it is the VM: xensnap accept $vm"
gives 0 xensnap accept -y "$vm"
gives 0 xensnap create -D -n t1 "$vm"
gives 0 xensnap delete "$vm" t1
[ -e "$one" ] && [ -e "$two" ] || fail "an image is gone"
gives 0 xensnap list "$vm"
says s2

# As what another version has begun may leave it, just before the guest's writes went into another image.
two "the configuration names another image than QEMU has"
sed -i "s,$two,$one,g" "$dir/userdata/$(domid)"
gives 0 xensnap accept -y web1
! grep -q "accept, which was begun" "$dir/agent.log" || fail "it gives itself up"
says "disk xvda is in $two, and the configuration said $one"
grep -q "$two" "$dir/userdata/$(domid)" || fail "the next reboot is from $(cat "$dir/userdata/$(domid)")"
grep -q "$two" "$dir/store/$vm/config.json" || fail "stored is another one"
works 3

two "the configuration names an image that nobody knows"
sed -i "s,$two,$dir/a.qcow2.other,g" "$dir/userdata/$(domid)"
sed -i "s,\"vdev\": \"xvda\",\"vdev\": \"xvdq\"," "$dir/store/$vm/images.json"
gives 13 xensnap accept -y web1
says "which image it is in is not known"
wait_for 10 no_journal || fail "a journal is left of what was refused"
is "$one" content

two "an image stands on another one than before"
domain_end
writable "$base" "$one"
cp "$base" "$dir/b.qcow2"
qemu-img rebase -u -F qcow2 -b "$dir/b.qcow2" "$one"
machine xvda qcow2 "$two"
gives 13 xensnap delete web1 s2
says "has to stand on $base; if that is right: xensnap accept $vm"
gives 0 xensnap accept --dry-run web1
says "$one stands on $dir/b.qcow2, and stood on $base"
gives 0 xensnap accept -y web1
gives 0 xensnap delete web1 s2
holds "$(stored)" 3

two "a ledger that cannot be read"
echo '{' > "$dir/store/$vm/images.json"
gives 13 xensnap delete web1 s2
says "xensnap accept"
gives 0 xensnap accept -y web1
says "is set aside"
[ -e "$dir/store/$vm/images.json.damaged" ] || fail "$(ls "$dir/store/$vm")"
gives 0 xensnap create -D -e -n t1 web1
gives 0 xensnap delete web1 t1
gives 0 xensnap revert web1 s1
holds "$(stored)" 1
[ -e "$base" ] && [ -e "$one" ] && [ -e "$two" ] || fail "what nobody knows is removed"

two "a trash that cannot be read"
mkdir "$dir/store/$vm/.trash"
echo garbage > "$dir/store/$vm/.trash/snapshot.json"
gives 13 xensnap delete web1 s2
gives 0 xensnap accept -y web1
says 'is damaged-'
gives 0 xensnap delete web1 s2
holds "$(stored)" 3

# ---- what was begun

# Somebody has started the VM while a revert was not finished: neither is touched, until this is said to be the VM.
two "a domain that was started in the middle of a revert"
gives 0 xensnap create -D -n inside web1
writes 5
old=$(domid)
domain config "$old" | sed '/^mark /d' > "$dir/admins.cfg"
kill_both restore xensnap revert web1 inside
domain_end
domain create < "$dir/admins.cfg" > "$dir/domid" || fail "nobody can start it"
theirs=$(domid)
writes 6
ways_agent
gives 6 xensnap create -D -n t1 web1
says "xensnap accept"
gives 0 xensnap accept -y web1
[ "$(domid) $(life)" = "$theirs running" ] || fail "it is $(domid) $(life) and not $theirs"
wait_for 10 no_journal || fail "a journal is left"
[ ! -e "$dir/store/$vm/next.json" ] && [ ! -e "$dir/store/$vm/kept" ] || fail "$(ls "$dir/store/$vm")"
holds "$two" 6
works 6
gives 0 xensnap revert web1 inside
holds "$(stored)" 3

# A journal of another version, with a guest that it made stand still.
two "what another version has begun"
gives 0 agent_end TERM
domain pause "$(domid)"
printf '{"vm":"%s","domid":%s,"home":0,"id":"x","snapshot":"%s","request":[%s]}\n{"step":"prepare"}\n{"step":"pause"}\n' \
    "$vm" "$(domid)" bbb00a5e-14dd-4f1b-bf46-760857fe34b4 \
    '["operation","create"],["name","s"],["memory","no"],["compress","yes"]' > "$dir/store/$vm/journal"
ways_agent
gives 6 xensnap create -D -n t1 web1
says "give it up: xensnap accept $vm"
gives 0 xensnap accept -y web1
wait_for 10 no_journal || fail "a journal is left"
[ "$(life)" = running ] || fail "it is $(life)"
works 3

# ---- a VM that does not run

two "stopped: what its configuration names"
domain_end
gives 0 xensnap accept -y "$vm"
machine xvda qcow2 "$two"
works 3

two "stopped, and nobody knows what it has"
domain_end
echo '{' > "$dir/store/$vm/config.json"
gives 13 xensnap accept -y "$vm"
says "start it, and accept it then"
machine xvda qcow2 "$two"
gives 0 xensnap accept -y web1
works 3
gives 4 xensnap accept -y nobody
echo ok
