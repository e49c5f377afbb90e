#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# machine: any
# machine: oxenstored
# deadline: 900
# docs/protocol.md, sentence by sentence, as a guest sees it that policy allows everything but other targets.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/policy.sh

fresh_start
more=$(mktemp -d)
guest_program "$more" xenstore-read xenstore-write xenstore-rm xenstore-list xenstore-exists xenstore-ls
cp "$(dirname "$0")"/../conformance/protocol.sh "$more/"
guest_initrd "$more" /var/tmp/initrd-conformance
rm -rf "$more"
policy '[guest "g"]' 'allow = create list delete revert cancel' 'memory = yes' 'min-interval = 0' 'max-pending = 16'
GUEST_SED='s,^ramdisk=.*,ramdisk="/var/tmp/initrd-conformance",' guest_start g pv
wait_for 30 is_open g || fail "the guest may not ask: $(door g)"
guest_ask g 'sh /protocol.sh > /conformance' 600 || {
    guest_ask g 'grep -A 1 "^not ok" /conformance; tail -n 1 /conformance' > /tmp/conformance
    fail "$(cat /tmp/conformance)"
}
said=$(guest_ask g 'grep -c "^ok" /conformance')
note "$said sentences hold"
[ "$said" -gt 150 ] || fail "so few sentences"
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
nothing_left_over
