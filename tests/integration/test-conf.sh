#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The agent's configuration file: a wrong one at the start and at SIGHUP, what SIGHUP changes, and the command line.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make

# says TEXT: the agent's log does.
says() {
    grep -qF -- "$1" "$dir/agent.log"
}

# hup TEXT: after a SIGHUP the agent's log has one more line with TEXT.
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

# refuses CODE TEXT OPTION...: so the agent does not start.
refuses() {
    local code=$1 text=$2
    shift 2
    gives "$code" timeout 10 "$build/xensnapd" --run "$dir/run" --libexec "$build/tests/integration" "$@"
    grep -qF -- "$text" "$dir/out" || fail "instead of '$text': $(cat "$dir/out")"
    [ ! -e "$dir/store" ] || fail "it has made its store before it ended"
}

conf "store = $dir/store" 'workers = many'
refuses 1 "$dir/xensnap.conf:3: workers is a number from 1 to 64" --config "$dir/xensnap.conf"
printf '[guest web*]\n' >> "$dir/xensnap.conf"
sed -i 's/many/2/' "$dir/xensnap.conf"
refuses 1 "$dir/xensnap.conf:4: a guest's section is [guest \"PATTERN\"]" --config "$dir/xensnap.conf"
refuses 1 "$dir/none: No such file" --config "$dir/none"
refuses 2 '--workers is a number from 1 to 64' --config "$dir/xensnap.conf" --workers 65

# One worker: while it is at web1, another VM waits, whose only snapshot is a copy of web1's.
conf "store = $dir/store" 'workers = 1'
agent_start
says "snapshots in $dir/store" || fail "another store"
gives 0 xensnap create -n one web1
other=11111111-89ab-4cde-8f01-23456789abcd
cp -r "$dir/store/$vm" "$dir/store/$other"
sed -i "s/$vm/$other/; s/web1/web2/" "$dir/store/$other"/*/*.json
touch "$dir/hang"
xensnap create -n two web1 > "$dir/two" 2>&1 &
cli=$!
saving() {
    grep -qs '"step":"save"' "$dir/store/$vm/journal"
}
wait_for 10 saving || fail "it does not begin to save"
state() {
    xenstore-read /local/domain/0/snapshot/status/other/state 2> /dev/null
}
is() {
    [ "$(state)" = "$1" ]
}
xenstore-write /local/domain/0/snapshot/request "delete id=other domain=$other name=one"
wait_for 10 is queued || fail "with one worker, a second operation is '$(state)'"

# A wrong file changes nothing; not even what is right in it.
conf 'workers = 2' 'log = debug' 'colour = red'
hup "$dir/xensnap.conf:4: unknown key colour; the settings stay as they are"
is queued || fail "after a wrong file, a second operation is '$(state)'"
rm "$dir/xensnap.conf"
hup "$dir/xensnap.conf: No such file"
is queued || fail "without a file, a second operation is '$(state)'"

conf "store = $dir/moved" 'workers = 2'
hup "the store $dir/moved takes a restart; until then it is $dir/store"
ended() {
    xenstore-read /local/domain/0/snapshot/status/other/finished > "$dir/out" 2>&1
}
wait_for 10 ended || fail "with two workers, a second operation is '$(state)'"
rm "$dir/hang"
wait $cli || fail "the create: $(cat "$dir/two")"
[ ! -e "$dir/moved" ] && [ "$(ls "$dir/store/$vm"/*/snapshot.json | wc -l)" = 2 ] ||
    fail "the store has moved: $(ls -R "$dir")"

# From error on, the log has errors alone.
conf "store = $dir/store" 'log = error'
hup 'SIGHUP: '
before=$(wc -l < "$dir/agent.log")
conf 'log = loud'
hup 'log is error, warning, info or debug'
[ "$(wc -l < "$dir/agent.log")" = $((before + 1)) ] || fail "log = error, and it says more"
gives 0 agent_end TERM

# The command line wins, then and at SIGHUP; here over the file that is installed, with all that it shows as a comment.
sed -E 's/^#([a-z]+ = )/\1/' "$(dirname "$0")/../../agent/xensnap.conf" > "$dir/xensnap.conf"
[ "$(grep -c '^[a-z]' "$dir/xensnap.conf")" = 4 ] || fail "not all settings: $(cat "$dir/xensnap.conf")"
agent_start --store "$dir/store" --verbose
says "snapshots in $dir/store" || fail "another store than the command line's"
says ' appeared' || fail "--verbose, and it says less"
hup 'SIGHUP: '
gives 0 xensnap list web1
! says 'takes a restart' || fail "the file's store counts"
gives 0 agent_end TERM
