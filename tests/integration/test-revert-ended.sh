#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A domain that a revert has brought back, and that has run and ended before its journal was seen to, is not brought back a
# second time.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start
xen=14
AGENT_SECONDS=60 # a recovery that brings a domain back comes first

# config: as the administrator has it.
config() {
    sed '/^mark /d' "$dir/store/$vm/config.json"
}

# workers_gone: there is none.
workers_gone() {
    ! pgrep -f -- "xensnap-worker.*$dir/" > /dev/null
}

# undone: a revert has only not let the guest go, the agent has gone, and the administrator has let it go.
undone() {
    touch "$dir/unpause-fails"
    gives $xen xensnap revert web1 s
    [ "$(life)" = paused ] || fail "the domain is $(life)"
    kill -KILL $agent
    pkill -KILL -f -- "xensnap-worker.*$dir/"
    wait_for 10 workers_gone || fail "the worker stays"
    rm "$dir/unpause-fails"
    grep -q '"unpause"' "$dir/store/$vm/journal" || fail "journal: $(cat "$dir/store/$vm/journal")"
    domain unpause "$(domid)" || fail "it cannot be let go"
}

ended() {
    [ -z "$(ls "$dir"/store/*/journal "$dir"/store/*/next.json "$dir"/store/*/kept 2> /dev/null)" ]
}

image() {
    awk '$1 == "disk" && $2 == "xvda" { print $5 }' "$dir/store/$vm/config.json"
}

# It has worked on, and ended, when the next agent comes.
for how in internal external; do
    flags=(-D)
    [ $how = internal ] || flags=(-e -D)
    writes 1
    gives 0 xensnap create "${flags[@]}" -n s web1
    writes 2
    undone
    writes 7
    domain_end
    agent_start
    wait_for 20 ended || fail "it is not finished: $(ls -A "$dir/store/$vm")"
    [ -z "$(domid)" ] || fail "it was started again"
    holds "$(image)" 7

    # So has another of its domains that the administrator has started since: that is nobody's to touch, nor to wait for.
    config | domain create > "$dir/domid" || fail "it cannot be started"
    undone
    writes 8
    domain_end
    config | domain create > "$dir/domid" || fail "it cannot be started"
    writes 9
    theirs=$(domid)
    agent_start
    wait_for 20 ended || fail "it is not finished while $theirs runs: $(ls -A "$dir/store/$vm")"
    [ "$(domid) $(life)" = "$theirs running" ] || fail "it is $(domid) $(life) and not $theirs"
    holds "$(stored)" 9
    [ $how = external ] || gives 0 xensnap delete web1 s
done

# It had no time to write anything: the revert is done once more, and the VM runs.
undone
domain pause "$(domid)"
domain_end
sed -i "1s/^\([a-z]* [0-9]*\) [0-9a-f-]* /\1 00000000-0000-4000-8000-000000000000 /" "$dir/store/$vm/kept" # as after a boot
agent_start
back() {
    [ -n "$(domid)" ] && [ "$(life)" = running ] && ended
}
wait_for 30 back || fail "the revert is not finished"
holds "$(stored)" 1
echo ok
