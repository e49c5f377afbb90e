#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What libxl leaves in QEMU with each save is removed, and nothing else: here a client that stays adds it in libxl's place
# while the save runs, so that no QEMU closes it by itself.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make hvm
agent_start

# Gives QEMU some sets of descriptors, with and without names, and more when there is a file "more"; says which there are
# each time, and once there is a file "end".
client() {
    /usr/bin/python3 - "$dir/writer-$(domid)" "$dir" << 'PY'
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
f = s.makefile("r")
f.readline()
def call(command, fd=None, **arguments):
    line = json.dumps({"execute": command, "arguments": arguments}).encode()
    socket.send_fds(s, [line], [fd] if fd is not None else [])
    answer = json.loads(f.readline())
    while "event" in answer:
        answer = json.loads(f.readline())
    return answer
call("qmp_capabilities")
def sets():
    return " ".join(str(one["fdset-id"]) for one in sorted(call("query-fdsets")["return"], key=lambda one: one["fdset-id"]))
def add(words):
    for word in words:
        number, _, name = word.partition(":")
        arguments = {"fdset-id": int(number)}
        if name:
            arguments["opaque"] = name
        call("add-fd", os.open("/dev/null", os.O_RDONLY), **arguments)
add(["3", "4:qcow2:/cd"])
print(sets(), flush=True)
deadline = time.monotonic() + 60
def wait(name):
    while not os.path.exists(os.path.join(sys.argv[2], name)) and time.monotonic() < deadline:
        time.sleep(0.05)
wait("more")
add(["7", "8:raw:/medium", "9"])
print(sets(), flush=True)
wait("end")
print(sets(), flush=True)
PY
}

said() {
    [ "$(tail -n 1 "$dir/client" 2> /dev/null)" = "$1" ]
}

client > "$dir/client" 2>&1 &
wait_for 20 said '3 4' || fail "the client: $(cat "$dir/client")"
touch "$dir/hang"
xensnap create -n s1 web1 > "$dir/out" 2>&1 &
cli=$!
saving() {
    grep -rqs '"step":"save"' "$dir/store/$vm/journal"
}
wait_for 10 saving || fail "it does not begin to save: $(cat "$dir/out")"
touch "$dir/more"
wait_for 20 said '3 4 7 8 9' || fail "the client: $(cat "$dir/client")"
rm "$dir/hang"
wait $cli || fail "no snapshot: $(cat "$dir/out")"
touch "$dir/end"
wait_for 20 said '3 4 8' || fail "QEMU has after the save: $(cat "$dir/client")"
gives 0 xensnap delete -n s1 web1
echo ok
