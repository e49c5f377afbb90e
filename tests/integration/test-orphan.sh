#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A worker that is killed together with its agent leaves its qemu-img behind, which goes on writing.  Nothing of the VM
# is touched until it has ended; one that is slow to start has no image open yet, and is seen all the same.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make

# A qemu-img that says when it is there, and where a file "slow" is, takes its time before it opens anything.
mkdir "$dir/bin"
real=$(command -v qemu-img)
cat > "$dir/bin/qemu-img" << SH
#!/bin/bash
echo "begin \$\$ \$*" >> "$dir/order"
if [ -e "$dir/slow" ] && [[ "\$*" == "\$(cat "$dir/slow")"* ]]; then
    rm "$dir/slow"
    touch "$dir/started"
    while [ -e "$dir/started" ]; do read -rt 0.05 < "$dir/never"; done
fi
"$real" "\$@"
result=\$?
echo "end \$\$" >> "$dir/order"
exit \$result
SH
chmod +x "$dir/bin/qemu-img"
mkfifo "$dir/never"
exec 9<> "$dir/never"
export PATH="$dir/bin:$PATH"

agent_start
gives 0 xensnap create -D -n s1 web1
tag=$("$real" snapshot -U -l "$dir/xvda.qcow2" | awk '/xensnap-/ { print $2 }')
writes 2
domain destroy "$(domid)" || fail "the domain does not end"
is_gone() {
    [ -z "$(domid)" ]
}
wait_for 10 is_gone || fail "the domain does not end"

: > "$dir/order"
echo "snapshot -a $tag " > "$dir/slow"
"$build/xensnap" revert web1 s1 > "$dir/reverted" 2>&1 &
cli=$!
wait_for 20 test -e "$dir/started" || fail "qemu-img does not begin: $(cat "$dir/order" "$dir/reverted")"
kill -KILL $agent
pkill -KILL -f "^$build/tests/double/xensnap-worker.*$dir/store" || fail "no worker"
wait $agent 2> /dev/null

# The recovery has begun, and does nothing yet.
recovers() {
    grep -q 'recovery of revert' "$dir/agent.log"
}
: > "$dir/agent.log"
"$build/xensnapd" --config "$dir/xensnap.conf" --run "$dir/run" --libexec "$build/tests/double" >> "$dir/agent.log" 2>&1 &
agent=$!
wait_for 20 recovers || fail "nobody recovers it"
sleep 1
[ "$(tail -n 1 "$dir/order")" = "$(grep '^begin.*snapshot -a' "$dir/order")" ] ||
    fail "an image is touched beside a qemu-img that writes: $(cat "$dir/order")"
rm "$dir/started"
wait_for 60 ready || fail "the agent does not come up"
wait $cli || fail "exit code $?: $(cat "$dir/reverted")"
is_running() {
    [ "$(domid)" ] && [ "$(life)" = running ]
}
wait_for 20 is_running || fail "the domain does not run"
gives 0 agent_end TERM
"$real" check -q -U "$dir/xvda.qcow2" || fail "the image is damaged"
has "$dir/xvda.qcow2" 2 && fail "it was not put back"
exit 0
