#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A word is a domid, a UUID or a name.  xl create without uuid= makes another VM each time, and all have one name.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
xenstore-write /local/domain/0/name Domain-0
agent_start

A=aaaaaaaa-89ab-4cde-8f01-23456789abcd
B=bbbbbbbb-89ab-4cde-8f01-23456789abcd
C=cccccccc-89ab-4cde-8f01-23456789abcd
D=dddddddd-89ab-4cde-8f01-23456789abcd

# starts UUID [NAME]
starts() {
    vm=$1
    domain_config pv xvda qcow2 rw "$dir/$vm.qcow2" | sed "s/^name .*/name ${2:-web1}/" | domain create > /dev/null ||
        fail "$vm does not start"
}

ends() {
    domain destroy "$(domid)" || fail "it does not end"
    wait_for 10 is_gone || fail "domain of $vm does not end"
}

is_gone() {
    [ -z "$(domid)" ]
}

# says TEXT...: each is in what the last command said.
says() {
    local text
    for text in "$@"; do
        [[ $(cat "$dir/out") == *"$text"* ]] || fail "not a word of '$text' in: $(cat "$dir/out")"
    done
}

sums() {
    (cd "$dir/store" && find . -name snapshot.json -exec sha256sum {} + | sort)
}

for vm in $A $B $C; do
    qemu-img create -q -f qcow2 "$dir/$vm.qcow2" 16M
    starts $vm
    gives 0 xensnap create -D -n before-upgrade $vm
    [ $vm != $B ] || gives 0 xensnap create -D -n only-b $vm
    ends
done

# Three that do not run: nothing is done to any of them, and each is named with what tells it from the others.
before=$(sums)
for command in "list web1" "delete web1 before-upgrade" "revert web1 before-upgrade"; do
    gives 2 xensnap $command
    says 3 $A $B $C '(1 snapshot, the last of ' '(2 snapshots, the last of '
done
[ "$(sums)" = "$before" ] || fail "something was changed"

# By UUID, in whatever letters.
gives 0 xensnap list ${A^^}
says before-upgrade
gives 0 xensnap delete ${A^^} before-upgrade
gives 0 xensnap delete $C before-upgrade
gives 0 xensnap delete $B before-upgrade

# One alone is found by its name.
gives 0 xensnap list web1
says only-b

# The one that runs is meant, and it is said that there are others.
qemu-img create -q -f qcow2 "$dir/$D.qcow2" 16M
starts $D
gives 0 xensnap create -D -n of-d web1
says "do not run have snapshots, too: $B (1 snapshot,"
gives 4 xensnap delete web1 only-b
says "named only-b; the VM $B of that name"
[ "$(find "$dir/store/$B" -name snapshot.json | wc -l)" = 1 ] || fail "the snapshot of another VM is gone"
gives 0 xensnap list web1
says of-d $B
gives 0 xensnap list --json web1
/usr/bin/python3 -m json.tool < <(grep -v '^xensnap' "$dir/out") > /dev/null || fail "no JSON: $(cat "$dir/out")"

# What runs under another name now is called so, whatever its snapshots say; and what was free is no name of two.
ends
starts $D web2
gives 0 xensnap list web2
says of-d
gives 0 xensnap list web1
says only-b
gives 0 xensnap delete web1 only-b
gives 4 xensnap list web1

# A VM without snapshots is there as long as its directory is.
[ -d "$dir/store/$B" ] || mkdir "$dir/store/$B"
gives 0 xensnap list $B
gives 4 xensnap list eeeeeeee-89ab-4cde-8f01-23456789abcd
gives 9 xensnap list Domain-0
gives 0 agent_end TERM
