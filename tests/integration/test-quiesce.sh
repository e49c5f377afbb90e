#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Freezing a guest's file systems: the agent, its worker, xensnap-guestd and a real QEMU.  Whoever is killed or hangs
# meanwhile, the file systems are thawed soon, and no snapshot says of itself what is not so.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
tree=/local/domain/5/snapshot/quiesce
export GUEST_DOUBLE=$dir/guest
hook=$GUEST_DOUBLE/hooks/fsfreeze-hook.d
mkdir -p "$hook" "$GUEST_DOUBLE/hooks/freeze.d"
echo 2 > "$GUEST_DOUBLE/file-systems"

# One that was killed has left its announcement behind.
guestd_start() {
    xenstore-write $tree/feature ''
    "$build/tests/integration/xensnap-guestd" -v >> "$dir/guestd.log" 2>&1 &
    guestd=$!
    wait_for 10 announced || fail "xensnap-guestd does not announce itself: $(cat "$dir/guestd.log")"
}

announced() {
    [ "$(xenstore-read $tree/feature)" = 1 ]
}

frozen() {
    [ -e "$GUEST_DOUBLE/frozen" ]
}

thawed() {
    ! frozen
}

says() {
    [ "$(xenstore-read $tree/status)" = "$1" ]
}

# consistency NAME WORD: what the list says of that snapshot.
consistency() {
    xensnap list -l web1 "$1" | grep -qx "consistency: *$2" || fail "$1 is not $2: $(xensnap list -l web1 "$1")"
}

no_snapshot() {
    [ "$(tags)" = 0 ] || fail "$1: the image holds a snapshot"
    [ -z "$(find "$dir/store" -name snapshot.json -o -name journal)" ] || fail "$1: something is left in the store"
}

xenstored_start
domain_make
agent_start
qemu=$(qemu_pid)
trap 'kill -CONT "$qemu" 2> /dev/null; cleanup' EXIT # a stopped process would not end

# Without a daemon in the guest.
gives 9 xensnap create -D --quiesce web1
grep -q 'xensnap-guestd does not run' "$dir/out" || fail "$(cat "$dir/out")"
no_snapshot "must without a daemon"
gives 0 xensnap create -D --quiesce=try -n tried web1
grep -q '^xensnap: create: not frozen: ' "$dir/out" || fail "no warning: $(cat "$dir/out")"
consistency tried crash
gives 0 xensnap delete web1 tried
gives 2 xensnap create --quiesce web1
gives 2 xensnap create -D --quiesce=maybe web1

# A guest that announces itself, and then writes all sorts of things all the time: others' tokens, half words, a port
# that is none, nodes below the answer.
rubbish() {
    while true; do
        xenstore-write $tree/status "$1" $tree/event-channel 99999999999 $tree/error "$(printf '\033[2J')" $tree/status/x y
        xenstore-rm $tree/status
    done
}
xenstore-write $tree/feature 1
rubbish 'frozen 01234567-89ab-4cde-8f01-23456789abcd 0' 2> /dev/null &
writer=$!
begun=$SECONDS
gives 11 xensnap create -D --quiesce web1
[ $((SECONDS - begun)) -lt 30 ] || fail "a guest that writes rubbish held it up for $((SECONDS - begun)) s"
no_snapshot "rubbish"
kill $writer
wait $writer 2> /dev/null
[[ $(xenstore-read $tree/action) == thaw* ]] || fail "the freeze was not taken back: $(xenstore-read $tree/action)"
xenstore-write $tree/status '' # with the permissions of its parent; the next freeze makes it anew

# With it.
guestd_start
gives 0 xensnap create -D --quiesce -n fs web1
grep -q 'frozen for [0-9]* ms' "$dir/out" || fail "nothing of the freeze: $(cat "$dir/out")"
consistency fs fs
thawed || fail "still frozen"
gives 0 xensnap delete web1 fs
gives 0 xensnap create -D --quiesce -e -n over web1
consistency over fs
gives 0 xensnap delete web1 over
gives 0 xensnap create -D --quiesce=no -n none web1
consistency none crash
gives 0 xensnap delete web1 none
[ "$(grep -c 'thawed 2 file systems; 0 hooks' "$dir/guestd.log")" = 2 ] || fail "$(cat "$dir/guestd.log")"

# A domain that is paused, or does not run.
domain pause 5
gives 9 xensnap create -D --quiesce web1
grep -q paused "$dir/out" || fail "$(cat "$dir/out")"
domain unpause 5

# Hooks: in order, backwards to thaw, and without what editors leave.
for name in 10-a 20-b 20-b.bak 30-c~; do
    printf '#!/bin/sh\necho %s $1 $(ls %s) >> %s\n' "$name" "$GUEST_DOUBLE" "$dir/hooked" > "$hook/$name"
    chmod +x "$hook/$name"
done
cp "$hook/10-a" "$GUEST_DOUBLE/hooks/freeze.d/ours"
echo nothing > "$hook/README"
gives 0 xensnap create -D --quiesce -n app web1
consistency app app
grep -q frozen "$dir/hooked" && fail "a hook ran while the file systems were frozen: $(cat "$dir/hooked")"
[ "$(cut -d ' ' -f 1,2 "$dir/hooked" | tr '\n' ,)" = "10-a freeze,20-b freeze,10-a freeze,10-a thaw,20-b thaw,10-a thaw," ] ||
    fail "hooks: $(cat "$dir/hooked")"
grep -q '"hooks": 3' "$dir"/store/$vm/*/snapshot.json || fail "$(cat "$dir"/store/$vm/*/snapshot.json)"
gives 0 xensnap delete web1 app

# A hook that fails, and one that hangs: nothing is frozen, and what has begun is told to thaw.
printf '#!/bin/sh\n[ $1 = thaw ] || exit 3\n' > "$hook/20-b"
: > "$dir/hooked"
gives 9 xensnap create -D --quiesce web1
grep -q '20-b freeze has failed with exit code 3' "$dir/out" || fail "$(cat "$dir/out")"
[ "$(cut -d ' ' -f 1,2 "$dir/hooked" | tr '\n' ,)" = "10-a freeze,10-a thaw," ] || fail "hooks: $(cat "$dir/hooked")"
no_snapshot "a hook that fails"
gives 0 xensnap create -D --quiesce=try -n tried web1
consistency tried crash
gives 0 xensnap delete web1 tried
printf '#!/bin/sh\n[ $1 = thaw ] || sleep 1000 & wait\n' > "$hook/20-b"
begun=$SECONDS
gives 9 xensnap create -D --quiesce web1
grep -q '20-b freeze took too long and was killed' "$dir/out" || fail "$(cat "$dir/out")"
[ $((SECONDS - begun)) -lt 20 ] || fail "a hook that hangs took $((SECONDS - begun)) s"
pgrep -f '^sleep 1000' > /dev/null && fail "what a hook has started is left over"
no_snapshot "a hook that hangs"
rm -r "$GUEST_DOUBLE"/hooks

# A file system that cannot be frozen.
touch "$GUEST_DOUBLE/refuse"
gives 9 xensnap create -D --quiesce web1
grep -q 'frozen already' "$dir/out" || fail "$(cat "$dir/out")"
rm "$GUEST_DOUBLE/refuse"

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
    wait_for 10 frozen || fail "it does not freeze: $(cat "$dir/held" "$dir/guestd.log")"
}

begin
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

# A new tree, as after a restore: it says again that it is there.
xenstore-write $tree/feature ''
wait_for 3 announced || fail "it does not announce itself again"
gives 0 xensnap create -D --quiesce -n again web1
gives 0 xensnap delete web1 again
kill -TERM $guestd
wait $guestd || fail "guestd ended with exit code $?: $(cat "$dir/guestd.log")"
gives 0 agent_end TERM
