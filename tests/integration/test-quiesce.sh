#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Freezing a guest's file systems: with a daemon in the guest and without, and with a guest that writes rubbish.  No
# snapshot says of itself what is not so.
. "$(dirname "$0")/quiesce.sh"

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

# A file system that cannot be frozen.
touch "$GUEST_DOUBLE/refuse"
gives 9 xensnap create -D --quiesce web1
grep -q 'frozen already' "$dir/out" || fail "$(cat "$dir/out")"
rm "$GUEST_DOUBLE/refuse"

# A new tree, as after a restore: it says again that it is there.
xenstore-write $tree/feature ''
wait_for 3 announced || fail "it does not announce itself again"
gives 0 xensnap create -D --quiesce -n again web1
gives 0 xensnap delete web1 again
kill -TERM $guestd
wait $guestd || fail "guestd ended with exit code $?: $(cat "$dir/guestd.log")"
gives 0 agent_end TERM
