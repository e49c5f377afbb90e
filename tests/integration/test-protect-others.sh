#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Protected images, and what is not ours: the administrator's flags, others who write, crashes, file systems without it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/protecting.sh"
protecting_begin "$1"

case_begin "an image that had the flag before"
base=$dir/a.qcow2
machine xvda qcow2 "$base"
writes 1
chattr +i "$base"
gives 0 xensnap create -e -D -n s1 web1
one=$(stored)
writes 2
[ "$(guard "$base")" = theirs ] || fail "it is $(guard "$base")"
gives 0 xensnap delete -n s1 web1
says 'is immutable, and not because of xensnap'
protected "$base"
[ "$(guard "$base")" = theirs ] && [ "$(top)" = "$one" ] || fail "it is $(guard "$base"), in $(top)"
holds "$base" 1
agent_end TERM
agent_start
protected "$base"
chattr -i "$base"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
protected
holds "$base" 2
[ ! -e "$one" ] || fail "$one stays"

chain "somebody else writes to what would have to be protected" qcow2
gives 0 xensnap delete -n s2 web1
gives 0 xensnap delete -n s1 web1
protected
sleep 300 9<> "$base" &
holder=$!
gives 0 xensnap create -e -D -n s3 web1
protected
grep -q "$base is not protected: .*open for writing" "$dir/agent.log" || fail "nobody says so"
kill $holder
gives 0 xensnap create -D -n s4 web1
protected "$base"

chain "what a crash has left is put right before the agent is ready" qcow2
agent_end KILL
chattr -i "$base" "$one"
agent_start
protected "$base" "$one"
domain_end
agent_end TERM
sed -i "s|\(disk_.*${two##*disk_}\",\)|\1 \"protected\": \"ours\",|" "$dir/store/$vm/images.json"
chattr +i "$two"
chattr -i "$base"
agent_start
protected "$base" "$one"
machine xvda qcow2 "$two"
writes 7

case_begin "a delete that leaves a disk of the VM on its own"
machine xvda qcow2 "$base" xvdb raw "$dir/b.raw"
gives 0 xensnap create -e -D -n s1 web1
one=$(stored xvdb)
domain_end
machine xvda qcow2 "$(disk=xvda; sed -n "s/.*vdev=$disk,.*target=\([^\"]*\)\".*/\1/p" "$dir/store/$vm/disk.cfg" | head -n 1)"
gives 0 xensnap delete -n s1 web1
protected "$base" # the disk that is detached stands on it, though nothing was ever written to it

if unshare -m true 2> /dev/null; then
    case_begin "a file system that has no such flag"
    mkdir "$dir/ram"
    mount -t ramfs ramfs "$dir/ram" || fail "no ramfs"
    trap 'umount -l "$dir/ram"; cleanup' EXIT
    base=$dir/ram/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    [ "$(guard "$base")" = cannot ] || fail "it is $(guard "$base")"
    one=$(stored)
    gives 0 xensnap create -e -D -n s2 web1
    writes 2
    protected "$one"
    gives 0 xensnap delete -n s2 web1
    gives 0 xensnap delete -n s1 web1
    holds "$base" 2
    domain_end
fi

# An image whose file system is not there is not forgotten as long as our flag is on it: nobody else would take it off.
case_begin "an image that nothing needs any more is not there, and comes back"
wipe "$dir/mounted" "$dir/gone"
mkdir "$dir/mounted"
base=$dir/mounted/a.qcow2
machine xvda qcow2 "$base"
writes 1
gives 0 xensnap create -D -n s0 web1
gives 0 xensnap create -e -D -n s1 web1
gives 0 xensnap revert web1 s0
[ "$(top)" != "$base" ] && [ "$(guard "$base")" = ours ] || fail "it is in $(top), $(guard "$base")"
mv "$dir/mounted" "$dir/gone"
gives 0 xensnap delete -n s1 web1
is "$base" "retired deleted"
mv "$dir/gone" "$dir/mounted"
immutable "$base" || fail "the test sees nothing"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
! immutable "$base" || fail "our flag is left on it: $(cat "$dir/store/$vm/images.json")"
[ -z "$(role "$base")" ] || fail "it is not forgotten: $(cat "$dir/store/$vm/images.json")"

# Without the capability, as in a container.
agent_end TERM
xensnapd() { setpriv --bounding-set=-linux_immutable --inh-caps=-all "$build/xensnapd" "$@"; }
chain_without() {
    case_begin "an agent that may not set it"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    writes 2
    protected
    [ "$(guard "$base")" = cannot ] || fail "it is $(guard "$base")"
    gives 0 xensnap delete -n s1 web1
    holds "$base" 2
}
: > "$dir/agent.log"
xensnapd --config "$dir/xensnap.conf" --run "$dir/run" --libexec "$build/tests/double" >> "$dir/agent.log" 2>&1 &
agent=$!
wait_for 10 ready || fail "the agent does not start"
chain_without
echo ok
