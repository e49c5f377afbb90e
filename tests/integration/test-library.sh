#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libxensnap as it is installed, the examples, and what a wait sees: the real agent and xenstored, libxl is a double.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
source=$(cd "$(dirname "$0")/../.." && pwd)
examples=$source/docs/examples

# ---- installed, as another toolstack finds it

# What is built is what is tested: nothing is built anew here.
san=()
[[ $build != *-san ]] || san=(SAN=1)
make -o all -C "$source" --no-print-directory CC=gcc "${san[@]}" install DESTDIR="$dir/root" PREFIX=/usr > "$dir/install.log" 2>&1 ||
    fail "make install: $(tail -n 3 "$dir/install.log")"
libdir=$(dirname "$(find "$dir/root" -name libxensnap.so.1)")
export PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir/root LD_LIBRARY_PATH=$libdir
read -ra flags < <(pkg-config --cflags --libs xensnap)
strict=(-Wall -Wextra -Werror -pedantic -fsanitize=address -fsanitize=undefined)
gcc -std=gnu11 "${strict[@]}" "$examples/create.c" "${flags[@]}" -o "$dir/create" || fail "the example does not compile"
gcc -std=gnu11 "${strict[@]}" "$examples/create.c" "${flags[@]/-lxensnap/-l:libxensnap.a}" -lxenstore -o "$dir/create-static" ||
    fail "the example does not link with libxensnap.a"
readelf -d "$dir/create" | grep -qF 'libxensnap.so.1' || fail "the example needs another library than libxensnap.so.1"
for standard in c99 c11; do
    echo '#include <xensnap.h>' | gcc -std=$standard -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic "${flags[0]}" -fsyntax-only -xc - ||
        fail "xensnap.h is no $standard"
done

# ---- the examples, with the real agent

gives 15 "$dir/create" web1 s0 # XENSNAP_IO: no xenstored
xenstored_start
domain_make
gives 3 "$dir/create" web1 s0 # XENSNAP_NOT_FOUND: nobody takes requests
agent_start

gives 0 "$dir/create" web1 s1
[[ $(cat "$dir/out") == *': done' ]] || fail "$(cat "$dir/out")"
gives 0 "$dir/create-static" 5 s2
gives 4 "$dir/create" web1 s1 # XENSNAP_EXISTS
gives 3 "$dir/create" web2 s1
gives 1 "$dir/create" web1 current
gives 1 "$dir/create"
gives 0 sh "$examples/create.sh" s3 5
[ "$(tail -n 1 "$dir/out")" = 'done' ] || fail "$(cat "$dir/out")"
gives 1 sh "$examples/create.sh" s3 5
grep -q '^exists$' "$dir/out" || fail "$(cat "$dir/out")"
gives 1 sh "$examples/create.sh" s3 6
gives 0 xensnap list --json web1
[ "$(/usr/bin/python3 -c 'import json, sys; print(*[s["name"] for s in json.load(open(sys.argv[1]))])' "$dir/out")" = 's1 s2 s3' ] ||
    fail "$(cat "$dir/out")"
[ "$(pgrep -g 0 -c xenstore-watch)" = 0 ] || fail "the shell's watch is left over"
agent_end TERM || fail "the agent's end"

# ---- what a wait sees; the agent is us

requests=/local/domain/0/snapshot/request statuses=/local/domain/0/snapshot/status

# ask_in_background PROGRAM...: and "id" is its request, taken up.
ask_in_background() {
    "$@" > "$dir/out" 2>&1 &
    asker=$!
    wait_for 10 asked || fail "nothing was asked: $(cat "$dir/out")"
    xenstore-rm "$requests/$id"
    tell operation create state running stage memory vm $vm
    wait_for 10 grep -q memory "$dir/out" || fail "no progress: $(cat "$dir/out")"
}
asked() {
    id=$(xenstore-list $requests | tail -n 1)
    [ -n "$id" ]
}
# tell KEY VALUE...: in the request's status.
tell() {
    local pairs=()
    while [ $# -gt 0 ]; do
        pairs+=("$statuses/$id/$1" "$2")
        shift 2
    done
    xenstore-write "${pairs[@]}"
}
# ends CODE WORDS: the asker has that exit code, and has said that.
ends() {
    local code=0
    wait $asker || code=$?
    [ $code = "$1" ] || fail "exit code $code instead of $1: $(cat "$dir/out")"
    [[ $(cat "$dir/out") == *"$2"* ]] || fail "it says: $(cat "$dir/out"), not: $2"
}

for program in "$build/xensnap" "$source/build/guest/xensnap"; do
    ask_in_background "$program" create -n before web1
    tell name before downtime-ms 12 state 'done'
    ends 0 'Snapshot before of web1 created; the domain stood still for 12 ms'

    # Brought back: the guest stood still, and there is a new tree, in which the status was made again.
    ask_in_background "$program" create -n before web1
    kill -STOP $asker
    xenstore-rm /local/domain/0/snapshot
    xenstore-write $requests '' "$statuses/$id/operation" create "$statuses/$id/vm" $vm "$statuses/$id/name" before \
        "$statuses/$id/returned" revert "$statuses/$id/state" 'done'
    kill -CONT $asker
    ends 19 'web1 was brought back to snapshot before'
    ask_in_background "$program" create --json -n before web1
    tell returned revert name before state 'done'
    ends 19 '"returned": "revert"'

    # Brought back to a moment of another request: of this one there is nothing any more.
    ask_in_background "$program" create -n before web1
    xenstore-rm /local/domain/0/snapshot
    xenstore-write $requests '' $statuses ''
    ends 10 'there is no status of request'
done
gives 9 "$source/build/guest/xensnap" create web1 --config /dev/null

# ---- a list that does not fit into one answer of xenstored

for n in {100..299}; do
    echo "/tool/xensnap/vm/00000000-0000-4000-8000-000000000$n/name vm$n"
done | xargs xenstore-write
xenstore-write $requests ''
ask_in_background "$build/xensnap" create --json -n s vm299
tell state 'done' vm 00000000-0000-4000-8000-000000000299
ends 0 '"vm": "00000000-0000-4000-8000-000000000299"'
gives 4 xensnap create -m '/srv/<domain_uuid>.save' vm300
(exec "$build/xensnap" create --no-wait -m '/srv/<domain_uuid>.save' vm299) > "$dir/id" || fail "vm299 is not found"
[ "$(xenstore-read "$requests/$(cat "$dir/id")/memory")" = /srv/00000000-0000-4000-8000-000000000299.save ] ||
    fail "vm299 is another VM"
xenstore-rm "$requests/$(cat "$dir/id")"

# ---- xenstored ends

ask_in_background "$build/xensnap" create -n before web1
kill "$(cat "$dir/xenstored.pid")"
ends 16 'the connection to xenstore was lost'
