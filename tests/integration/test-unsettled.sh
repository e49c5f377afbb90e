#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A guest that could not be let go on when its operation ended is let go by the agent itself, without anybody asking, as
# soon as that can be done; and so is a recovery that has failed.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

runs() {
    [ "$(life)" = running ]
}

settled() {
    runs && [ ! -e "$dir/store/$vm/journal" ] && [ "$(tags)" = 0 ]
}

# libxl does not let a paused domain go.
touch "$dir/unpause-fails"
gives 14 xensnap create -e -D -n s1 web1
grep -q 'could not be let go on' "$dir/out" || fail "it says: $(cat "$dir/out")"
[ "$(life)" = paused ] || fail "the domain is $(life)"
tried() {
    [ "$(grep -c 'recovery of create' "$dir/agent.log")" -ge "$1" ]
}
wait_for 20 tried 2 || fail "it is not tried again"
[ "$(life)" = paused ] || fail "the domain is $(life)"
[ "$(xenstore-read "$(xenstore-ls -f /local/domain/0/snapshot/status | sed -n 's/ = "failed".*//p' | head -n 1)")" = failed ] ||
    fail "what was answered has changed: $(xenstore-ls /local/domain/0/snapshot/status)"
rm "$dir/unpause-fails"
wait_for 20 settled || fail "the domain is $(life), $(tags) tags: $(ls -A "$dir/store/$vm")"
[ "$(stored)" = "$(top)" ] || fail "stored is $(stored), QEMU writes to $(top)"

# Nor one that is suspended.
touch "$dir/resume-fails"
gives 14 xensnap create -n s2 web1
[ "$(life)" = suspended ] || fail "the domain is $(life)"
rm "$dir/resume-fails"
wait_for 20 settled || fail "the domain is $(life), $(tags) tags: $(ls -A "$dir/store/$vm")"

# A revert that was killed while the domain was paused, by a recovery that cannot let it go at first.
gives 0 xensnap create -D -n s3 web1
gives 0 agent_end TERM
s3=$(basename "$(dirname "$dir"/store/*/*/snapshot.json)")
domain pause "$(domid)"
touch "$dir/unpause-fails"
cat > "$dir/store/$vm/journal" << EOF
{"vm":"$vm","domid":$(domid),"home":0,"id":"x","snapshot":"$s3","request":[["operation","revert"],["name","s3"]]}
{"step":"prepare"}
{"step":"pause"}
EOF
agent_start
reverts() {
    [ "$(grep -c 'recovery of revert' "$dir/agent.log")" -ge "$1" ]
}
wait_for 20 reverts 2 || fail "it is not tried again"
[ "$(life)" = paused ] || fail "the domain is $(life)"
rm "$dir/unpause-fails"
gone_on() {
    runs && [ ! -e "$dir/store/$vm/journal" ]
}
wait_for 20 gone_on || fail "the domain is $(life): $(ls -A "$dir/store/$vm")"

# Another domain of this VM's than the one that such a revert had paused is paused by somebody else.
gives 0 agent_end TERM
domain pause "$(domid)"
{
    echo "running 4 $(cat /proc/sys/kernel/random/boot_id) 00000000-0000-4000-8000-000000000000"
    domain config "$(domid)"
} > "$dir/store/$vm/kept"
cat > "$dir/store/$vm/journal" << JOURNAL
{"vm":"$vm","domid":4,"home":0,"id":"x","snapshot":"$s3","request":[["operation","revert"],["name","s3"]]}
{"step":"prepare"}
{"step":"pause"}
JOURNAL
agent_start
wait_for 20 [ ! -e "$dir/store/$vm/journal" ] || fail "it is not put right"
[ "$(life)" = paused ] || fail "the domain is $(life), and was paused by somebody else"
domain unpause "$(domid)"

# What could not be put right once the domain had been destroyed is not tried again by itself: somebody may have started
# the domain since.
gives 0 agent_end TERM
rm "$dir/store/$vm/$s3/config.json"
cat > "$dir/store/$vm/journal" << EOF
{"vm":"$vm","domid":$(domid),"home":0,"id":"x","snapshot":"$s3","request":[["operation","revert"],["name","s3"]]}
{"step":"destroy"}
EOF
agent_start
wait_for 20 grep -q 'waits for somebody' "$dir/agent.log" || fail "it does not give up"
[ -e "$dir/store/$vm/journal" ] && runs || fail "the domain is $(life): $(ls -A "$dir/store/$vm")"
rm "$dir/store/$vm/journal"
gives 0 xensnap delete web1 s3

# QEMU does not answer in the window, and the operation is cancelled.  The double's lock holds the worker before its pause.
qemu=$(qemu_pid)
exec 8< "$dir/domains/$(domid)/lock"
flock 8
"$build/xensnap" create -e -D -n s4 web1 > "$dir/cancelled" 2>&1 8<&- &
cli=$!
wait_for 20 grep -qs '"step":"pause"' "$dir/store/$vm/journal" || fail "it does not begin to pause: $(cat "$dir/cancelled")"
kill -STOP "$qemu"
exec 8<&-
wait_for 20 grep -qs '"step":"disks"' "$dir/store/$vm/journal" || fail "it does not come to the disks"
kill -TERM $cli
result=0
wait $cli || result=$?
[ $result = 12 ] || fail "exit code $result: $(cat "$dir/cancelled")"
[ "$(life)" = paused ] || fail "the domain is $(life)"
kill -CONT "$qemu"
wait_for 60 settled || fail "the domain is $(life), $(tags) tags: $(ls -A "$dir/store/$vm")"
[ "$(stored)" = "$(top)" ] || fail "stored is $(stored), QEMU writes to $(top)"

# And nothing is due any more.
grep -q 'could not be put right; tried again in' "$dir/agent.log" || fail "nobody has said so"
gives 0 agent_end TERM
echo ok
