#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The real agent, command line, xenstored and QEMU; libxl alone is a double.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start

gives 18 xensnap list web1
domain_make

# systemd is told when it is ready; every later start runs without a service manager.
/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
print(s.recv(100).decode())' "$dir/notify" > "$dir/notified" &
listener=$!
wait_for 10 test -S "$dir/notify" || fail "no listener"
NOTIFY_SOCKET=$dir/notify agent_start
wait $listener
[ "$(cat "$dir/notified")" = READY=1 ] || fail "systemd was told '$(cat "$dir/notified")'"
[ -n "$(xenstore-read /local/domain/5/snapshot/epoch)" ] || fail "the domain has no tree"
[[ $(xenstore-ls -p /local/domain/5/snapshot) == *'request = ""'*'(n0,r5)'* ]] || fail "request is not dom0's"

gives 4 xensnap list nosuch
gives 2 xensnap create
gives 2 xensnap create -n current web1
gives 4 xensnap revert web1 nosuch
gives 0 xensnap list web1

gives 0 xensnap create -n 'before "upgrade"' -d 'as agreed' web1
[ "$(tags)" = 1 ] || fail "no snapshot in the image"
gives 5 xensnap create -n 'before "upgrade"' 5
gives 0 xensnap list --json $vm
/usr/bin/python3 - "$dir/out" << 'PY' || fail "the list is not as it should be: $(cat "$dir/out")"
import json, sys
entry, = json.load(open(sys.argv[1]))
assert entry["name"] == 'before "upgrade"' and entry["description"] == "as agreed", entry
assert entry["current"] is True and entry["disks"] == ["xvda"], entry
PY
gives 0 xensnap list --tree web1
[[ $(cat "$dir/out") == *'before "upgrade"'*RAM*'<- you are here'* ]] || fail "the tree: $(cat "$dir/out")"
head -c 25 "$dir"/store/*/*/memory | grep -q '^Xen saved domain, xl form' || fail "the memory image is no save file"
[ "$(stat -c %a "$dir/store" "$dir"/store/*/*/memory | xargs)" = '700 600' ] || fail "others can read it"

# Options and a configuration file together, and what is wrong with them is told before anything is done.
printf '%s\n' 'name = "of a file"' 'description="# no comment"' 'memory="yes"' > "$dir/snap.conf"
gives 2 xensnap create -n other web1 "$dir/snap.conf"
gives 2 xensnap create -D web1 "$dir/snap.conf"
[ "$(tags)" = 1 ] || fail "a request that was refused left a snapshot in the image"
gives 0 xensnap create -n 'of a file' "$dir/snap.conf" web1
[ "$(tags)" = 2 ] || fail "no snapshot in the image"
gives 0 xensnap list -l 5 'of a file'
grep -qx 'description: # no comment' "$dir/out" || fail "the long list: $(cat "$dir/out")"
grep -qx 'parent:      before "upgrade" (.*)' "$dir/out" || fail "the long list: $(cat "$dir/out")"
gives 0 xensnap delete -n 'of a file' $vm

# The same listing after a restart; SIGTERM is a clean end.
before=$(xenstore-ls /local/domain/5/snapshot/list | grep -v generation)
[[ $before == *upgrade* ]] || fail "no listing: $before"
gives 0 agent_end TERM
agent_start
[ "$(xenstore-ls /local/domain/5/snapshot/list | grep -v generation)" = "$before" ] || fail "another listing"

# Cancel by a signal to the command line.
touch "$dir/hang"
"$build/xensnap" create -n hangs web1 > "$dir/cancelled" 2>&1 &
cli=$!
saving() {
    grep -rqs '"step":"save"' "$dir/store/$vm/journal"
}
wait_for 10 saving || fail "it does not begin to save"
kill -TERM $cli
result=0
wait $cli || result=$?
rm "$dir/hang"
[ $result = 12 ] || fail "exit code $result after a cancel: $(cat "$dir/cancelled")"
[ "$(life)" = running ] || fail "the domain does not run after a cancel"
[ "$(tags)" = 1 ] || fail "a cancelled create left a snapshot in the image"

# An idle agent sleeps: nothing wakes it.
switches() {
    awk '/ctxt_switches/ { sum += $2 } END { print sum }' /proc/$agent/task/*/status
}
timeout 1 tail -f /dev/null # what is still due after the last request
before=$(switches)
[ -n "$before" ] || fail "there is no agent"
timeout 2 tail -f /dev/null
[ "$(switches)" = "$before" ] || fail "an idle agent woke $(($(switches) - before)) times in 2 s"

gives 0 xensnap delete web1 'before "upgrade"'
[ "$(tags)" = 0 ] || fail "the image still holds the snapshot"
[ -z "$(ls -A "$dir/store")" ] || fail "the store is not empty: $(ls -AR "$dir/store")"
gives 0 agent_end TERM
