#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# machine: any
# machine: oxenstored
# deadline: 900
# docs/protocol.md, sentence by sentence, on real Xen, with a revert.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g pv
sh "$(dirname "$0")"/../conformance/protocol.sh "$(guest_domid g)" revert > /tmp/conformance ||
    fail "$(grep -A 1 '^not ok' /tmp/conformance; tail -n 1 /tmp/conformance)"
note "$(grep -c '^ok' /tmp/conformance) sentences hold"
[ "$(grep -c '^ok' /tmp/conformance)" -gt 150 ] || fail "so few sentences"
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
nothing_left_over
