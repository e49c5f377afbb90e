#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# Bad requests of every kind get their error word and change nothing.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

# refused_directory STATE WORD KEY VALUE [KEY VALUE]...: the form with a directory.
refused_directory() {
    local word="$1 $2" base pairs=()
    shift 2
    asked=$((asked + 1))
    id=d$$-$asked
    base=/local/domain/$(guest_domid g)/snapshot/request/$id
    while [ $# -gt 0 ]; do
        pairs+=("$base/$1" "$2")
        shift 2
    done
    xenstore-write "${pairs[@]}"
    await g 20
    [ "$state $error" = "$word" ] || fail "to be $word: $state $error"
}

long=$(printf 'x%.0s' {1..1500})
fresh_start
guest_start g pv
done_or_fail g 'create name=s1 description="the first"'
before=$(fingerprint g)

refused g exists 'create name=s1'
refused g not-found 'revert name=nosuch'
refused g not-found 'delete name=nosuch'
refused g invalid 'explode'
refused g invalid 'create colour=red'
refused g invalid 'create name'
refused g invalid 'create name="no end'
refused g invalid "create name=$long"
refused g invalid 'create name=current'
refused g invalid 'revert'
refused g invalid 'delete description=x name=s1'
refused g not-found 'cancel request=nosuch'
refused g invalid 'create memory=perhaps'
refused g invalid 'create memory=relative/path'
refused g invalid 'create type=sideways'
refused g invalid 'create disk-xvda=target=../up.qcow2'
refused g invalid 'create disk-XVDA=internal'
refused g not-found 'create memory=no disks=xvdz'
refused g denied 'create dry-run=yes'
refused g denied 'create domain=0'
note "the shorthand's refusals"

refused_directory rejected invalid name s2
refused_directory rejected invalid operation explode
refused_directory rejected invalid operation create colour red
refused_directory rejected invalid operation create description "$long"
refused_directory failed exists operation create name s1
note "the directory's refusals"

# Binary: every byte that a value can hold, and a NUL.
domid=$(guest_domid g)
before_count=$(xenstore-list "/local/domain/$domid/snapshot/status" | wc -l)
xenstore-write -r "/local/domain/$domid/snapshot/request" '\x01\x02\xff\xfe\x00create\x00' 2> /dev/null ||
    xenstore-write "/local/domain/$domid/snapshot/request" "$(printf '\001\002\377\376\033[2J')"
more_statuses() {
    [ "$(xenstore-list "/local/domain/$domid/snapshot/status" | wc -l)" -gt "$before_count" ]
}
wait_for 10 more_statuses || fail "no answer to binary junk"
last=$(xenstore-list "/local/domain/$domid/snapshot/status" | grep '^line-' | tail -n 1)
[ "$(status_of g "$last" error)" = invalid ] || fail "binary junk was not invalid"

# Dom0's own tree: any domain, and none.
xenstore-write /local/domain/0/snapshot/request 'create id=zero'
wait_for 10 xs_has /local/domain/0/snapshot/status/zero/finished
[ "$(xs_read /local/domain/0/snapshot/status/zero/error)" = invalid ] || fail "no domain= was accepted"
xenstore-write /local/domain/0/snapshot/request 'list domain=nosuch id=one'
wait_for 10 xs_has /local/domain/0/snapshot/status/one/finished
[ "$(xs_read /local/domain/0/snapshot/status/one/error)" = not-found ] || fail "an unknown domain was found"
xenstore-write /local/domain/0/snapshot/request 'create domain=0 id=two'
wait_for 10 xs_has /local/domain/0/snapshot/status/two/finished
[ "$(xs_read /local/domain/0/snapshot/status/two/error)" = unsupported ] || fail "dom0 was not refused"

# A node that the guest itself can write carries no authority.
xenstore-chmod "/local/domain/$domid/snapshot/request" n0 "b$domid"
refused g denied 'delete name=s1'
xenstore-chmod "/local/domain/$domid/snapshot/request" n0 "r$domid"

# The same ID again is the same request.
done_or_fail g 'list'
old=$(status_of g "$id" finished)
xenstore-write "/local/domain/$domid/snapshot/request" "delete name=s1 id=$id"
done_or_fail g 'list'
is_listed g s1 || fail "a request came twice and was done again"
[ -n "$old" ] || fail "no finish"

grep -v generation <<< "$before" > /tmp/before
fingerprint g | grep -v generation > /tmp/after
diff /tmp/before /tmp/after || fail "something was changed"
guest_wait_tick g $(($(guest_tick g) + 3))
nothing_left_over
