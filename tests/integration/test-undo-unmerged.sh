#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A create that is undone while its overlay cannot be merged back, for a backup reads the image below, is undone all the
# same: the domain goes on in the overlay, and nothing else has to wait.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

no_journal() {
    [ ! -e "$dir/store/$vm/journal" ]
}

case_begin "a create that could not let the guest go, and a backup"
base=$dir/b.qcow2
machine xvda qcow2 "$base"
writes 1
gives 0 xensnap create -D -n s0 web1
writes 2
sleep 300 9< "$base" &
holder=$!
touch "$dir/unpause-fails"
gives 14 xensnap create -e -D -n s1 web1
rm "$dir/unpause-fails"
wait_for 20 no_journal || fail "it is in the way of everything: $(ls "$dir/store/$vm")"
[ "$(life)" = running ] || fail "the domain is $(life)"
over=$(top)
[ "$over" != "$base" ] && [ "$(stored)" = "$over" ] || fail "it is in $over, stored is $(stored)"
is "$over" head
[ ! -e "$dir/store/$vm/.creating" ] || fail "the draft is still there"
writes 3
gives 0 xensnap list web1
! grep -q s1 "$dir/out" || fail "it is a snapshot: $(cat "$dir/out")"
gives 0 xensnap create -D -n s2 web1
writes 4
gives 0 xensnap revert web1 s2
holds "$(stored)" 3
kill $holder
gives 0 xensnap delete -n s2 web1
[ "$(top)" = "$base" ] && [ "$(stored)" = "$base" ] && [ ! -e "$over" ] || fail "it is in $(top), stored is $(stored)"
holds "$base" 3
echo ok
