#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# A real guest asks for itself: how much and how often it may, what becomes of a wrong policy, and of junk in its node.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/policy.sh

fresh_start
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0' 'max-snapshots = 2'
guest_start g pv
guest_gets g 'done' 'create name=one memory=no'

# Both forms; the same ID again is the same request.
check guest_ask g 'xs put snapshot/request/r1 operation create name two memory no'
id=r1
await g
[ "$state" = 'done' ] || fail "the directory: $state $error"
check guest_ask g 'xs put snapshot/request/r1 operation create name three memory no'
guest_gets g quota 'create name=three memory=no'
! is_listed g three || fail "an ID was taken twice"
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 3600'
guest_gets g busy 'create name=three memory=no'
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0' 'max-pending = 1'
# In one line, so that the first, which saves memory, cannot have ended when the other is read.
check guest_ask g 'r=snapshot/request; xs put $r/saves operation create name slow; xs put $r/too-soon operation create memory no'
id=too-soon
await g
[ "$state $error" = 'rejected busy' ] || fail "with one pending, another is $state $error"
id=saves
await g
[ "$state" = 'done' ] || fail "with another one refused: $state $error"
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0' 'max-bytes = 1M'
guest_gets g quota 'create name=three'
note "limits"

uuid=$(xs_read "/local/domain/$(guest_domid g)/vm")
policy '[guest "*"]' 'allow = create delete list' "[guest \"uuid:${uuid#/vm/}\"]" 'allow = list'
[ "$(operations g)" = list ] || fail "by its UUID it may: $(operations g)"
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0' 'max-bytes = 1M'
note "a section by UUID"

# A wrong file is refused whole: what stood in the one before it still holds, for the guest that runs, too.
cp "$config" /run/right.conf
printf '%s\n' '[guest "g"]' 'allow = list' 'colour = red' > "$config"
from=$(stat -c %s "$agent_log")
pkill -HUP -x xensnapd
logs_line "$agent_log" "$from" 20 "$config:3: unknown key colour" ||
    fail "a wrong file, and the log says: $(tail -n 3 "$agent_log")"
[ "$(operations g)" = 'create list' ] || fail "after a wrong file, operations: $(operations g)"
guest_gets g quota 'create name=three'
said=$(xensnap policy check "$config" 2>&1) && fail "policy check: nothing is wrong"
[[ $said == *"$config:3: unknown key colour"* ]] || fail "policy check: $said"
agent_stop
said=$(timeout 30 xensnapd 2>&1) && fail "the agent starts with a wrong file"
[[ $said == *"$config:3: unknown key colour"* ]] || fail "the agent does not start, and says: $said"
cp /run/right.conf "$config"
said=$(xensnap policy check "$config" 2>&1) || fail "policy check: $said"
agent_start
is_open g || fail "a new agent, and the request node has $(door g)"
said=$(xensnap policy explain g)
for line in 'section: *\[guest "g"\]' "from: *$config:1" 'allow: *create list' 'max-bytes: *1.0M'; do
    grep -qx "$line" <<< "$said" || fail "policy explain lacks '$line': $said"
done
note "a wrong file"

# What it does to its node does not last.
is_tidy() {
    is_open g && [ "$(xenstore-list "/local/domain/$(guest_domid g)/snapshot/request")" = "" ]
}
check guest_ask g 'xs rm snapshot/request'
wait_for 20 is_tidy || fail "a request node that the guest removed does not come back"
check guest_ask g 'xs mkdir snapshot/request/empty'
check guest_ask g 'xs write snapshot/request/deep/a/b/c/d 1'
check guest_ask g 'xs write snapshot/request/@@@ 1'
wait_for 20 is_tidy || fail "junk stays: $(xenstore-ls "/local/domain/$(guest_domid g)/snapshot/request")"
guest_gets g 'done' list
note "junk"
nothing_left_over
