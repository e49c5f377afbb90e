# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests on an ordinary machine: functions, and nothing is done when this is read.  world_begin BUILD makes a directory
# of its own, $dir; then there can be a xenstored (xenstored_start), a domain with a real QEMU (domain_make, by the double
# in the place of libxl: tests/double/double.h), the agent (agent_start) and what a test asks them.  All of it ends with
# the script.
# shellcheck shell=bash

# world_begin BUILD
world_begin() {
    set -uo pipefail
    build=$(cd "$1" && pwd)
    dir=$(mktemp -d)
    vm=01234567-89ab-4cde-8f01-23456789abcd
    export XENSTORED_RUNDIR=$dir XENSTORED_PATH=$dir/socket XENSTORED_ROOTDIR=$dir XEN_RUN_DIR=$dir XL_DOUBLE=$dir
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
    mkdir "$dir/xen"
    echo 200 > "$dir/wait-ms"
    conf "store = $dir/store"
    trap cleanup EXIT
    # What takes too long is ended, with what it started; then it has to be known where it was.
    trap 'fail "ended in line $LINENO, $BASH_COMMAND: $(tail -n 3 "$dir/out" 2> /dev/null)"' TERM
}

# ---- the end ----

# What a test has started ends with it, also what is stopped or does not want to.
cleanup() {
    local pid
    for pid in $(jobs -p); do kill "$pid" 2> /dev/null; kill -CONT "$pid" 2> /dev/null; done
    if ! wait_for 10 nothing_runs; then
        echo "had to be killed: $(jobs -r)"
        for pid in $(jobs -p); do kill -KILL "$pid" 2> /dev/null; done
    fi
    wait 2> /dev/null
    wait_for 10 no_domain_runs || echo "does not end: $(domain_processes | xargs)"
    wipe "$dir"
}

# writable IMAGE...: as an administrator does it who wants to write to what a snapshot needs.
writable() {
    chattr -f -i "$@"
}

# wipe PATH...: away with them, also where images are protected.
wipe() {
    chattr -R -f -i "$@" 2> /dev/null
    rm -rf "$@"
}

nothing_runs() {
    [ -z "$(jobs -r)" ]
}

# QEMUs, what waits for their end, and workers and monitors that go on without their agent: none of them is our child.
domain_processes() {
    pgrep -f -- "$dir/"
    cat "$dir"/domains/*/reaper.pid 2> /dev/null
}

no_domain_runs() {
    local pid
    for pid in $(domain_processes); do
        kill -KILL "$pid" 2> /dev/null && return 1
    done
    return 0
}

fail() {
    echo "FAIL: $*"
    sed 's/^/    agent: /' "$dir/agent.log" 2> /dev/null | tail -n ${FAIL_LINES:-20}
    exit 1
}

wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# ---- what there is ----

# Debian has xenstored in the directory of Xen's version.
xenstored_start() {
    local daemon
    daemon=$(ls /usr/lib/xen-*/bin/xenstored | head -n 1)
    LD_PRELOAD=$build/tests/integration/xenstored-shim.so SHIM_DOMAINS=$dir/xen \
        "$daemon" -N --pid-file "$dir/xenstored.pid" > "$dir/xenstored.log" 2>&1 &
    wait_for 10 xenstore-write /tool/test 1 2> /dev/null || fail "xenstored: $(cat "$dir/xenstored.log")"
}

domain() {
    "$build/tests/double/domain" "$@"
}

# domain_config KIND [VDEV FORMAT rw|ro|cdrom IMAGE]...: a configuration for the double.
domain_config() {
    printf 'name web1\nuuid %s\nkind %s\nmemory 1024\n' "$vm" "$1"
    shift
    while [ $# -ge 4 ]; do
        echo "disk $1 $2 $3 $4"
        shift 4
    done
}

# domain_make [KIND [VDEV FORMAT]...]: web1 with such disks; without words a pv domain with a qcow2 disk xvda.  The first is
# domain 5.
domain_make() {
    local disks=() kind=${1:-pv}
    [ $# -gt 1 ] || set -- "$kind" xvda qcow2
    shift
    while [ $# -ge 2 ]; do
        qemu-img create -q -f "$2" "$dir/$1.$2" 64M
        disks+=("$1" "$2" rw "$dir/$1.$2")
        shift 2
    done
    xenstore-write /local/domain/0/name Domain-0
    domain_config "$kind" "${disks[@]}" | domain create > "$dir/domid" || fail "the domain is not made"
}

# The domid of the VM, whatever became of the domain that was made; nothing where it has none.
domid() {
    domain list | awk -v vm="$vm" '$2 == vm && $3 != "dying" { domid = $1 } END { if (domid) print domid }'
}

life() {
    domain life "$(domid)"
}

# domain_is_gone DOMID: nothing is left of it, and its QEMU has let go of the images.
domain_is_gone() {
    [ ! -e "$dir/xen/$1" ]
}

# domain_end: the VM's domain is destroyed, if it has one, and gone.
domain_end() {
    local old
    old=$(domid)
    [ -n "$old" ] || return 0
    domain destroy "$old"
    wait_for 10 domain_is_gone "$old" || fail "domain $old stays"
}

qemu_pid() {
    cat "$dir/domains/$(domid)/qemu.pid"
}

# stored [VDEV]: the image of that disk in libxl's configuration.
stored() {
    domain disks "$(domid)" | awk -v vdev="${1:-xvda}" '$1 == vdev { print $3 }'
}

# qmp COMMAND: what QEMU answers at the tests' own monitor.
qmp() {
    /usr/bin/python3 - "$dir/writer-$(domid)" "$1" << 'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
f = s.makefile("rw")
f.readline()
for line in '{"execute":"qmp_capabilities"}', sys.argv[2]:
    f.write(line + "\n")
    f.flush()
    while True:
        answer = f.readline()
        if "event" not in json.loads(answer):
            break
print(answer, end="")
PY
}

# top [VDEV]: the image that QEMU's device writes to.
top() {
    qmp '{"execute":"query-block"}' | /usr/bin/python3 -c '
import json, sys
for device in json.load(sys.stdin)["return"]:
    if "/%s/" % sys.argv[1] in device["qdev"]:
        name = device["inserted"]["file"]
        print(json.loads(name[5:])["file"]["filename"] if name.startswith("json:") else name)' "${1:-xvda}"
}

# writes VALUE [VDEV]: the guest fills 64 KiB at 1 MiB of its disk with it, and knows.
writes() {
    domain write "$(domid)" "${2:-xvda}" "write -P $1 1M 64k" "$1" > "$dir/written" 2>&1 || fail "the guest cannot write: $(cat "$dir/written")"
    domain write "$(domid)" "${2:-xvda}" flush || fail "the guest cannot flush"
}

# has IMAGE VALUE [FORMAT]: whether the image holds what writes VALUE has written.
has() {
    qemu-io -U -r -f "${3:-qcow2}" -c "read -P $2 1M 64k" "$1" > "$dir/read" 2>&1
}

# corrupt IMAGE BIT: 1 sets the bit in its header by which QEMU does not write to it any more, 0 clears it.
corrupt() {
    /usr/bin/python3 - "$@" << 'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(79)
    byte = file.read(1)[0]
    file.seek(79)
    file.write(bytes([byte & ~2 | 2 * int(sys.argv[2])]))
PY
}

holds() {
    has "$@" || fail "$1 does not hold $2: $(cat "$dir/read")"
}

# How many snapshots of ours the image holds; a number only if qemu-img could read it.
tags() {
    local list
    list=$(qemu-img snapshot -U -l "$dir/xvda.qcow2") || { echo "(no answer)"; return 1; }
    grep -c xensnap- <<< "$list"
}

# ---- the agent and its clients ----

ready() {
    grep -q ': ready: ' "$dir/agent.log"
}

# conf LINE...: they are the configuration file's [agent].
conf() {
    printf '%s\n' '[agent]' "$@" > "$dir/xensnap.conf"
}

# agent_start [OPTION...]
agent_start() {
    : > "$dir/agent.log"
    "$build/xensnapd" --config "$dir/xensnap.conf" --run "$dir/run" --libexec "$build/tests/double" "$@" \
        >> "$dir/agent.log" 2>&1 &
    agent=$!
    wait_for "${AGENT_SECONDS:-10}" ready || fail "the agent does not start"
}

# agent_end SIGNAL: and its exit code.
agent_end() {
    kill "-$1" $agent
    wait $agent
}

xensnap() {
    "$build/xensnap" "$@"
}

# gives CODE COMMAND...: it exits with that code.
gives() {
    local want=$1 got=0
    shift
    "$@" > "$dir/out" 2>&1 || got=$?
    [ $got = "$want" ] || fail "exit code $got instead of $want from: $* : $(cat "$dir/out")"
}
