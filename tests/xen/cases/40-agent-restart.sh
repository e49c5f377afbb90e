#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# The agent is killed and started again with guests running: the same listing, the next request works, domains that
# came meanwhile are served, and one that went is still listed and can be brought back.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g pv
done_or_fail g 'create name=s1 description="kept"'
list=$(xenstore-ls "/local/domain/$(guest_domid g)/snapshot/list" | grep -v generation)
epoch=$(xs_read "/local/domain/$(guest_domid g)/snapshot/epoch")
agent_kill
guest_start late pv
agent_start
[ "$(xenstore-ls "/local/domain/$(guest_domid g)/snapshot/list" | grep -v generation)" = "$list" ] ||
    fail "another listing"
[ "$(xs_read "/local/domain/$(guest_domid g)/snapshot/epoch")" = "$epoch" ] || fail "another epoch"
done_or_fail late 'create name=x'
done_or_fail g 'create name=s2'
done_or_fail g 'revert name=s1'
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g

# A request that waits while no agent runs is taken when one starts.
agent_stop
id=waiting
xenstore-write "/local/domain/$(guest_domid g)/snapshot/request" "delete name=s2 id=$id"
agent_start
await g
[ "$state" = done ] || fail "a request from before the start: $state $error"

# A VM that is not running is reverted by its name, from dom0's tree.
guest_destroy g
guest_mark g
xenstore-write /local/domain/0/snapshot/request 'revert domain=g name=s1 id=back'
xs appear /local/domain/0/snapshot/status/back/finished 60 || fail "no end of the revert"
[ "$(xs_read /local/domain/0/snapshot/status/back/state)" = done ] ||
    fail "$(xs_read /local/domain/0/snapshot/status/back/message)"
guest_wait_first_tick g
check guest_unharmed g

# SIGHUP looks again and changes nothing; SIGTERM ends it with exit code 0.
pkill -HUP -x xensnapd
done_or_fail g 'list'
agent_stop
nothing_left_over
