#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a snapshot needs is immutable, and nothing else is: whatever was killed, merged, refused or was there before.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
world_begin "$1"
touch "$dir/probe"
chattr +i "$dir/probe" 2> /dev/null || { echo "no immutable files here"; exit 77; }
wipe "$dir/probe"

# A qemu-img that kills its worker, if it is told to: before it commits, or behind that, and so on.
mkdir "$dir/bin"
cat > "$dir/bin/qemu-img" << EOF
#!/bin/bash
at=\$(cat "$dir/kill-at" 2> /dev/null)
die() { rm "$dir/kill-at"; kill -KILL \$PPID; }
[ "\$at" != "before \$1" ] || { die; exit 1; }
$(command -v qemu-img) "\$@"
code=\$?
[ "\$at" != "after \$1" ] || die
exit \$code
EOF
chmod +x "$dir/bin/qemu-img"
PATH=$dir/bin:$PATH
xenstored_start
xenstore-write /local/domain/0/name Domain-0
conf "store = $dir/store" "protect = yes"
agent_start

immutable() {
    [[ $(lsattr -d "$1" 2> /dev/null) == *i*' '* ]]
}

# protected [IMAGE...]: these are immutable, and of all others there are none is.
protected() {
    local image
    for image in "$@"; do
        immutable "$image" || fail "$image is not protected: $(cat "$dir/store/$vm/images.json")"
    done
    for image in "$dir"/*.qcow2 "$dir"/*.raw "$dir/store/$vm"/*.qcow2; do
        [ ! -e "$image" ] || [[ " $* " == *" $image "* ]] || ! immutable "$image" || fail "$image is immutable"
    done
}

guard() {
    python3 - "$dir/store/$vm/images.json" "$1" << 'PY'
import json, sys
for image in json.load(open(sys.argv[1]))["ledger"]:
    if image["path"] == sys.argv[2]:
        print(image.get("protected", "none"))
PY
}

# chain WHAT FORMAT: s1 holds 1 in $base, s2 holds 2 in $one; the domain goes on in $two, with 3.
chain() {
    case_begin "$1"
    base=$dir/a.$2
    machine xvda "$2" "$base"
    writes 1
    protected
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    protected "$base"
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    two=$(stored)
    writes 3
    protected "$base" "$one"
}

settled() {
    [ ! -e "$dir/store/$vm/journal" ] && ready
}

for format in qcow2 raw; do
    chain "a merge into the base, running ($format)" $format
    gives 0 xensnap delete -n s1 web1
    protected "$base"
    has "$base" 2 $format || fail "$base does not hold 2"
    writes 4
    gives 0 xensnap delete -n s2 web1
    protected
    [ "$(top)" = "$base" ] || fail "it is in $(top)"
    writes 5
done

chain "a merge into the base, stopped" qcow2
domain_end
gives 0 xensnap delete -n s2 "$vm"
[ -e "$two" ] && [ "$(role "$two")" = "retired merged" ] || fail "$two is $(role "$two")"
protected "$base" # what was merged waits for the VM to run without it, and stands on the image that is the disk now
holds "$one" 3
machine xvda qcow2 "$one"
writes 4
gives 0 xensnap delete -n s1 web1
protected
holds "$base" 4

# another WHAT: s3 holds 3 in $two, which stands on $one beside $head, in which the domain goes on, with 2 and then 6.
another() {
    chain "$1" qcow2
    gives 0 xensnap create -e -D -n s3 web1
    gives 0 xensnap revert web1 s2
    head=$(stored)
    writes 6
    protected "$base" "$one" "$two"
}

# both: what was merged is in the base, and what stood on it stands on that.
both() {
    protected "$base" "$two"
    [ ! -e "$one" ] || [ "$(role "$one")" = "retired merged" ] || fail "$one is $(role "$one")"
    holds "$base" 2
    holds "$two" 3
    holds "$head" 6
}

another "a merge of what others stand on, running"
gives 0 xensnap delete -n s1 web1
both
[ ! -e "$one" ] || fail "$one stays"
gives 0 xensnap revert web1 s3
holds "$(stored)" 3
gives 0 xensnap delete -n s2 web1
protected "$base"
holds "$base" 3

another "the same, stopped: the header of a protected image is rewritten"
domain_end
gives 0 xensnap delete -n s1 "$vm"
both
gives 0 xensnap revert "$vm" s3
holds "$(stored)" 3

for at in "before commit" "after commit" "before rebase" "after rebase"; do
    another "a merge killed $at"
    domain_end
    echo "$at" > "$dir/kill-at"
    xensnap delete -n s1 "$vm" > "$dir/out" 2>&1
    wait_for 30 settled || fail "no recovery: $(cat "$dir/out")"
    [ ! -e "$dir/kill-at" ] || fail "it was not killed"
    both
done

case_begin "tags in a protected base"
base=$dir/a.qcow2
machine xvda qcow2 "$base"
writes 1
gives 0 xensnap create -D -n in1 web1
gives 0 xensnap create -D -n in2 web1
gives 0 xensnap create -D -e -n s1 web1
protected "$base"
gives 0 xensnap delete -n in1 web1 # it waits, for the domain stands on the image
[ "$(qemu-img snapshot -U -l "$base" | grep -c xensnap-)" = 2 ] || fail "the tag has not waited"
domain_end
gives 0 xensnap delete -n in2 "$vm"
protected "$base"
[ "$(qemu-img snapshot -l "$base" | grep -c xensnap-)" = 0 ] || fail "a tag is left: $(qemu-img snapshot -l "$base")"

# given_up: the merge of s2 into the image below is broken off, for our copy of the configuration cannot be written.
given_up() {
    mkdir "$dir/store/$vm/disk.cfg.new"
    xensnap delete -n s2 web1 > "$dir/out" 2>&1 && fail "it says that it has merged"
    rmdir "$dir/store/$vm/disk.cfg.new"
    grep -q merging "$dir/store/$vm/images.json" || fail "it was not broken off in its merge: $(cat "$dir/out")"
    protected "$base" "$one"
    [ "$(top)" = "$two" ] || fail "it is in $(top)"
    writes 4
    gives 0 xensnap delete -n s1 web1
    protected
    holds "$base" 4
}

chain "a delete that is broken off in its merge" qcow2
given_up
chain "the same, when the VM was started on these images" qcow2
domain_end
machine xvda qcow2 "$two"
given_up

chain "the VM is started with its old xl.cfg" qcow2
domain_end
sums_of "$base" "$one" "$two"
for image in "$base" "$one"; do
    domain_config pv xvda qcow2 rw "$image" | domain create > "$dir/out" 2>&1 && fail "it was started from $image"
    ! grep -q 'Operation not permitted' "$dir"/*.log "$dir/out" "$dir"/domains/*/* 2> /dev/null || told=yes
done
[ "${told:-}" = yes ] || fail "nobody says why: $(cat "$dir/out")"
unchanged
protected "$base" "$one"
machine xvda qcow2 "$two"
holds "$two" 3

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
protected # nothing was ever written to the disk that is detached, so that nothing stands on its base

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
