#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deadline: 500
# exhaustive
# A VM that does not run: disk-only snapshots, list, delete and revert by name and by UUID; with memory it has none.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


fresh_start
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=2 size=16M memory=96
vm=$(vm_of g)
done_or_fail g 'create name=s1'
done_or_fail g 'create name=s2 memory=no type=external'
dump_snapshot g s1
dump_snapshot g s2
guest_wait_tick g $(($(guest_tick g) + 3))
guest_type g poweroff
wait_for 60 guest_gone g || fail "no poweroff"

ask0 'create domain=g name=s3'
[ "$error" = unsupported ] || fail "memory of a stopped domain: $state $error"
done0_or_fail 'create domain=g name=s3 memory=no'
done0_or_fail "create domain=$vm name=s4 memory=no type=external"
done0_or_fail 'create domain=g name=s5 memory=no disk-xvdb=external'
[ "$(xs_read "/tool/xensnap/vm/$vm/list/4/state")" = stopped ] || fail "the list does not say stopped"
ask0 'create domain=g name=s4 memory=no'
[ "$error" = exists ] || fail "a name was taken twice: $state $error"
note "three snapshots while it is stopped"
done0_or_fail 'delete domain=g name=s2'
done0_or_fail 'delete domain=g name=s4'
note "two deleted, of which others are the continuation"
done0_or_fail 'revert domain=g name=s3 start=paused'
for vdev in xvda xvdb; do
    qemu-img check -q -U "$(disks_of g | awk -v v=$vdev '$1 == v { print $3 }')" || fail "$vdev is damaged"
done
guest_mark g
xl unpause g
guest_wait_first_tick g
check guest_unharmed g
disks_agree g
note "s3, by name: boots"
guest_destroy g
guest_mark g
done0_or_fail "revert domain=$vm name=s1 start=paused"
disks_are g s1
xl unpause g
guest_wait_first_tick g
check guest_unharmed g
note "s1 with memory, by UUID"
guest_destroy g
for name in s1 s5 s3; do
    done0_or_fail "delete domain=$vm name=$name"
done
[ -z "$(xenstore-list /tool/xensnap/vm)" ] || fail "still listed: $(xenstore-ls /tool/xensnap/vm)"
nothing_left_over
