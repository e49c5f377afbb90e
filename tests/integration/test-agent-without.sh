#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the agent and its worker cannot do without: a worker that cannot open the store says so, and an agent that has lost
# xenstored ends, to be started anew.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start
gives 0 xensnap create -D -n s1 web1

# The store is away, as a disk that is not mounted.
mv "$dir/store" "$dir/away"
echo > "$dir/store"
gives 16 xensnap create -D -n s2 web1
grep -q "cannot open the directory $dir/store" "$dir/out" || fail "it says: $(cat "$dir/out")"
rm "$dir/store"
mv "$dir/away" "$dir/store"
gives 0 xensnap create -D -n s2 web1

# xenstored ends; the agent with it, with a word about it.
gone() {
    ! kill -0 "$agent" 2> /dev/null
}
kill -KILL "$(cat "$dir/xenstored.pid")"
wait_for 10 gone || fail "the agent goes on without xenstored"
result=0
wait "$agent" || result=$?
[ $result = 1 ] || fail "the agent ends with $result: systemd does not start it anew"
grep -q 'the connection to xenstored is lost' "$dir/agent.log" || fail "nobody says why"
echo ok
