#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# libxl's lock on a domain's configuration: a change that another makes meanwhile is kept, and with one who does not let go
# of it the guest goes on, and the create fails.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/kill.sh

fresh_start "LD_PRELOAD=$preload"
guest_start g pv

# Who changes the configuration holds libxl's lock on it meanwhile, and so do we.
vm=$(vm_of g)
stored=/var/lib/xen/userdata-d.$(guest_domid g).$vm.libxl-json
lock=/var/lib/xen/userdata-l.$(guest_domid g).$vm.domain-userdata-lock
# locked LINE: another has it when the guest stands still already; sets held, its descriptor.
locked() {
    hold after pause g "$1"
    exec {held}> "$lock"
    flock $held
    let_go
}
locked 'create name=l memory=no type=external'
python3 - "$stored" << 'PY'
import json, sys
d = json.loads(open(sys.argv[1]).read().rstrip("\0"))
d["on_crash"] = "preserve"
open(sys.argv[1], "w").write(json.dumps(d) + "\0")
PY
rm "$lock"
exec {held}>&-
await g
[ "$state" = done ] || fail "with the lock held for a moment: $state $error"
grep -q '"on_crash": *"preserve"' "$stored" || fail "another's change is lost"
grep -q "$vm/disk_xvda" "$stored" || fail "our change is lost"
disks_agree g
done_or_fail g 'delete name=l'
[ ! -e "$lock" ] || fail "the lock is left over"
note "a lock that is held for a moment"
locked 'create name=l memory=no type=external'
stands_still() {
    [[ $(xl list g | awk 'NR == 2 { print $5 }') == *p* ]]
}
wait_for 20 stands_still || fail "the guest is not paused for the switch"
# libxl reads nothing while the lock is held, so that the answer may have to wait; the guest must not.
guest_wait_tick g $(($(guest_tick g) + 3)) 60
rm "$lock"
exec {held}>&-
await g
[ "$state $error" = 'failed busy' ] || fail "with the lock held: $state $error"
disks_agree g
no_trace_of g
check guest_unharmed g
note "a lock that stays"
nothing_left_over
