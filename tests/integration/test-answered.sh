#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An agent that is killed when it has just answered: its worker is still removing the journal when the next one starts, and
# what was answered as done stays so.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

status=/local/domain/0/snapshot/status/heard
xenstore-write /local/domain/0/snapshot/request "create id=heard domain=5 name=s memory=no"
ended() {
    xenstore-exists $status/finished
}
wait_for 20 ended || fail "no end of the create"
is_done() {
    [ "$(xenstore-read $status/state)" = 'done' ] || fail "$1: $(xenstore-ls $status)"
}
is_done "the create"
before=$(xenstore-ls $status)

# In the worker's place: it holds the journal, and removes it when the next agent has begun to wait for it.
gives 137 agent_end KILL
printf '{"vm":"%s","domid":5,"home":0,"id":"heard","snapshot":"%s","request":[["operation","create"],["name","s"],["memory","no"]]}\n' \
    "$vm" "$(basename "$(dirname "$dir"/store/*/*/snapshot.json)")" > "$dir/store/$vm/journal"
flock "$dir/store/$vm/journal" sh -c "
    until grep -q 'recovery of create' '$dir/agent.log'; do sleep 0.05; done
    rm '$dir/store/$vm/journal'" &
held() {
    ! flock -n "$dir/store/$vm/journal" true
}
wait_for 10 held || fail "nobody holds the journal"
: > "$dir/agent.log"
agent_start
wait_for 20 grep -q 'request heard: create of domain .* after' "$dir/agent.log" || fail "the recovery does not end"
[ "$(xenstore-ls $status)" = "$before" ] || fail "what was answered has changed from $before to $(xenstore-ls $status)"
gives 0 agent_end TERM
echo ok
