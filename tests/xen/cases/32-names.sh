#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# Names are values: spaces, dots, slashes, other alphabets, and two that differ by case; the default is the time.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

fresh_start
guest_start g pv
names=('before upgrade' 'BEFORE upgrade' '../../etc/passwd' 'véra-дом' '1.2-rc*')
for name in "${names[@]}"; do
    done_or_fail g "create name=\"$name\""
    is_listed g "$name" || fail "'$name' is not listed"
done
done_or_fail g 'create'
newest=$(status_of g "$id" name)
[[ $newest =~ ^[0-9]{10}$ ]] || fail "the default name is '$newest'"
[ "$(tags g)" = 6 ] || fail "$(tags g) tags for 6 snapshots"
done_or_fail g 'delete name="before upgrade"'
is_listed g 'BEFORE upgrade' || fail "the other case went too"
done_or_fail g 'revert name="BEFORE upgrade"'
guest_wait_tick g $(($(guest_tick g) + 3))
for name in "${names[@]:1}" "$newest"; do
    done_or_fail g "delete name=\"$name\""
done
[ "$(tags g)" = 0 ] || fail "the image still holds snapshots"
[ -z "$(ls -A "$store")" ] || fail "the store still holds: $(ls -AR "$store")"
[ -z "$(xenstore-list /tool/xensnap/vm 2> /dev/null)" ] || fail "xenstore still holds the VM"
nothing_left_over
