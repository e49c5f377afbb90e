#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# In the place of tests/xen/machine for test-pool.sh: writes down what it is told, and runs nothing.  $DOUBLE/CASE holds
# how that case ends, a line for each time it is run: ok, failed, skip, triple-fault, silent (no first line), gone (the
# same, at once), stuck (after its first line).  $DOUBLE/boots-fail holds how many boots do.
set -u
tell() {
    echo "${XEN_MACHINE_INSTANCE:-here} $*" >> "$DOUBLE/log" # one write, which other machines' do not tear
}

fate() {
    [ -e "$DOUBLE/$1" ] || return
    head -n 1 "$DOUBLE/$1"
    sed -i 1d "$DOUBLE/$1"
}

run_case() {
    local fate
    fate=$(fate "$1")
    tell begin "$1"
    case $fate in
        gone) echo "Connection closed" >&2; exit 255 ;;
        silent) sleep 60 ;;
    esac
    echo "run-case: $1"
    case $fate in
        failed) echo "FAIL: as it was told"; code=1 ;;
        skip) echo "SKIP: not here"; code=77 ;;
        triple-fault) code=75 ;;
        stuck) sleep 60 ;;
        *) sleep 0.05; code=0 ;;
    esac
    tell end "$1"
    exit $code
}

case $1 in
    image) echo "$DOUBLE/image" ;;
    case) run_case "$2" ;;
    up)
        tell "$@"
        left=$(cat "$DOUBLE/boots-fail" 2> /dev/null || echo 0)
        [ "$left" = 0 ] || { echo $((left - 1)) > "$DOUBLE/boots-fail"; exit 1; }
        ;;
    down) tell "$@"; sleep "${DOUBLE_DOWN_SECONDS:-0}" ;;
    *) tell "$@" ;;
esac
