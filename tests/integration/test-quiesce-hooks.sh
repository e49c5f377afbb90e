#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Freezing a guest's file systems: hooks in the guest, in order, failing and hanging.
. "$(dirname "$0")/quiesce.sh"

guestd_start

# Hooks: in order, backwards to thaw, and without what editors leave.
for name in 10-a 20-b 20-b.bak 30-c~; do
    printf '#!/bin/sh\necho %s $1 $(ls %s) >> %s\n' "$name" "$GUEST_DOUBLE" "$dir/hooked" > "$hook/$name"
    chmod +x "$hook/$name"
done
cp "$hook/10-a" "$GUEST_DOUBLE/hooks/freeze.d/ours"
echo nothing > "$hook/README"
gives 0 xensnap create -D --quiesce -n app web1
consistency app app
! grep -q frozen "$dir/hooked" || fail "a hook ran while the file systems were frozen: $(cat "$dir/hooked")"
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
printf '#!/bin/sh\n[ $1 = thaw ] || sleep 1000.%s & wait\n' $$ > "$hook/20-b"
begun=$SECONDS
gives 9 xensnap create -D --quiesce web1
grep -q '20-b freeze took too long and was killed' "$dir/out" || fail "$(cat "$dir/out")"
[ $((SECONDS - begun)) -lt 20 ] || fail "a hook that hangs took $((SECONDS - begun)) s"
hook_is_gone() {
    ! pgrep -f "^sleep 1000\.$$" > /dev/null
}
wait_for 5 hook_is_gone || fail "what a hook has started is left over"
no_snapshot "a hook that hangs"

kill -TERM $guestd
wait $guestd || fail "guestd ended with exit code $?: $(cat "$dir/guestd.log")"
gives 0 agent_end TERM
