# SPDX-License-Identifier: LGPL-2.1-or-later
# What every part of the machine's host side shares: where things are, and how progress is told.
# shellcheck shell=bash disable=SC2034,SC2154 # the other parts use what is set here

top=$(cd "$here/../.." && pwd)
build=${XEN_MACHINE_DIR:-$top/build/xen}
run=$build/run
logs=$build/logs
suite=bookworm

# Every line carries the seconds since the start: emulation is slow, and silence looks like a hang.
say() {
    printf '%4ds  %s\n' "$SECONDS" "$*" >&2
}

die() {
    printf 'machine: %s\n' "$*" >&2
    exit 1
}

need_programs() {
    local program
    for program; do
        command -v "$program" > /dev/null || die "this needs the program '$program', which is not installed"
    done
}

# One name for the content of some files and words: a product that carries it is rebuilt exactly when it changes.
content_key() {
    sha256sum | cut -c 1-12
}

# Two who build or boot at once would write the same files. QEMU and ssh, which stay, do not inherit this lock.
build_lock() {
    mkdir -p "$build"
    exec {lock}> "$build/lock"
    if ! flock --nonblock "$lock"; then
        say "waiting for another 'machine' that is building or booting"
        flock --timeout 300 "$lock" || die "it does not end"
    fi
}

build_unlock() {
    exec {lock}>&-
}

# mke2fs and tar keep owners only as root; fakeroot pretends well enough for both.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        need_programs fakeroot
        fakeroot "$@"
    fi
}
