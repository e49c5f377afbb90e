#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# The command line does the main job, by name, domid and UUID; Ctrl-C cancels; exit codes tell. So do the examples that
# other toolstacks may start from: one on libxensnap, one in shell.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

# gives CODE COMMAND...: it exits with that code.
gives() {
    local want=$1 got=0
    shift
    "$@" > /tmp/out 2>&1 || got=$?
    [ $got = "$want" ] || fail "exit code $got instead of $want from: $* : $(cat /tmp/out)"
}

fresh_start
guest_start g pv
gives 0 xensnap create -n s1 -d 'as agreed' g
gives 5 xensnap create -n s1 "$(guest_domid g)"
gives 0 xensnap list g
grep -q '^\*\? *s1 ' /tmp/out || fail "the list: $(cat /tmp/out)"
gives 0 xensnap list --json g
python3 -c 'import json; e, = json.load(open("/tmp/out")); assert e["name"] == "s1" and e["current"] is True, e' ||
    fail "the list as JSON: $(cat /tmp/out)"
gives 4 xensnap revert g nosuch
gives 4 xensnap list nosuch

xensnap create -n s2 g > /tmp/cancelled 2>&1 &
cli=$!
saving() {
    grep -rqs '"step":"save"' "$store"/*/journal
}
wait_for 30 saving || fail "it does not begin"
kill -TERM $cli
result=0
wait $cli || result=$?
[ $result = 12 ] || fail "exit code $result after a cancel: $(cat /tmp/cancelled)"
[ "$(tags g)" = 1 ] || fail "a cancelled create left something"

vm=$(basename "$(ls -d "$store"/*-*)")
gives 0 xensnap revert -p "$vm" s1
[ "$(xl list g | awk '$1 == "g" { print substr($5, 3, 1) }')" = p ] || fail "it is not paused: $(xl list g)"
guest_mark g
xl unpause g
guest_wait_first_tick g
gives 0 xensnap revert g s1
guest_wait_first_tick g
check guest_unharmed g
gives 0 xensnap status g
gives 0 xensnap delete g s1

create_sh=$(dirname "$0")/../docs/examples/create.sh
gives 0 example-create g in-c
grep -q ': done$' /tmp/out || fail "the example in C: $(cat /tmp/out)"
gives 4 example-create g in-c # XENSNAP_EXISTS
gives 0 sh "$create_sh" in-shell "$(guest_domid g)"
[ "$(tail -n 1 /tmp/out)" = 'done' ] || fail "the example in shell: $(cat /tmp/out)"
gives 1 sh "$create_sh" in-shell "$(guest_domid g)"
grep -q '^exists$' /tmp/out || fail "the example in shell: $(cat /tmp/out)"
[ "$(list_names g | xargs)" = 'in-c in-shell' ] || fail "the examples made: $(list_names g)"
note "the examples"
agent_stop
gives 18 xensnap --timeout 3 list g
agent_start
nothing_left_over
