#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Whoever is killed or hangs while a guest's file systems are frozen: they are thawed soon, and nothing is left.
. "$(dirname "$0")/quiesce.sh"

guestd_start

# What follows happens while the file systems are frozen: QEMU is stopped, so that the transaction takes its time.
# ends CODE WHAT
ends() {
    local code=0
    kill -CONT "$qemu"
    wait $cli || code=$?
    [ $code = "$1" ] || fail "$2: exit code $code instead of $1: $(cat "$dir/held")"
    thawed || fail "$2: frozen"
    wait_for 10 store_is_empty || fail "$2: the store is not empty"
    [ "$(tags)" = 0 ] || fail "$2: the image holds a snapshot"
}

store_is_empty() {
    [ -z "$(ls "$dir/store")" ]
}

token() {
    xenstore-read $tree/action | cut -d ' ' -f 2
}

slow_hook() {
    mkdir -p "$hook"
    printf '#!/bin/sh\n[ $1 = thaw ] || timeout 1 tail -f /dev/null\ntrue\n' > "$hook/slow"
    chmod +x "$hook/slow"
}
slow_hook

# begin: QEMU is stopped while a hook of the freeze runs, which is behind all that is asked of it before.
begin() {
    "$build/xensnap" create -D --quiesce web1 > "$dir/held" 2>&1 &
    cli=$!
    wait_for 10 grep -qs '"step":"freeze"' "$dir/store/$vm/journal" || fail "no freeze: $(cat "$dir/held")"
    kill -STOP "$qemu"
    wait_for 10 frozen_and_told || fail "it does not freeze: $(cat "$dir/held" "$dir/guestd.log")"
}

begin
# The guard has a connection of its own, and of the daemon's none: it would outlive the daemon, and keep its watches.
sockets=$(find "/proc/$(pgrep -P $guestd)/fd" -lname 'socket:*' | wc -l)
[ "$sockets" = 1 ] || fail "the guard holds $sockets sockets"
kill -KILL $guestd
wait_for 3 thawed || fail "guestd was killed, and it is still frozen"
wait_for 3 says "failed $(token)" || fail "the guard does not answer: $(xenstore-ls $tree)"
ends 11 "guestd killed"
grep -q 'did not stay frozen: xensnap-guestd was killed' "$dir/held" || fail "$(cat "$dir/held")"
guestd_start

begin
kill -TERM $guestd
wait_for 3 thawed || fail "guestd was stopped, and it is still frozen"
ends 11 "guestd stopped"
[ -z "$(xenstore-read $tree/feature)" ] || fail "it still says that it can freeze"
guestd_start

begin
pkill -KILL -P "$agent" xensnap-worker
wait_for 5 thawed || fail "the worker was killed, and it is still frozen"
ends 17 "worker killed"

begin
kill -TERM $cli
wait_for 5 thawed || fail "it was cancelled, and is still frozen"
ends 12 "cancelled"

begin
kill -KILL $agent
wait_for 5 thawed || fail "the agent was killed, and it is still frozen"
kill -CONT "$qemu"
agent_start
wait_for 10 store_is_empty || fail "agent killed: the store is not empty"
wait $cli
[ "$(tags)" = 0 ] || fail "agent killed: the image holds a snapshot"

# Dom0 says nothing more: the daemon thaws by itself; and if it hangs, its guard does.
rm -r "$GUEST_DOUBLE"/hooks
xenstore-write $tree/action 'freeze lonely 2'
wait_for 3 says 'frozen lonely 0' || fail "it does not freeze: $(xenstore-ls $tree)"
frozen || fail "it says frozen and is not"
xenstore-write $tree/action 'thaw another'
wait_for 4 thawed || fail "the timer does not thaw"
wait_for 3 says 'failed lonely' || fail "$(xenstore-ls $tree)"
xenstore-write $tree/action 'freeze stopped 2'
wait_for 3 says 'frozen stopped 0' || fail "it does not freeze: $(xenstore-ls $tree)"
kill -STOP $guestd
wait_for 6 thawed || fail "the guard does not thaw"
wait_for 3 says 'failed stopped' || fail "$(xenstore-ls $tree)"
xenstore-write $tree/action 'thaw stopped'
kill -CONT $guestd
wait_for 3 says 'failed stopped' || fail "a thaw that came too late is answered: $(xenstore-ls $tree)"
for action in 'freeze' 'freeze x' 'freeze x 1000' 'frobnicate x 2' 'freeze x/y 2' "$(printf 'freeze %0100d 2' 1)"; do
    xenstore-write $tree/action "$action"
done
xenstore-write $tree/action 'freeze last 5'
wait_for 3 says 'frozen last 0' || fail "it does not take up the next one: $(xenstore-ls $tree)"
xenstore-write $tree/action 'thaw last'
wait_for 3 says 'thawed last' || fail "it does not thaw: $(xenstore-ls $tree)"

kill -TERM $guestd
wait $guestd || fail "guestd ended with exit code $?: $(cat "$dir/guestd.log")"
gives 0 agent_end TERM
