#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who looks after a domain that a revert has made: one process, whatever becomes of the domain and of the agent.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
xenstore-write /local/domain/0/name Domain-0
qemu-img create -q -f qcow2 "$dir/xvda.qcow2" 64M
{
    domain_config pv xvda qcow2 rw "$dir/xvda.qcow2"
    echo 'on reboot 1'
} | domain create > "$dir/domid" || fail "the domain is not made"
agent_start

monitors() {
    pgrep -cf "/xensnap-monitor --run $dir/run $vm"
}

# The domain has another domid, runs, and one process looks after it.
is_started_anew() {
    [ -n "$(domid)" ] && [ "$(domid)" != "$before" ] && [ "$(life 2> /dev/null)" = running ]
}

one_monitor() {
    [ "$(monitors)" = "$1" ] && [ "$(ls -A "$dir/run/monitor")" = "${2-$vm.$(domid)}" ]
}

before=$(domid)
gives 0 xensnap create -D -n s1 web1
gives 0 xensnap revert web1 s1
wait_for 10 one_monitor 1 || fail "$(monitors) monitors after a revert: $(ls -A "$dir/run/monitor")"

# A backup, which reads the image for as long as this goes on: what writes to it alone is waited for.
tail -f /dev/null 9< "$dir/xvda.qcow2" &
backup=$!

# The agent looks at all domains when one comes or goes, and on SIGHUP.
for _ in 1 2 3 4 5 6; do
    before=$(domid)
    domain shutdown "$before" reboot
    kill -HUP $agent
    wait_for 20 is_started_anew || fail "the domain $before does not come back"
    kill -HUP $agent
    wait_for 10 one_monitor 1 || fail "$(monitors) monitors after a reboot: $(ls -A "$dir/run/monitor")"
done

# Also an agent that starts anew.
gives 0 agent_end TERM
agent_start
wait_for 10 one_monitor 1 || fail "$(monitors) monitors after a restart of the agent"
domain shutdown "$(domid)" poweroff
wait_for 10 one_monitor 0 '' || fail "$(monitors) monitors after a poweroff: $(ls -A "$dir/run/monitor")"
kill $backup

# A disk that it shares with another domain (w! in xl.cfg): the other one's QEMU does not end with this one's domain.
qemu-img create -q -f qcow2 "$dir/shared.qcow2" 64M
{
    domain_config pv xvda qcow2 rw "$dir/xvda.qcow2" xvdb qcow2 rw "$dir/shared.qcow2"
    echo 'on reboot 1'
} | domain create > "$dir/domid" || fail "the domain is not made"
gives 0 xensnap create -D --disks xvda -n s2 web1
gives 0 xensnap revert web1 s2
wait_for 10 one_monitor 1 || fail "$(monitors) monitors after a revert: $(ls -A "$dir/run/monitor")"
domain_config pv xvda qcow2 rw "$dir/shared.qcow2" |
    sed 's/^name .*/name web2/; s/^uuid .*/uuid 11111111-2222-4333-8444-555555555555/' | domain create > "$dir/other" ||
    fail "the other domain is not made"
before=$(domid)
domain shutdown "$before" reboot
wait_for 30 is_started_anew || fail "the domain $before does not come back beside $(cat "$dir/other")"
[ "$(domain life "$(cat "$dir/other")")" = running ] || fail "the other domain does not run"
domain destroy "$(cat "$dir/other")"
echo ok
