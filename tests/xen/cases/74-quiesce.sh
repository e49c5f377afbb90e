#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 1200
# A guest whose ext4 is written to all the time, also by SQLite: frozen for a snapshot of its disks, that holds no
# journal to replay and all that was committed; without, it does.  Whoever is killed, hangs or is paused meanwhile, the
# guest goes on soon, and nothing is left over.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/quiesce.sh

dump=/var/tmp/quiesce.raw
must='create memory=no quiesce=must'
modprobe -q loop

# ended WORD WHAT: the held request ends with that error word, and the guest is as it was.
ended() {
    await g 120
    [ "$error" = "$1" ] || fail "$2: $state $error $(status_of g "$id" message)"
    guest_goes_on "$2" 30
    nothing_left_over
    [ "$(tags g)" = 0 ] || fail "$2: a snapshot is left in the image"
    note "$2: $error"
}

# frozen_at_disks WHAT: a create is held between the freeze and the transaction.
frozen_at_disks() {
    hold after disks g "$must"
    [[ $(quiesce_node status) == frozen* ]] || fail "$1: not frozen: $(quiesce_node status)"
    guest_is_frozen "$1"
}

# bell_is_bound WHAT: the guest's event channel has dom0 at its other end.
bell_is_bound() {
    local port channels
    port=$(quiesce_node event-channel)
    [[ $port =~ ^[0-9]+$ ]] || fail "$1: no event channel while it is frozen"
    channels=$(lsevtchn "$(guest_domid g)")
    grep -Eq "^ *$port: .*Interdomain \(Connected\) - Remote Domain 0," <<< "$channels" ||
        fail "$1: nobody has bound event channel $port: $channels"
}

# back_to NAME ROW REPLAYS: reverted to it, the guest mounts its file system and so often replays a journal; its
# database has that row.
back_to() {
    local replays
    guest_mark g
    done_or_fail g "revert name=$1"
    guest_wait_first_tick g
    quiesce_load
    [ "$(guest_ask g 'sqlite3 -cmd ".timeout 20000" /mnt/db "select count(*) >= '"$2"' from t"' | tail -n 1)" = 1 ] ||
        fail "$1: a committed row is gone"
    replays=$(guest_ask g "dmesg | grep -c 'recovery complete'" | tail -n 1)
    [ "$replays" = "$3" ] || fail "$1: the guest has replayed its journal $replays times"
}

fresh_start LD_PRELOAD=/usr/local/lib/xensnap-tests/killpoint.so
quiesce_guest

# ---- without the daemon
refused g unsupported "$must"
refused g invalid 'create quiesce=must'
plain_row=$(guest_committed)
done_or_fail g 'create name=plain memory=no'
done_or_fail g 'create name=tried memory=no quiesce=try'
[[ $(status_of g "$id" warning) == 'not frozen: '* ]] || fail "no warning: $(status_of g "$id" warning)"
[ "$(consistency_of tried)" = crash ] || fail "tried is $(consistency_of tried)"
dump_xvdb plain $dump
needs_recovery $dump || fail "a snapshot under load that was not quiesced needs no recovery"
recovers $dump || fail "no journal is replayed, though it was not quiesced"
back_to plain "$plain_row" 1
done_or_fail g 'delete name=plain'
done_or_fail g 'delete name=tried'
note "without xensnap-guestd: refused, or as after a power cut"

# ---- with it: through watches alone, and with a doorbell
guestd_start
watches_row=$(guest_committed)
done_or_fail g "$must name=watches"
note "frozen for $(status_of g "$id" freeze-ms) ms with watches alone"
guest_ask g 'insmod /xen-evtchn.ko' > /dev/null || fail "no xen-evtchn"
bell_row=$(guest_committed)
done_or_fail g "$must name=bell"
note "frozen for $(status_of g "$id" freeze-ms) ms with a doorbell"
[ -z "$(quiesce_node event-channel)" ] || fail "the event channel outlives the freeze"
for name in watches bell; do
    [ "$(consistency_of $name)" = fs ] || fail "$name is $(consistency_of $name)"
    dump_xvdb $name $dump
    ! needs_recovery $dump || fail "$name needs recovery"
    ! recovers $dump || fail "a journal is replayed in $name"
    row=${name}_row
    holds_rows $dump "${!row}"
done
done_or_fail g 'delete name=watches'
done_or_fail g "$must name=over type=external"
[ "$(consistency_of over)" = fs ] || fail "over is $(consistency_of over)"
note "with overlays: stood still for $(status_of g "$id" downtime-ms) ms, frozen for $(status_of g "$id" freeze-ms) ms"
done_or_fail g 'delete name=over'
guest_goes_on "after four snapshots" 30

# ---- killed, silent or paused while it is frozen
done_or_fail g 'delete name=bell'
frozen_at_disks "guestd killed"
bell_is_bound "guestd killed"
# shellcheck disable=SC2016 # for the guest's shell
guest_ask g 'kill -9 $(cat /tmp/guestd.pid)' > /dev/null
guest_goes_on "guestd killed, before dom0 says anything" 15
let_go
ended guest-timeout "guestd killed"
guestd_start

frozen_at_disks "worker killed"
pkill -KILL -x xensnap-worker
ended internal "worker killed"

frozen_at_disks "agent killed"
agent_kill
let_go
guest_goes_on "agent killed, and none is back" 15
agent_start LD_PRELOAD=/usr/local/lib/xensnap-tests/killpoint.so
ended cancelled "agent killed"

frozen_at_disks "agent and worker killed"
pkill -KILL -x 'xensnapd|xensnap-worker' # at once: a worker that is stopped goes on when its agent dies
wait_for 10 no_process xensnapd
agent_start LD_PRELOAD=/usr/local/lib/xensnap-tests/killpoint.so
ended internal "agent and worker killed"

frozen_at_disks "a silent dom0"
guest_goes_on "dom0 is silent" 60
let_go
ended guest-timeout "a silent dom0"

frozen_at_disks "paused"
xl pause g
let_go
await g 120
[ "$error" = guest-timeout ] || fail "paused while frozen: $state $error"
xl unpause g
ended guest-timeout "paused while frozen"

# ---- hooks
# shellcheck disable=SC2016 # for the guest's shell
guest_ask g 'cd /etc/qemu/fsfreeze-hook.d; { echo "#!/bin/busybox sh"; echo "echo \$1 >> /tmp/hooked"; } > ok; chmod +x ok; cd /' > /dev/null
row=$(guest_committed)
done_or_fail g "$must name=app"
[ "$(consistency_of app)" = app ] || fail "app is $(consistency_of app)"
[ "$(guest_ask g 'cat /tmp/hooked' | tr '\n' ' ')" = "freeze thaw " ] || fail "hooks: $(guest_ask g 'cat /tmp/hooked')"
guest_ask g 'cd /etc/qemu/fsfreeze-hook.d; { echo "#!/bin/busybox sh"; echo "sleep 1000"; } > zz; chmod +x zz; cd /' > /dev/null
refused g unsupported "$must"
[[ $(status_of g "$id" message) == *'took too long'* ]] || fail "the hook is not named: $(status_of g "$id" message)"
guest_goes_on "a hook that hangs" 45
guest_ask g 'rm /etc/qemu/fsfreeze-hook.d/zz' > /dev/null
note "hooks"

# ---- over a restore: the daemon says again that it is there, and has a new event channel
done_or_fail g 'create name=whole'
done_or_fail g 'revert name=whole'
wait_for 60 guestd_is_there || fail "after a restore xensnap-guestd does not announce itself"
frozen_at_disks "restored"
bell_is_bound "restored"
let_go
await g 120
[ "$state" = 'done' ] || fail "restored: $state $error $(status_of g "$id" message)"
guest_goes_on "restored" 30
note "after a restore: ready again, and with an event channel"
for name in $(list_names g); do [ "$name" = app ] || done_or_fail g "delete name=$name"; done

# ---- back to it: the guest mounts it without a replay
back_to app "$row" 0
guestd_start
done_or_fail g "$must name=again"
done_or_fail g 'delete name=again'
done_or_fail g 'delete name=app'
guest_destroy g
nothing_left_over
