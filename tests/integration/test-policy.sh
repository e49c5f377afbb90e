#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What guests may ask for.  Dom0 writes here in the guest's place: into a node that the guest could write, so that what
# stands there has the guest's authority.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
tree=/local/domain/5/snapshot
asked=0

# policy LINE...: the configuration file, with these lines behind its [agent].
policy() {
    conf "store = $dir/store" 'workers = 2'
    printf '%s\n' "$@" >> "$dir/xensnap.conf"
}

says() {
    grep -qF -- "$1" "$dir/agent.log"
}

# hup TEXT: after a SIGHUP the agent's log says so once more.
hup() {
    local before
    before=$(grep -cF -- "$1" "$dir/agent.log")
    more() {
        [ "$(grep -cF -- "$1" "$dir/agent.log")" -gt "$before" ]
    }
    kill -HUP "$agent"
    wait_for 10 more "$1" || fail "after SIGHUP the log does not say: $1"
    gives 0 xensnap list web1 # the answer comes after all that SIGHUP does
}

permissions() {
    xenstore-ls -p $tree | sed -nE 's/^request = .*\((.*)\)$/\1/p'
}

status() {
    xenstore-read "$tree/status/$1/$2" 2> /dev/null
}

ended() {
    xenstore-exists "$tree/status/$1/finished"
}

await() {
    wait_for 20 ended "$id" || fail "no end of $id"
    state=$(status "$id" state) error=$(status "$id" error) message=$(status "$id" message)
}

# ask LINE: as the guest.  Sets id, state, error and message.
ask() {
    asked=$((asked + 1))
    id=g$asked
    xenstore-write $tree/request "${1%% *} id=$id ${1#"${1%% *}"}"
    await
}

# answers WORD LINE: state done, or the error word.
answers() {
    ask "$2"
    [ "${error:-$state}" = "$1" ] || fail "'$2' was to end with $1: $state $error $message"
    [[ $message != *"$dir"* && $message != */* ]] || fail "'$2' is answered with a path: $message"
}

# ---- no section, no rights; a section, and what it says at once

agent_start
[ "$(permissions)" = n0,r5 ] || fail "without a policy, the request node has $(permissions)"
[ "$(xenstore-read $tree/operations)" = "" ] || fail "without a policy, there are operations"
policy '[guest "db*"]' 'allow = create delete revert list cancel' '[guest "web?"]' 'allow = create list' \
    'min-interval = 0' 'max-snapshots = 2'
hup SIGHUP
[ "$(permissions)" = n0,b5 ] || fail "the request node has $(permissions)"
[ "$(xenstore-read $tree/operations)" = 'create list' ] || fail "operations: $(xenstore-read $tree/operations)"

answers denied 'create name=one'
[[ $message == *memory=no* ]] || fail "memory is refused with: $message"
answers 'done' 'create name=one memory=no'
says "audit: domain 5 ($vm, name \"web1\") request $id: create of itself: allowed by [guest \"web?\"] (line 6)" ||
    fail "no audit line of a create"
answers 'done' list
answers denied 'delete name=one'
says "request $id: delete of itself: refused by [guest \"web?\"] (line 6): denied: this domain may not ask for delete" ||
    fail "no audit line of a delete"
answers denied 'revert name=one'
answers denied 'cancel request=g1'
answers denied 'create memory=no dry-run=yes'
answers denied "create memory=$dir/image"
answers denied "create memory=no disk-xvda=format=qcow2,target=$dir/up.qcow2"
answers invalid 'create memory=no colour=red'
answers invalid 'explode'
answers not-found 'create memory=no disks=xvdz'

# Whom else there is, a guest does not learn.
for other in 0 7 web9 Domain-0 11111111-89ab-4cde-8f01-23456789abcd; do
    answers denied "create memory=no domain=$other"
    [ "$message" = 'this domain may not ask for anything about that one' ] || fail "about $other: $message"
done
answers 'done' 'list domain=web1'

# ---- the same from the command line

gives 0 xensnap policy check "$dir/xensnap.conf"
gives 0 xensnap policy explain web1 --config "$dir/xensnap.conf"
for line in "uuid: *$vm" 'name: *web1' 'section: *\[guest "web?"\]' "from: *$dir/xensnap.conf:6" 'allow: *create list' \
    'memory: *no' 'max-snapshots: *2' 'max-bytes: *20.0G' 'min-interval: *0' 'max-pending: *2' 'targets: *self'; do
    grep -qx "$line" "$dir/out" || fail "policy explain lacks '$line': $(cat "$dir/out")"
done
gives 0 xensnap policy explain nosuch --config "$dir/xensnap.conf"
grep -q 'it may ask for nothing' "$dir/out" || fail "policy explain: $(cat "$dir/out")"
printf '[guest "x"]\nallow = all\n' > "$dir/wrong.conf"
gives 2 xensnap policy check "$dir/wrong.conf"
grep -qx "xensnap: policy: invalid: $dir/wrong.conf:2: allow is words of .*" "$dir/out" || fail "policy check: $(cat "$dir/out")"
gives 2 xensnap policy
gives 2 xensnap policy explain

# ---- limits

answers 'done' 'create memory=no name=two'
answers quota 'create memory=no name=three'
policy '[guest "uuid:'$vm'"]' 'allow = create cancel' 'min-interval = 3600' '[guest "*"]' 'allow = revert'
hup SIGHUP
[ "$(xenstore-read $tree/operations)" = 'create cancel' ] || fail "a UUID does not come first"
answers busy 'create memory=no name=three'
[[ $message == *'ask again in 3'* ]] || fail "the interval: $message"

xenstore-write /local/domain/5/memory/static-max 2048
policy '[guest "web1"]' 'allow = create cancel' 'min-interval = 0' 'max-pending = 1' 'memory = yes' 'max-bytes = 1M'
hup SIGHUP
answers quota 'create name=three'
sed -i 's/1M/4M/' "$dir/xensnap.conf"
hup SIGHUP
touch "$dir/hang"
xenstore-write $tree/request 'create id=hangs name=three'
saving() {
    grep -qs '"step":"save"' "$dir/store/$vm/journal"
}
wait_for 10 saving || fail "it does not begin to save: $(status hangs state) $(status hangs message)"
answers busy 'create name=four'
answers 'done' 'cancel request=hangs'
id=hangs
await
[ "$state" = cancelled ] || fail "the guest's cancel: $state"
rm "$dir/hang"

# ---- a wrong file changes nothing

printf 'targets = uuid:x\n' >> "$dir/xensnap.conf"
hup "$dir/xensnap.conf:10: targets is self"
[ "$(xenstore-read $tree/operations)" = 'create cancel' ] || fail "a wrong file changes operations"
answers not-found 'cancel request=nosuch'

# ---- what a guest makes of its node

policy '[guest "web*"]' 'allow = list create'
gives 0 agent_end TERM
agent_start # which has forgotten how much was refused above, and finds the tree as another left it
[ "$(permissions) $(xenstore-read $tree/operations)" = 'n0,b5 create list' ] || fail "after a start: $(xenstore-ls -p $tree)"
is_empty() {
    [ "$(xenstore-list $tree/request 2> /dev/null)" = "" ] && [ "$(xenstore-read $tree/request)" = "" ] && [ "$(permissions)" = n0,b5 ]
}
long=$(printf 'x%.0s' {1..300})
xenstore-write $tree/request/nothing "" $tree/request/deep/a/b/c/d 1 "$tree/request/@" 1 "$tree/request/$long" 1 \
    $tree/request/many/operation list $tree/request/many/x-one 1
wait_for 10 is_empty || fail "junk stays: $(xenstore-ls $tree/request)"
[ "$(status nothing error)" = invalid ] && [ "$(status deep error)" = invalid ] || fail "junk is not refused"
[ "$(status many state)" = 'done' ] || fail "what stood beside junk is not done"
xenstore-rm $tree/request
wait_for 10 is_empty || fail "a request node that was removed does not come back: $(xenstore-ls -p $tree)"
first=$(status many finished)
xenstore-write $tree/request/many/operation create
wait_for 10 is_empty || fail "an ID twice stays"
[ "$(status many operation) $(status many finished)" = "list $first" ] || fail "an ID twice is done twice"
pairs=()
for n in {1..36}; do pairs+=("$tree/request/more-$n/operation" list); done
xenstore-write "${pairs[@]}"
wait_for 20 is_empty || fail "requests stay: $(xenstore-ls $tree/request)"
id=more-36
await
are_few() {
    [ "$(xenstore-list $tree/status | wc -l)" -le 32 ]
}
wait_for 10 are_few || fail "statuses stay: $(xenstore-list $tree/status | wc -l)"
[[ $(xenstore-ls -p $tree/status) != *b5* && $(xenstore-ls -p $tree/status) != *n5* ]] || fail "a status is the guest's"

# ---- who it is

xenstore-write /local/domain/5/name other
answers denied list
xenstore-write /local/domain/5/name web1
xenstore-chmod /local/domain/5/name n0 b5
answers denied list
xenstore-chmod /local/domain/5/name n0 r5
answers 'done' list

# ---- rights that are withdrawn

kill -STOP $agent
xenstore-write $tree/request 'delete id=late name=one' # which dom0 may, whenever it is taken
policy
kill -HUP $agent
kill -CONT $agent
id=late
await
[ "$error" = denied ] || fail "what was asked before the rights went is $state $error"
hup SIGHUP
[ "$(permissions)" = n0,r5 ] || fail "without rights, the request node has $(permissions)"
[ "$(xenstore-read $tree/operations)" = "" ] || fail "without rights, there are operations"
ask 'list'
[ "$state" = 'done' ] || fail "dom0 alone can write there, and is refused: $state $error"

# ---- a flood

policy '[guest "web*"]' 'allow = list'
hup SIGHUP
[ "$(permissions)" = n0,b5 ] || fail "the request node has $(permissions)"
memory() {
    awk '/^VmRSS/ { print $2 }' "/proc/$agent/status"
}
before=$(memory)
/usr/bin/python3 - "$dir/socket" << 'PY' || fail "the flood"
import socket, struct, sys, time

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])

def receive(length):
    data = b""
    while len(data) < length:
        data += s.recv(length - len(data))
    return data

end = time.time() + 10
n = 0
while time.time() < end and n < 60000:
    payload = b"/local/domain/5/snapshot/request/f%d\0x" % (n % 100)
    s.sendall(struct.pack("<IIII", 11, n, 0, len(payload)) + payload)
    receive(struct.unpack("<IIII", receive(16))[3])
    n += 1
print(n, "writes")
PY
after=$(memory)
[ $((after - before)) -lt 2048 ] || fail "a flood has cost the agent $((after - before)) KiB"
[ "$(grep -c 'it writes too much' "$dir/agent.log")" = 1 ] || fail "one flood, but: $(grep 'too much' "$dir/agent.log")"
[ "$(permissions)" = n0,r5 ] || fail "after a flood, the request node has $(permissions)"
gives 0 xensnap list --timeout 5 web1
gives 0 agent_end TERM
