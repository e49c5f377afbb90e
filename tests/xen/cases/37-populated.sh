#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# Memory that is populated on demand is not saved, whoever has it; a domain that was only made smaller is.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh

message_has() {
    local message
    message=$(status_of g "$id" message)
    [[ $message == *"$1"* ]] || fail "it does not say '$1': $message"
}

fresh_start
GUEST_SED='s/^memory=.*/&\nmaxmem=192/' GUEST_WORDS='blocks=256 pages=64' guest_start g pvh disks=1 size=8M memory=128
fingerprint g | grep -v generation > /tmp/before
refused g unsupported create
message_has 'populated on demand'
ask0 'create domain=g dry-run=yes type=external'
[ "$state $error" = 'failed unsupported' ] || fail "a dry run of it is $state $error"
fingerprint g | grep -v generation > /tmp/after
diff /tmp/before /tmp/after || fail "something was changed"
done_or_fail g 'create name=disks memory=no'
done_or_fail g 'delete name=disks'
guest_destroy g
note "PVH below its maxmem"

GUEST_WORDS='blocks=256 pages=64' guest_start g hvm disks=1 size=8M
check xl mem-set g 144
[ "$(xs_read "/local/domain/$(guest_domid g)/memory/target")" -lt "$(xs_read "/local/domain/$(guest_domid g)/memory/static-max")" ] ||
    fail "the target is not lower"
done_or_fail g 'create name=smaller'
# Also when it has been brought back, which leaves nothing to be populated.
done_or_fail g 'revert name=smaller'
guest_wait_first_tick g
done_or_fail g 'create name=again'
done_or_fail g 'delete name=again'
done_or_fail g 'delete name=smaller'
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
note "HVM made smaller"
nothing_left_over
