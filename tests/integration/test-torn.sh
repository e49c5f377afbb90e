#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A merge that ends at its last moment: the ledger and the configurations say already that the disk is the image below,
# and QEMU is not there yet.  Whatever comes next, all of them are of one mind before the guest goes on, and no job of
# ours is left that holds it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# between WHAT: from now on it stands between QEMU and whoever asks it; "kills": who says job-finalize is killed instead,
# and $base has a reader; "silent": from job-complete on nobody hears anything.
between() {
    socket=$dir/qmp-libxenstat-$(domid)
    mv "$socket" "$socket.real"
    /usr/bin/python3 - "$1" "$socket" "$base" << 'PY' &
import os, signal, socket, struct, sys, threading
what, path, base = sys.argv[1:]
state = {"silent": False, "done": False}

def pump(source, sink, up):
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        if not data:
            break
        if up and what == "kills" and b"job-finalize" in data and not state["done"]:
            state["done"] = open(base)
            os.kill(struct.unpack("3i", source.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0], signal.SIGKILL)
            continue
        if up and what == "silent" and b"job-complete" in data:
            state["silent"] = True
        if up or not state["silent"]:
            try:
                sink.sendall(data)
            except OSError:
                break
    for end in source, sink:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(5)
while True:
    client, _ = server.accept()
    qemu = socket.socket(socket.AF_UNIX)
    qemu.connect(path + ".real")
    for ends in (client, qemu, True), (qemu, client, False):
        threading.Thread(target=pump, args=ends, daemon=True).start()
PY
    between=$!
    wait_for 5 test -S "$socket" || fail "nothing stands between"
}

direct() {
    kill $between
    wait $between 2> /dev/null
    rm "$socket"
    mv "$socket.real" "$socket"
}

# in_image IMAGE: everybody says that the disk is that; we do as long as there is anything to know of the VM.
in_image() {
    local file ours=
    for file in "$dir/store/$vm"/{disk.cfg,config.json}; do
        [ ! -e "$file" ] || grep -q "$1" "$file" || ours=$(cat "$file")
    done
    [ "$(top)" = "$1" ] && [ "$(stored)" = "$1" ] && [ -z "$ours" ] ||
        fail "QEMU: $(top), libxl: $(stored), ours: $ours"
}

no_journal() {
    [ ! -e "$dir/store/$vm/journal" ]
}

# A guest that is held never gets an answer.
goes_on() {
    timeout 20 "$build/tests/double/domain" write "$(domid)" xvda "write -P $1 1M 64k" "$1" > "$dir/written" 2>&1 ||
        fail "the guest is held: $(cat "$dir/written") $(qmp '{"execute":"query-jobs"}')"
    domain write "$(domid)" xvda flush
    wait_for 10 no_job || fail "a job is left"
}

no_job() {
    ! qmp '{"execute":"query-jobs"}' | grep -q xensnap-commit
}

# What is tried again meanwhile comes to the same point again.
says_no() {
    ! grep -q '"arrived": *true' "$dir/store/$vm/images.json"
}

not_arrived() {
    wait_for 10 says_no || fail "something has arrived: $(cat "$dir/store/$vm/images.json")"
}

over_base "killed just before QEMU changes over, and it cannot be done again"
between kills
gives 6 xensnap delete -n s1 web1
in_image "$over"
not_arrived
goes_on 7
in_image "$over"
direct
next=$(stored)
domain_end
machine xvda qcow2 "$next"
holds "$(top)" 7
gives 0 xensnap delete -n s0 web1
in_image "$base"
holds "$base" 7
[ ! -e "$over" ] || fail "$over is still there"

over_base "libxl does not take the other image"
chattr +i "$dir/userdata/$(domid)"
gives 16 xensnap delete -n s1 web1
[ "$(top)" = "$over" ] && [ "$(stored)" = "$over" ] || fail "it is in $(top), stored is $(stored)"
not_arrived
goes_on 7
[ -e "$dir/store/$vm/journal" ] || fail "nobody tries it again"
chattr -i "$dir/userdata/$(domid)"
wait_for 40 no_journal || fail "it is not put right: $(ls "$dir/store/$vm")"
in_image "$base"
holds "$base" 7

# job COMMAND
job() {
    qmp "{\"execute\":\"$1\",\"arguments\":{\"id\":\"xensnap-commit\"}}" > /dev/null
}

job_is() {
    qmp '{"execute":"query-jobs"}' | grep -q "\"status\": \"$1\""
}

# held: as an earlier version of us may have left it, QEMU has both images alike and holds the guest.
held() {
    qmp "$(/usr/bin/python3 - "$(qmp '{"execute":"query-block"}')" "$base" << 'PY'
import json, sys
node = [device["inserted"]["node-name"] for device in json.loads(sys.argv[1])["return"] if "/xvda/" in device["qdev"]]
print(json.dumps({"execute": "block-commit", "arguments": {
    "job-id": "xensnap-commit", "device": node[0], "base": sys.argv[2], "auto-finalize": False, "auto-dismiss": False}}))
PY
)" > "$dir/commit"
    wait_for 10 job_is ready || fail "no job: $(cat "$dir/commit")"
    job job-complete
    wait_for 10 job_is pending || fail "it holds nobody: $(qmp '{"execute":"query-jobs"}')"
}

over_base "a job that was left is ended by a create, and by a revert"
held
gives 0 xensnap create -e -D -n s2 web1
goes_on 7
base=$over
held
gives 0 xensnap revert web1 s0
holds "$(stored)" 1
goes_on 8

over_base "QEMU does not answer, and is about to hold the guest"
between silent
gives 15 xensnap delete -n s1 web1
[ -e "$dir/store/$vm/journal" ] || fail "nobody tries it again"
direct
wait_for 120 no_journal || fail "it is not put right: $(ls "$dir/store/$vm")"
goes_on 7
in_image "$base"
holds "$base" 7
echo ok
