# SPDX-License-Identifier: LGPL-2.1-or-later
# For the tests of freezing a guest's file systems, which source it with BUILD as their argument: the agent, its worker,
# a real QEMU, and xensnap-guestd over a double of file systems (guest-double.c).
# shellcheck shell=bash
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

# With the answer of the one who froze: who dies in the middle of it leaves half of a message, and xenstored waits for
# the rest while the guard, which inherits the socket, lives.  A guest's kernel passes on whole messages alone.
frozen_and_told() {
    frozen && [[ $(xenstore-read $tree/status) == "frozen $(token) "* ]]
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
