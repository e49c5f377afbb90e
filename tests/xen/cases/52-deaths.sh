#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 900
# A domain that is destroyed, reboots or crashes in the middle of an operation: an error word, nothing left of the
# operation, and the VM as good as without it.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


preload=/usr/local/lib/xensnap-tests/killpoint.so
mixed='disk-xvda=internal disk-xvdb=external'

# back: the guest runs again if it does not, from its own disks
back() {
    if guest_gone g; then
        guest_mark g
        check timeout 120 xl create -q /etc/xen/g.cfg "$(cat "$store/$vm/disk.cfg" 2> /dev/null || grep ^disk= /etc/xen/g.cfg)"
    fi
    guest_wait_first_tick g
}

destroyed() {
    xl destroy g
}

rebooted() {
    guest_type g reboot
    wait_for 60 changed_domid || fail "no reboot"
}

crashed() {
    guest_type g crash
    wait_for 60 changed_domid || fail "no restart after a crash"
}

changed_domid() {
    local now
    now=$(guest_domid g) && [ "$now" != "$domid" ]
}

# dies EVENT WHEN STEP LINE: the worker waits there while the domain dies, and then goes on.
dies() {
    local what="$1 $2 $3 of $4"
    domid=$(guest_domid g)
    guest_mark g
    hold "$2" "$3" g "$4"
    "$1"
    let_go
    wait_for 120 no_process xensnap-worker || fail "$what: the worker does not end"
    back
    agent_said 0 "request $id: .* \(failed\|done\|cancelled\)" || fail "$what: no end in the log"
    said=$(grep -a "request $id: .*\(failed\|done\|cancelled\)" "$agent_log" | tail -n 1)
    [[ $said != *failed*libxl* ]] || fail "$what: libxl is blamed: $said"
    nothing_left_over
    done_or_fail g list
    guest_wait_tick g $(($(guest_tick g) + 3))
    check guest_unharmed g
    disks_agree g
    note "$what: ${said#*domain }"
}

fresh_start "LD_PRELOAD=$preload"
GUEST_WORDS='blocks=256 pages=64' GUEST_EXTRA='on_crash="restart"' guest_start g pv disks=2 size=16M memory=96
vm=$(vm_of g)
sed -i "1i uuid=\"$vm\"" /etc/xen/g.cfg
done_or_fail g "create name=base memory=no $mixed"

dies destroyed after save "create name=x $mixed"
dies destroyed after disks "create name=x $mixed"
dies destroyed after resume "create name=x $mixed"
dies rebooted after prepare "create name=x memory=no $mixed"
dies crashed after commit "create name=x memory=no $mixed"
is_listed g x || done_or_fail g "create name=x memory=no $mixed"
dies rebooted after unlist 'delete name=x'
is_listed g x || done_or_fail g "create name=x memory=no $mixed"
dies destroyed after merge 'delete name=x'
! is_listed g x || fail "x is listed and half of it is gone"
dies rebooted after prepare 'revert name=base'
dies destroyed after prepare 'revert name=base'
dies destroyed after pause 'revert name=base'
done_or_fail g 'revert name=base'
guest_wait_first_tick g
check guest_unharmed g
for name in $(list_names g); do done_or_fail g "delete name=$name"; done
no_trace_of g
