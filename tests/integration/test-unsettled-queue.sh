#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A guest that stands still is not forgotten because what was to put it right first could not be started, or was not to be
# done after all.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
conf "store = $dir/store" 'workers = 1'
xenstored_start
domain_make
mkdir "$dir/libexec"
ln -s "$build/tests/double/xensnap-worker" "$build/tests/double/xensnap-monitor" "$dir/libexec"
agent_start --libexec "$dir/libexec"

settled() {
    [ "$(life)" = running ] && [ ! -e "$dir/store/$vm/journal" ]
}

# hold STEP: the worker stands still in that step, which changes the domain.
hold() {
    exec 8< "$dir/domains/$(domid)/lock"
    flock 8
    "$build/xensnap" create -e -D -n "$1" web1 > "$dir/held.out" 2>&1 8<&- &
    cli=$!
    wait_for 20 grep -qs '"step":"pause"' "$dir/store/$vm/journal" || fail "it does not begin to pause: $(cat "$dir/held.out")"
}

# The worker is killed, and there is no memory for another one just now.
hold s1
mv "$dir/libexec/xensnap-worker" "$dir/libexec/away"
pkill -KILL -f -- "xensnap-worker.*$dir/"
gone() {
    grep -q 'cannot start .*xensnap-worker' "$dir/agent.log"
}
wait_for 20 gone || fail "a worker could be started"
exec 8<&-
domain pause "$(domid)" # as it had done
mv "$dir/libexec/away" "$dir/libexec/xensnap-worker"
wait_for 30 settled || fail "nobody sees to it: the domain is $(life): $(cat "$dir/store/$vm/journal")"
wait $cli && fail "it says that it is done"

# What is next for this VM waits for a worker, and is cancelled.
qemu-img create -q -f qcow2 "$dir/other.qcow2" 1M
domain_config pv xvda qcow2 rw "$dir/other.qcow2" |
    sed 's/^name .*/name web2/; s/^uuid .*/uuid 11111111-2222-4333-8444-555555555555/' | domain create > "$dir/other" ||
    fail "the other domain is not made"
touch "$dir/hang" "$dir/unpause-fails"
hold s2
"$build/xensnap" create -n long web2 > "$dir/long.out" 2>&1 8<&- &
long=$!
wait_for 10 grep -q long <(xenstore-ls /local/domain/0/snapshot/status) || true
"$build/xensnap" create -D -n s3 web1 > "$dir/next.out" 2>&1 8<&- &
next=$!
queued() {
    [ "$(xenstore-ls /local/domain/0/snapshot/status | grep -c '"queued"')" = 2 ]
}
wait_for 10 queued || fail "they are not queued: $(xenstore-ls /local/domain/0/snapshot/status)"
exec 8<&-
wait $cli && fail "it says that it is done"
kill -TERM $next
wait $next && fail "it is not cancelled: $(cat "$dir/next.out")"
rm "$dir/unpause-fails"
rm "$dir/hang"
wait $long || fail "the other VM's snapshot: $(cat "$dir/long.out")"
wait_for 20 settled || fail "nobody sees to it: the domain is $(life): $(cat "$dir/store/$vm/journal")"
echo ok
