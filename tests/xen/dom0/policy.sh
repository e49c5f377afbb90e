# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cases share that are about guests who ask for themselves, for bash, in dom0; lib.sh and snap.sh come first.
# shellcheck shell=bash

config=/etc/xensnap/xensnap.conf
mkdir -p "${config%/*}"
cp "$config" /run/xensnap.conf.before 2> /dev/null || : > /run/xensnap.conf.before
trap 'cp /run/xensnap.conf.before "$config"' EXIT

# policy LINE...: they are the configuration file, and the agent has read it.
policy() {
    local from
    printf '%s\n' "$@" > "$config"
    from=$(stat -c %s "$agent_log")
    pkill -HUP -x xensnapd
    logs_line "$agent_log" "$from" 20 'SIGHUP: reading' || fail "the agent does not read its configuration"
    ask0 'list domain=nosuch' # answered when all that SIGHUP does is done
}

# door GUEST: the permissions of its request node.
door() {
    xenstore-ls -p "/local/domain/$(guest_domid "$1")/snapshot" | sed -nE 's/^request = .*\((.*)\)$/\1/p'
}

is_open() {
    [[ $(door "$1") == n0,b* ]]
}

is_closed() {
    [[ $(door "$1") == n0,r* ]]
}

operations() {
    xs_read "/local/domain/$(guest_domid "$1")/snapshot/operations"
}

# guest_may_not GUEST COMMAND: xenstored itself refuses.
guest_may_not() {
    local said
    ! said=$(guest_ask "$1" "$2") || fail "guest $1 may: $2"
    [[ $said == *'ermission denied'* ]] || fail "guest $1: '$2' says $said"
}

# guest_asks GUEST LINE: the guest itself writes it, and the end is waited for.  Sets id, state, error and message.
guest_asks() {
    asked=$((asked + 1))
    id=q$$-$asked
    last_domid[$1]=$(guest_domid "$1")
    check guest_ask "$1" "xs write snapshot/request '${2%% *} id=$id ${2#"${2%% *}"}'"
    await "$1"
    message=$(status_of "$1" "$id" message)
    [[ $message != */var/* ]] || fail "'$2' is answered with a path of dom0: $message"
}

# guest_gets GUEST WORD LINE: it ends as done, or with that error word.
guest_gets() {
    guest_asks "$1" "$3"
    [ "${error:-$state}" = "$2" ] || fail "guest $1: '$3' was to end with $2: $state $error $message"
}
