# SPDX-License-Identifier: LGPL-2.1-or-later
# What every part of the machine's host side shares: where things are, and how progress is told. Several machines can
# be up at once; XEN_MACHINE_INSTANCE names the one that is meant, and without it the one that people use.
# shellcheck shell=bash disable=SC2034,SC2154 # the other parts use what is set here

top=$(cd "$here/../.." && pwd)
build=${XEN_MACHINE_DIR:-$top/build/xen}
instance=${XEN_MACHINE_INSTANCE:-}
run=$build/run${instance:+-$instance}
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

# lock_take FILE WHAT: two who build at once would write the same files, and so would two who boot the same machine.
# QEMU and ssh, which stay, do not inherit it.
lock_take() {
    mkdir -p "$build"
    exec {lock}> "$1"
    if ! flock --nonblock "$lock"; then
        say "waiting for another 'machine' that is $2"
        flock --timeout 300 "$lock" || die "it does not end"
    fi
}

lock_drop() {
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
