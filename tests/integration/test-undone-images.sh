#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# A create whose worker is killed when the overlay is in the ledger, and what may have become of the domain meanwhile: what
# the guest has written is there, wherever it was written to, and an overlay goes only if nothing was.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

worker() {
    pgrep -f "^$build/tests/double/xensnap-worker .*" | while read -r pid; do
        ! { tr '\0' '\n' < "/proc/$pid/environ"; } 2> /dev/null | grep -qx "XL_DOUBLE=$dir" || echo "$pid"
    done
}

saves() {
    over=$(ls "$dir/store/$vm"/disk_*.qcow2 2> /dev/null) && [ -n "$over" ] && grep -q '"save"' "$dir/store/$vm/journal"
}

# begun WHAT: a create is on its way, and hangs before the transaction; the overlay is $over, and a head.
begun() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    touch "$dir/hang"
    xensnap create -e -q -n s1 web1 > "$dir/asked" 2>&1 &
    wait_for 10 saves || fail "it does not come to save: $(cat "$dir/asked")"
    is "$over" head
    killed=$(worker)
    [ -n "$killed" ] || fail "there is no worker"
}

ended_all() {
    [ ! -e "$dir/store/$vm/journal" ] && [ -z "$(worker)" ]
}

# recovered: the worker is killed, and its recovery has ended.
recovered() {
    kill -KILL "$killed"
    rm "$dir/hang"
    wait_for 30 ended_all || fail "the recovery does not end"
}

begun "nothing else happens"
recovered
[ "$(top)" = "$base" ] && [ "$(stored)" = "$base" ] && [ ! -e "$over" ] || fail "it is in $(top); $(ls "$dir/store/$vm")"
holds "$base" 1

begun "the domain dies"
kill -STOP "$killed"
domain_end
recovered
[ "$(role "$over")" != head ] || fail "an empty overlay is still a head"
grep -q "target=$base\"" "$dir/store/$vm/disk.cfg" || fail "the VM would be started with $(cat "$dir/store/$vm/disk.cfg")"
holds "$base" 1
machine xvda qcow2 "$base"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
[ ! -e "$over" ] || fail "$over stays when the VM has run without it"

begun "the guest reboots into the overlay"
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$over"
writes 2
recovered
[ "$(top)" = "$base" ] && [ "$(stored)" = "$base" ] && [ ! -e "$over" ] || fail "it is in $(top); $(ls "$dir/store/$vm")"
holds "$base" 2

begun "the guest reboots into the overlay and ends"
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$over"
writes 3
domain_end
recovered
holds "$base" 3

begun "the guest reboots into the image below"
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$base"
writes 4
recovered
[ "$(top)" = "$base" ] && [ ! -e "$over" ] || fail "it is in $(top); $(ls "$dir/store/$vm")"
holds "$base" 4

begun "it was in the overlay, and reboots into the image below"
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$over"
writes 5
domain_end
machine xvda qcow2 "$base"
recovered
[ "$(top)" = "$base" ] || fail "it is in $(top)"
is "$over" head
holds "$over" 5
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
holds "$over" 5

begun "the same, and the domain has the number of the one that was there, as after a start of the host"
number=$(domid)
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$over"
writes 6
domain_end
echo "$number" > "$dir/next-domid"
machine xvda qcow2 "$base"
[ "$(domid)" = "$number" ] || fail "it is domain $(domid) and not $number"
recovered
[ "$(top)" = "$base" ] || fail "it is in $(top)"
is "$over" head
holds "$over" 6

begun "another image is the disk meanwhile"
kill -STOP "$killed"
domain_end
machine xvda qcow2 "$dir/z.qcow2"
writes 7
recovered
[ "$(top)" = "$dir/z.qcow2" ] && [ "$(stored)" = "$dir/z.qcow2" ] || fail "QEMU is in $(top), libxl says $(stored)"
[ ! -e "$dir/store/$vm/disk.cfg" ] || grep -q "target=$dir/z.qcow2\"" "$dir/store/$vm/disk.cfg" ||
    fail "the VM would be started with $(cat "$dir/store/$vm/disk.cfg")"
holds "$base" 1

begun "the record of what was begun cannot be read"
record=$dir/store/$vm/.draft/snapshot.json
cp "$record" "$dir/kept"
echo '{' > "$record"
kill -KILL "$killed"
rm "$dir/hang"
no_worker() { [ -z "$(worker)" ]; }
wait_for 30 no_worker || fail "the recovery does not end"
[ -e "$over" ] && [ -e "$dir/store/$vm/journal" ] || fail "nobody knows what was made, and it is removed"
cp "$dir/kept" "$record"
agent_end TERM
agent_start
wait_for 30 ended_all || fail "the recovery does not end"
[ "$(top)" = "$base" ] && [ "$(stored)" = "$base" ] && [ ! -e "$over" ] || fail "it is in $(top); $(ls "$dir/store/$vm")"
holds "$base" 1
echo ok
