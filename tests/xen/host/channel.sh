# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands and files in and out of the running dom0: ssh through a port of 127.0.0.1 that QEMU forwards. One
# connection is made at boot and shared by all sessions, so that a command costs no new key exchange.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

ssh_options() {
    printf '%s\n' -F none -i "$run/key" -p "$(cat "$run/port")" \
        -o ControlPath="$run/ssh" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=30 -o ServerAliveInterval=30 \
        -o ServerAliveCountMax=10 -o KexAlgorithms=curve25519-sha256 "$@" root@127.0.0.1
}

dom0() {
    local options
    mapfile -t options < <(ssh_options)
    # shellcheck disable=SC2029 # what is to be expanded in dom0 comes quoted
    ssh "${options[@]}" "$@"
}

# The shared connection is a background process, which must not hold on to whatever our caller waits for.
channel_open() {
    local options
    mapfile -t options < <(ssh_options -o ControlMaster=yes -f -N)
    (close_inherited && exec ssh "${options[@]}" < /dev/null > "$run/ssh.log" 2>&1)
}

channel_close() {
    local options
    [ -S "$run/ssh" ] || return 0
    mapfile -t options < <(ssh_options -O exit)
    ssh "${options[@]}" 2> /dev/null || true
}

# A lone word is shell text; several are a command and its arguments, which arrive as they are.
command_text() {
    if [ $# = 1 ]; then
        printf '%s' "$1"
    else
        printf '%q ' "$@"
    fi
}

dom0_exec() {
    local seconds=$1
    shift
    dom0 "exec timeout --kill-after=10 $seconds bash -c $(printf '%q' "$(command_text "$@")")"
}

# Directories that exist keep their owner and mode, and links to directories stay: /lib is one.
dom0_push() {
    tar -C "$1" --owner=0 --group=0 -cf - . |
        dom0 "tar -C / --warning=no-timestamp --no-overwrite-dir --keep-directory-symlink -xf - && ldconfig"
}

dom0_put() {
    local file=$1 target
    target=$(printf '%q' "$2")
    if [ -d "$file" ]; then
        tar -C "$file" --owner=0 --group=0 -cf - . | dom0 "mkdir -p $target && tar -C $target --warning=no-timestamp -xf -"
    else
        tar -C "$(dirname "$file")" --owner=0 --group=0 -cf - "$(basename "$file")" |
            dom0 "d=\$(mktemp -d /tmp/put.XXXXXX) && tar -C \$d --warning=no-timestamp -xf - && mv -f \$d/* $target; rc=\$?; rm -rf \$d; exit \$rc"
    fi
}

dom0_get() {
    local path
    path=$(printf '%q' "${1%/}")
    mkdir -p "$2"
    dom0 "cd \$(dirname $path) && tar --ignore-failed-read -cSf - \$(basename $path)" | tar -C "$2" -xSf -
}
