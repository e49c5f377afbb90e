#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deadline: 600
# A real guest asks for itself: what the policy allows is done, all else is refused, by the agent or by xenstored.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/policy.sh

fresh_start
policy '[agent]'
guest_start g pv
is_closed g || fail "without a policy, the request node has $(door g)"
guest_may_not g 'xs write snapshot/request list'
guest_may_not g 'xs mkdir snapshot/request/r1'
guest_may_not g 'xs write name other'
note "no section, no rights"

policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0' 'max-snapshots = 2'
is_open g || fail "with a policy, the request node has $(door g)"
[ "$(operations g)" = 'create list' ] || fail "operations: $(operations g)"
[ "$(guest_ask g 'xs read snapshot/operations')" = 'create list' ] || fail "the guest cannot read its operations"

# It is in its own snapshot; the status is there for it to read, and not to write.
guest_gets g 'done' 'create name=one'
first=$id
[ "$(guest_ask g "xs read snapshot/status/$first/state")" = 'done' ] || fail "the guest cannot read its answer"
guest_may_not g "xs write snapshot/status/$first/state failed"
guest_may_not g "xs rm snapshot/status/$first"
guest_may_not g 'xs write snapshot/list/count 7'
guest_may_not g 'xs rm snapshot/operations'
note "create"

for line in 'delete name=one' 'revert name=one' 'cancel request=x' 'create memory=/var/tmp/x' 'create dry-run=yes' \
    'create disk-xvda=format=qcow2,target=/var/tmp/x.qcow2'; do
    guest_gets g denied "$line"
done
[ ! -e /var/tmp/x ] || fail "a guest has made a file"
for other in 0 Domain-0 nosuch 9999 11111111-89ab-4cde-8f01-23456789abcd; do
    guest_gets g denied "list domain=$other"
    [ "$message" = 'this domain may not ask for anything about that one' ] || fail "about $other: $message"
done
guest_gets g invalid 'create colour=red'
agent_said 0 "name \"g\") request $id: create of itself: refused by \[guest \"g\"\] (line 1): invalid: unknown key colour" ||
    fail "no audit line"
note "refusals"

# A privileged guest: it may ask about h, and sees no more of others than before.
guest_start h pv
policy '[guest "g"]' 'allow = create delete list' 'min-interval = 0' 'targets = self h*'
guest_gets g 'done' 'create name=by-g memory=no domain=h'
is_listed h by-g || fail "it is not h's"
guest_gets g 'done' 'delete name=by-g domain=h'
guest_gets g denied 'create memory=no domain=0'
guest_gets g not-found 'create memory=no domain=hh'
is_closed h || fail "h has $(door h)"
guest_destroy h
note "targets"

# It returns from its request once more, in a tree that is as the policy wants it before it runs.
policy '[guest "g"]' 'allow = create list' 'memory = yes' 'min-interval = 0'
guest_gets g 'done' 'create name=here'
created=$id
done0_or_fail "revert domain=g name=here start=paused"
is_open g || fail "the new domain's request node has $(door g)"
[ "$(operations g)" = 'create list' ] || fail "the new domain's operations: $(operations g)"
[ "$(status_of g "$created" returned)" = revert ] || fail "it cannot know that it was brought back"
guest_mark g
xl unpause g
guest_wait_first_tick g
[ "$(guest_ask g "xs read snapshot/status/$created/returned")" = revert ] || fail "the guest does not see that it returns"
guest_gets g 'done' list
note "returned"

# What was asked for with rights that are gone is refused, and what the guest owned goes.
policy '[guest "other"]' 'allow = list'
is_closed g || fail "without rights, the request node has $(door g)"
[ "$(operations g)" = "" ] || fail "without rights, there are operations"
guest_may_not g 'xs write snapshot/request list'
xl rename g other
pkill -HUP -x xensnapd
door_of() {
    xenstore-ls -p "/local/domain/$1/snapshot" | grep -q '^request = .*(n0,b'
}
wait_for 20 door_of "$(xl domid other)" || fail "renamed, and its rights do not follow"
xl rename other g
nothing_left_over
