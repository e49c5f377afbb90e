# SPDX-License-Identifier: LGPL-2.1-or-later
# For the integration tests, which source it with BUILD as their argument: a directory of their own with a xenstored,
# domain 5 as xenstore knows it, a QEMU with a qcow2 disk behind that domain's monitor, and the agent.
# shellcheck shell=bash
set -uo pipefail

build=$(cd "$1" && pwd)
dir=$(mktemp -d)
vm=01234567-89ab-4cde-8f01-23456789abcd
export XENSTORED_RUNDIR=$dir XENSTORED_PATH=$dir/socket XENSTORED_ROOTDIR=$dir XEN_RUN_DIR=$dir XL_DOUBLE=$dir
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1

# What a test has started ends with it, also what is stopped or does not want to.
cleanup() {
    local pid
    for pid in $(jobs -p); do kill "$pid" 2> /dev/null; kill -CONT "$pid" 2> /dev/null; done
    if ! wait_for 10 nothing_runs; then
        echo "had to be killed: $(jobs -r)"
        for pid in $(jobs -p); do kill -KILL "$pid" 2> /dev/null; done
    fi
    wait 2> /dev/null
    rm -rf "$dir"
}

nothing_runs() {
    [ -z "$(jobs -r)" ]
}
trap cleanup EXIT

fail() {
    echo "FAIL: $*"
    sed 's/^/    agent: /' "$dir/agent.log" 2> /dev/null | tail -n ${FAIL_LINES:-20}
    exit 1
}

# What takes too long is ended, with what it started; then it has to be known where it was.
trap 'fail "ended in line $LINENO, $BASH_COMMAND: $(tail -n 3 "$dir/out" 2> /dev/null)"' TERM

wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# Debian has xenstored in the directory of Xen's version.
xenstored_start() {
    local daemon
    daemon=$(ls /usr/lib/xen-*/bin/xenstored | head -n 1)
    echo 5 > "$dir/shim-domains"
    LD_PRELOAD=$build/tests/integration/xenstored-shim.so SHIM_DOMAINS=$dir/shim-domains \
        "$daemon" -N --pid-file "$dir/xenstored.pid" > "$dir/xenstored.log" 2>&1 &
    wait_for 10 xenstore-write /tool/test 1 2> /dev/null || fail "xenstored: $(cat "$dir/xenstored.log")"
}

domain_make() {
    xenstore-write /local/domain/0/name Domain-0 /local/domain/5/vm "/vm/$vm" /local/domain/5/name web1 /local/domain/5/control/shutdown ""
    echo "5 $vm 0" > "$dir/domain"
    qemu-img create -q -f qcow2 "$dir/xvda.qcow2" 64M
    echo "xvda qcow2 $dir/xvda.qcow2" > "$dir/disks"
    qemu-system-x86_64 -accel tcg -S -display none -nodefaults -machine pc -qmp "unix:$dir/qmp-libxenstat-5,server=on,wait=off" \
        -blockdev "driver=qcow2,node-name=xvda-qcow2,file.driver=file,file.locking=off,file.filename=$dir/xvda.qcow2" \
        -device virtio-blk-pci,drive=xvda-qcow2 > "$dir/qemu.log" 2>&1 &
    wait_for 10 test -S "$dir/qmp-libxenstat-5" || fail "QEMU: $(cat "$dir/qemu.log")"
}

ready() {
    grep -q ': ready: ' "$dir/agent.log"
}

# conf LINE...: they are the configuration file's [agent].
conf() {
    printf '%s\n' '[agent]' "$@" > "$dir/xensnap.conf"
}
conf "store = $dir/store"

# agent_start [OPTION...]
agent_start() {
    : > "$dir/agent.log"
    "$build/xensnapd" --config "$dir/xensnap.conf" --run "$dir/run" --libexec "$build/tests/integration" "$@" \
        >> "$dir/agent.log" 2>&1 &
    agent=$!
    wait_for 10 ready || fail "the agent does not start"
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

tags() {
    qemu-img snapshot -U -l "$dir/xvda.qcow2" | grep -c xensnap-
}
