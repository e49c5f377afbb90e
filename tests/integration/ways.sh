# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests of the ways out, after ledger.sh: an agent whose workers can be killed at a step.
# shellcheck shell=bash disable=SC2154 # dir, vm, agent and build are lib.sh's

# ways_begin BUILD
ways_begin() {
    ledger_begin "$1"
    agent_end TERM || fail "the agent ends with $?"
    export KILLPOINT=$dir/killpoint ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0
    ways_agent
}

# ways_agent: the agent is there, and its workers die where $KILLPOINT says so.
ways_agent() {
    LD_PRELOAD=$build/tests/kill/killpoint.so agent_start
}

no_journal() {
    [ ! -e "$dir/store/$vm/journal" ]
}

# kill_at WHEN STEP COMMAND...: the worker dies at that step of it, and what it has left is put right.
kill_at() {
    echo "worker $1 $2" > "$KILLPOINT"
    shift 2
    "$@" > "$dir/out" 2>&1
    [ ! -e "$KILLPOINT" ] || fail "it never came there: $(cat "$KILLPOINT" "$dir/out")"
    wait_for 20 no_journal || fail "a journal is left: $(cat "$dir/store/$vm/journal")"
}

killed() {
    [ ! -e "$KILLPOINT" ] && ! kill -0 "$agent" 2> /dev/null
}

# kill_both STEP COMMAND...: the agent and its worker die after that step of it; nobody has come back yet.
kill_both() {
    echo "both after $1" > "$KILLPOINT"
    shift
    "$@" > "$dir/out" 2>&1 &
    wait_for 20 killed || fail "it never came there"
    wait "$agent" 2> /dev/null
}

# comes_back: the next agent has put right what was left.
comes_back() {
    ways_agent
    wait_for 20 no_journal || fail "a journal is left: $(cat "$dir/store/$vm/journal")"
}
