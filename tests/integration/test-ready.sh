#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# When the agent says that it is ready: not before what was left of a VM that does not run was put right, which whoever starts
# guests waits for; and not later than there is hope.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
xenstore-write /local/domain/0/name Domain-0
mkdir -p "$dir/store/$vm"

# listen: what systemd is told, a line each, in $dir/notified.
listen() {
    /usr/bin/python3 -u - "$dir/notify" > "$dir/notified" << 'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(2000).decode(), flush=True)
PY
    wait_for 10 test -S "$dir/notify" || fail "no listener"
}
listen

# A worker that outlived its agent holds the journal.
left() {
    printf '{"vm":"%s","domid":-1,"home":0,"id":"x","snapshot":"%s","request":[["operation","create"],["name","s"],["memory","no"]]}\n' \
        "$vm" bbb00a5e-14dd-4f1b-bf46-760857fe34b4 > "$dir/store/$vm/journal"
    echo '{"step":"prepare"}' >> "$dir/store/$vm/journal"
    exec 8< "$dir/store/$vm/journal"
    flock 8
}

start() {
    : > "$dir/agent.log"
    NOTIFY_SOCKET=$dir/notify "$build/xensnapd" --config "$dir/xensnap.conf" --run "$dir/run" \
        --libexec "$build/tests/double" >> "$dir/agent.log" 2>&1 8<&- &
    agent=$!
    wait_for 10 grep -q 'recovery of create' "$dir/agent.log" || fail "no recovery begins"
}

left
start
timeout 2 tail -f /dev/null
ready && fail "it is ready before what was left was put right"
grep -q '^EXTEND_TIMEOUT_USEC=90000000$' "$dir/notified" || fail "systemd was told: $(cat "$dir/notified")"
grep -q '^READY=1' "$dir/notified" && fail "systemd was told: $(cat "$dir/notified")"
exec 8<&-
wait_for 10 grep -q '^READY=1$' "$dir/notified" || fail "systemd was told: $(cat "$dir/notified")"
ready || fail "it does not say so"
gives 0 agent_end TERM

# Nothing is heard of it for a minute.
: > "$dir/notified"
mkdir -p "$dir/store/$vm"
left
start
wait_for 90 grep -q '^READY=1$' "$dir/notified" || fail "systemd was told: $(cat "$dir/notified")"
grep -q "^STATUS=not put right yet.*$vm" "$dir/notified" || fail "systemd was told: $(cat "$dir/notified")"
exec 8<&-
kill -TERM $agent
wait $agent
echo ok
