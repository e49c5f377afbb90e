#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An agent whose xenstored has gone ends, so that whoever looks after it starts another one: nobody can ask it anything.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start
gives 0 xensnap create -n s1 web1
kill -KILL "$(cat "$dir/xenstored.pid")"
kill -HUP $agent
result=0
wait $agent || result=$?
[ $result = 1 ] || fail "the agent has ended with $result"
grep -q 'xenstored has gone' "$dir/agent.log" || fail "it does not say why"
