#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# protocol.sh DOMID [revert], in dom0: what docs/protocol.md says, tried on the agent that runs, with xenstore-* alone.
# DOMID is a running domain with a disk that can be snapshotted, which policy lets ask for nothing itself; it gets
# snapshots, which are deleted again.  With `revert` it is also brought back, and so replaced.
# protocol.sh, in a guest: the same of itself; policy has to let it ask for everything but targets, with memory,
# without an interval, with 16 pending.  Prints TAP, and exits with 0 if all of it holds.
set -u
domid=${1:-$(xenstore-read domid)}
[ $# = 0 ] && in_guest=1 || in_guest=
tree=/local/domain/$domid/snapshot
asked=0 count=0 failed=0

# ---- telling

# holds SENTENCE COMMAND...: the command is true.
holds() {
    sentence=$1
    shift
    count=$((count + 1))
    if "$@" > /dev/null 2>&1; then
        echo "ok $count - $sentence"
    else
        echo "not ok $count - $sentence"
        echo "# not true: $*"
        failed=$((failed + 1))
    fi
}

is() {
    [ "$1" = "$2" ]
}

# matches TEXT PATTERN: an extended regular expression for all of it.
matches() {
    printf '%s\n' "$1" | grep -qxE -e "$2"
}

one_of() {
    matches "$1" "$(printf '%s' "$2" | tr ' ' '|')"
}

uuid='[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
integer='(0|[1-9][0-9]*)'
error_words='invalid denied not-found exists busy quota no-space unsupported domain-gone guest-timeout cancelled corrupt xen qemu io internal'
final_states='done failed cancelled rejected'

# ---- xenstore

read_node() {
    xenstore-read "$1" 2> /dev/null
}

absent() {
    ! xenstore-exists "$1"
}

# permissions PATH: as xenstore-ls -p shows them, "n0,r5".
permissions() {
    xenstore-ls -fp "${1%/*}" | grep -F "$1 = " | sed -n 's/.*(\([a-z0-9,]*\))$/\1/p' | head -n 1
}

# eventually COMMAND...: within a minute.
eventually() {
    tries=0
    until "$@" > /dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || return 1
        sleep 0.1
    done
}

# ---- requests

new_id() {
    asked=$((asked + 1))
    id=conformance-$$-$asked
    status=${1:-$tree}/status/$id
}

# await: the end of request "id"; sets state and error.
await() {
    await_status "$status"
}

await_status() {
    status=$1
    eventually xenstore-exists "$status/finished"
    state=$(read_node "$status/state")
    error=$(read_node "$status/error")
}

# line OPERATION [WORDS]: the shorthand.
line() {
    new_id
    xenstore-write "$tree/request" "$1 id=$id${2:+ $2}"
    await
}

# keys KEY VALUE...: the canonical form, in one transaction.
keys() {
    new_id
    write_keys "$tree/request/$id" "$@"
    await
}

# keys0 KEY VALUE...: the same in dom0's tree.
keys0() {
    new_id /local/domain/0/snapshot
    write_keys "/local/domain/0/snapshot/request/$id" "$@"
    await
}

write_keys() {
    base=$1
    shift
    pairs=$#
    while [ $pairs -gt 0 ]; do
        set -- "$@" "$base/$1" "$2"
        shift 2
        pairs=$((pairs - 2))
    done
    xenstore-write "$@"
}

# ends SENTENCE STATE [ERROR]: the last request did.
ends() {
    holds "$1" is "$state${3:+ $error}" "$2${3:+ $3}"
    [ "$state" = "done" ] || {
        holds "... its error is a word that the protocol knows" one_of "$error" "$error_words"
        holds "... and its message a sentence" matches "$(read_node "$status/message")" '.+'
    }
}

# rejects SENTENCE OPERATION WORDS: as a line, invalid.
rejects() {
    line "$2" "$3"
    ends "$1" rejected invalid
}

# entry_of NAME: the path of the snapshot of that name in the list.
entry_of() {
    n=0
    while [ $n -lt "$(read_node "$tree/list/count")" ]; do
        [ "$(read_node "$tree/list/$n/name")" != "$1" ] || echo "$tree/list/$n"
        n=$((n + 1))
    done
}

text() { # text LENGTH
    printf "%${1}s" '' | tr ' ' x
}

# ---- nodes of a domain

nodes() {
    holds "control/platform-feature-snapshot is 1" is "$(read_node "${tree%/*}/control/platform-feature-snapshot")" 1
    holds "snapshot/protocol is 1" is "$(read_node "$tree/protocol")" 1
    holds "snapshot/operations is there" xenstore-exists "$tree/operations"
    holds "snapshot/epoch is a UUID" matches "$(read_node "$tree/epoch")" "$uuid"
    holds "snapshot/request is empty" is "$(read_node "$tree/request")" ''
    for node in protocol operations epoch status list; do
        holds "snapshot/$node is dom0's, and readable by the domain" is "$(permissions "$tree/$node")" "n0,r$domid"
    done
}

nodes_in_dom0() {
    holds "snapshot/operations is empty for a domain that may ask for nothing" is "$(read_node "$tree/operations")" ''
    holds "snapshot/request is not for a domain that may ask for nothing" is "$(permissions "$tree/request")" "n0,r$domid"
    for node in protocol operations epoch request; do
        holds "dom0 has a tree, too: $node" xenstore-exists "/local/domain/0/snapshot/$node"
    done
}

# may_not SENTENCE COMMAND...: xenstored refuses it to us.
may_not() {
    sentence=$1
    shift
    holds "$sentence" refused "$@"
}

refused() {
    ! "$@"
}

nodes_in_guest() {
    for operation in create list delete revert cancel; do
        holds "snapshot/operations has $operation" matches "$(read_node "$tree/operations")" "(.* )?$operation( .*)?"
    done
    holds "snapshot/request can be written by the domain" is "$(permissions "$tree/request")" "n0,b$domid"
    for node in protocol operations epoch status list status/new list/0/name; do
        may_not "snapshot/$node cannot" xenstore-write "$tree/$node" 1
    done
    may_not "snapshot cannot be removed" xenstore-rm "$tree"
    may_not "dom0's tree cannot be written to" xenstore-write /local/domain/0/snapshot/request list
    xenstore-rm "$tree/request"
    holds "snapshot/request can be removed, and is made anew" eventually xenstore-exists "$tree/request"
    holds "... as it was" eventually is_open
    xenstore-write "$tree/request/what" ever
    await_status "$tree/status/what"
    ends "what is no request is answered under its own name" rejected invalid
    holds "... and removed" eventually absent "$tree/request/what"
    xenstore-write "$tree/request/no@id" 1
    holds "what cannot be an ID is removed" eventually absent "$tree/request/no@id"
}

is_open() {
    is "$(permissions "$tree/request")" "n0,b$domid"
}

# ---- requests

statuses() {
    now=$(date +%s)
    line list
    ends "list is done" 'done'
    vm=$(read_node "$status/vm")
    holds "a line is acknowledged by an empty value" is "$(read_node "$tree/request")" ''
    holds "status: the operation" is "$(read_node "$status/operation")" list
    holds "status: vm is a UUID" matches "$vm" "$uuid"
    holds "status: vm is that of the domain" is "/vm/$vm" "$(read_node "/local/domain/$domid/vm")"
    holds "status: started is a time" [ "$(read_node "$status/started")" -ge $((now - 5)) ]
    holds "status: finished is a time" [ "$(read_node "$status/finished")" -ge "$(read_node "$status/started")" ]
    holds "status: no error where there is none" absent "$status/error"
    holds "status: dom0's, and readable by the domain" is "$(permissions "$status/state")" "n0,r$domid"

    keys operation list x-note 'whatever you like'
    ends "the canonical form, and a key that begins with x-" 'done'
    holds "its directory has been removed" absent "$tree/request/$id"
    before=$(read_node "$status/finished")
    write_keys "$tree/request/$id" operation delete name nosuch
    eventually absent "$tree/request/$id"
    holds "the same ID twice is the same request" is "$(read_node "$status/operation") $before" \
        "list $(read_node "$status/finished")"

    count_before=$(xenstore-list "$tree/status" | grep -c '^line-')
    xenstore-write "$tree/request" list
    more_lines() { [ "$(xenstore-list "$tree/status" | grep -c '^line-')" -gt "$count_before" ]; }
    holds "a line without an id is answered under line-N" eventually more_lines
    count_before=$((count_before + 1))
    # C xenstored takes it from dom0 alone, oxenstored from nobody.
    xenstore-write "$tree/request" "list id=conformance-$$-long x-a=$(text 1020) x-b=$(text 1020)" 2> /dev/null || return
    holds "so is one of more than 2048 bytes" eventually more_lines
    holds "... which was not read" absent "$tree/status/conformance-$$-long"
}

grammar() {
    rejects "an operation that there is not" explode ''
    rejects "a key that there is not" create colour=red
    holds "... is refused by name" matches "$(read_node "$status/message")" '.*colour.*'
    rejects "a key that means nothing to the operation" list description=x
    rejects "a key given twice" create 'name=a name=b'
    rejects "a key without a value" create name
    rejects "a quoted value without an end" create 'name="no end'
    rejects "a quoted value that ends in a word" create 'name="a"b'
    rejects "name: empty" create 'name=""'
    rejects "name: a blank at an end" create 'name=" a"'
    rejects "name: reserved" create name=current
    rejects "name: reserved, too" create name=pending
    rejects "name: 129 bytes" create "name=$(text 129)"
    rejects "description: 513 bytes" create "description=$(text 513)"
    rejects "a value of 1024 bytes" create "name=$(text 1024)"
    rejects "memory: neither yes nor no nor a path" create memory=perhaps
    rejects "memory: a path that is not absolute" create memory=a/b
    rejects "memory: a path with .. in it" create memory=/srv/../a
    rejects "type: neither internal nor external" create type=sideways
    rejects "disks: an empty name" create disks=xvda,
    rejects "disk-VDEV: neither a word nor a target" create disk-xvda=perhaps
    rejects "disk-VDEV: no name of a disk" create disk-XVDA=internal
    rejects "start: neither running nor paused" revert 'name=a start=standing'
    rejects "delete without a name" delete ''
    rejects "revert without a name" revert ''
    rejects "cancel without a request" cancel ''
    keys name a
    ends "a directory without an operation" rejected invalid
    keys operation explode
    ends "a directory with an operation that there is not" rejected invalid
    holds "... has been removed" absent "$tree/request/$id"
    long=$(text 64)
    xenstore-write "$tree/request" "list id=$long"
    holds "an ID of 64 letters" eventually xenstore-exists "$tree/status/$long/finished"
    line delete "name=$(text 128)"
    ends "a name of 128 bytes is one" failed not-found
}

authority() {
    line list domain=0
    ends "domain= in a domain's tree" rejected denied
    line create dry-run=yes
    ends "dry-run= in a domain's tree" rejected denied
}

authority_in_guest() {
    line list domain=0
    message=$(read_node "$status/message")
    line list domain=nosuch
    ends "a domain that there is not" rejected denied
    holds "... is answered as one that there is" is "$(read_node "$status/message")" "$message"
    line create memory=/srv/file
    ends "a file for the memory" rejected denied
    line create 'memory=no disk-xvda=target=/srv/file'
    ends "a file for a disk" rejected denied
}

authority_in_dom0() {
    keys0 operation list
    ends "no domain= in dom0's tree" rejected invalid
    keys0 operation list domain nosuch
    ends "a domain that there is not" rejected not-found
    keys0 operation create domain 0
    ends "dom0 itself" rejected unsupported
    for domain in "$domid" "$vm" "$(read_node "/local/domain/$domid/name")"; do
        keys0 operation list domain "$domain"
        ends "dom0's tree: domain=$domain" 'done'
        holds "... is this domain" is "$(read_node "$status/vm")" "$vm"
    done
}

# ---- operations

list_entry() {
    holds "list: id is a UUID" matches "$(read_node "$entry/id")" "$uuid"
    holds "list: id is that of the status" is "$(read_node "$entry/id")" "$(read_node "$status/snapshot")"
    holds "list: created is a time" matches "$(read_node "$entry/created")" "$integer"
    holds "list: state" one_of "$(read_node "$entry/state")" 'running paused stopped'
    holds "list: memory" is "$(read_node "$entry/memory")" "$1"
    holds "list: type" one_of "$(read_node "$entry/type")" 'internal external mixed'
    holds "list: consistency" is "$(read_node "$entry/consistency")" "$2"
    holds "list: disks" matches "$(read_node "$entry/disks")" '[a-z0-9]+(,[a-z0-9]+)*'
    holds "list: size" matches "$(read_node "$entry/size")" "$integer"
    holds "list: current" is "$(read_node "$entry/current")" 1
    holds "list: dom0's, and readable by the domain" is "$(permissions "$entry/id")" "n0,r$domid"
    holds "list: no path of dom0's in a domain's own" \
        is "$(xenstore-list "$entry" | grep -c '^disk-')" 0
}

creating() {
    generation=$(read_node "$tree/list/generation")
    at_first=$(read_node "$tree/list/count")
    line create "name=\"conformance $$\" description=\"a, \\\\\"b\\\\\"\""
    ends "create is done" 'done'
    entry=$(entry_of "conformance $$") first=$(read_node "$status/snapshot")
    holds "status: name" is "$(read_node "$status/name")" "conformance $$"
    holds "status: snapshot is a UUID" matches "$first" "$uuid"
    holds "status: downtime-ms" matches "$(read_node "$status/downtime-ms")" "$integer"
    holds "the list has another generation" [ "$(read_node "$tree/list/generation")" != "$generation" ]
    holds "the list has one more" is "$(read_node "$tree/list/count")" $((at_first + 1))
    list_entry yes memory
    holds "list: size of a memory image" [ "$(read_node "$entry/size")" -gt 0 ]
    holds "list: description, with what a backslash keeps" is "$(xenstore-read -R "$entry/description")" 'a, "b"'
    line create "name=\"conformance $$\""
    ends "a name that is taken" failed exists

    keys operation create name "conformance $$ b" memory no
    ends "create of the disks alone" 'done'
    old_entry=$entry entry=$(entry_of "conformance $$ b")
    list_entry no crash
    holds "list: no size without memory" is "$(read_node "$entry/size")" 0
    holds "list: parent" is "$(read_node "$entry/parent")" "$first"
    holds "list: the other is no longer current" is "$(read_node "$old_entry/current")" 0
    keys operation create name "conformance $$ c" memory no disks xvdzz
    ends "a disk that there is not" failed not-found
}

in_dom0() {
    tool=/tool/xensnap/vm/$vm
    holds "/tool/xensnap/vm/UUID/name" is "$(read_node "$tool/name")" "$(read_node "/local/domain/$domid/name")"
    holds "/tool/xensnap/vm/UUID/domid" is "$(read_node "$tool/domid")" "$domid"
    holds "/tool/xensnap/vm/UUID/list: as many" is "$(read_node "$tool/list/count")" "$(read_node "$tree/list/count")"
    holds "/tool/xensnap/vm/UUID/list: disk-VDEV" \
        matches "$(read_node "$tool/list/0/disk-$(read_node "$tool/list/0/disks" | cut -d , -f 1)")" '(internal|external) /.*'
    before=$(read_node "$tree/list/count")
    keys0 operation create domain "$domid" name "conformance $$ dry" dry-run yes
    ends "a dry run" 'done'
    holds "status: plan-0" matches "$(read_node "$status/plan-0")" '.+'
    holds "a dry run makes nothing" is "$(read_node "$tree/list/count")" "$before"
}

cancelling() {
    line cancel request=nosuch
    ends "a cancel of what there is not" rejected not-found
    new_id
    write_keys "$tree/request/$id" operation create name "conformance $$ d"
    eventually xenstore-exists "$status/state"
    xenstore-write "$tree/request/$id/cancel" 1
    await
    holds "a cancelled request ends, and be it done" one_of "$state" "$final_states"
    holds "cancel=1 has been taken" eventually absent "$tree/request/$id"
    if [ "$state" = cancelled ]; then
        holds "... with the error cancelled" is "$error" cancelled
        holds "... and nothing was made" is "$(entry_of "conformance $$ d")" ''
    fi
    line list
    other=$id
    line cancel "request=$other"
    ends "a cancel of what has ended" rejected not-found
}

reverting() {
    epoch=$(read_node "$tree/epoch") old=$domid
    new_id
    xenstore-write "$tree/request" "revert id=$id name=\"conformance $$\""
    replaced() {
        domid=$(read_node "/tool/xensnap/vm/$vm/domid")
        [ -n "$domid" ] && [ "$domid" != "$old" ] && xenstore-exists "/local/domain/$domid/snapshot/status/$id/finished"
    }
    holds "a revert is answered in the tree of the new domain" eventually replaced
    tree=/local/domain/$domid/snapshot status=/local/domain/$domid/snapshot/status/$id
    await
    ends "revert is done" 'done'
    holds "the epoch is new" [ "$(read_node "$tree/epoch")" != "$epoch" ]
    holds "the new tree is readable by the new domain" is "$(permissions "$tree/request")" "n0,r$domid"
    holds "what it was brought back to is current" is "$(read_node "$(entry_of "conformance $$")/current")" 1
}

deleting() {
    line delete name=nosuch
    ends "a delete of what there is not" failed not-found
    line delete "name=\"conformance $$ b\""
    ends "delete is done" 'done'
    holds "it is no longer listed" is "$(entry_of "conformance $$ b")" ''
    keys operation delete name "$first"
    ends "delete by id" 'done'
    [ -z "$(entry_of "conformance $$ d")" ] || line delete "name=\"conformance $$ d\""
    holds "as many are listed as at first" is "$(read_node "$tree/list/count")" "$at_first"
}

# At once more than can wait: one runs and sixteen wait.  From a guest the agent takes them four by four.
limits() {
    set --
    n=0 many=20
    [ -z "$in_guest" ] || many=28
    while [ $n -lt $many ]; do
        set -- "$@" "$tree/request/limit-$$-$n/operation" delete "$tree/request/limit-$$-$n/name" nosuch
        n=$((n + 1))
    done
    xenstore-write "$@"
    n=0 busy=0 ended=0
    while [ $n -lt $many ]; do
        status=$tree/status/limit-$$-$n
        await
        case "$state $error" in
            'rejected busy') busy=$((busy + 1)) ;;
            'failed not-found') ended=$((ended + 1)) ;;
        esac
        n=$((n + 1))
    done
    holds "each of many requests is answered" is $((busy + ended)) $many
    holds "more than 16 that wait are rejected: busy" [ $busy -ge 3 ]
    holds "16 that wait are not" [ $ended -ge 16 ]
    # A domain that was brought back has a new tree, with few statuses in it.
    n=0
    while [ $n -lt 13 ]; do
        line list
        n=$((n + 1))
    done
    holds "32 that have ended stay readable, and no more" is "$(xenstore-list "$tree/status" | wc -l)" 32
}

nodes
if [ $in_guest ]; then
    nodes_in_guest
else
    nodes_in_dom0
fi
statuses
grammar
authority
if [ $in_guest ]; then
    authority_in_guest
else
    authority_in_dom0
fi
creating
[ $in_guest ] || in_dom0
cancelling
[ "${2:-}" != revert ] || reverting
deleting
limits
echo "1..$count"
[ $failed = 0 ]
