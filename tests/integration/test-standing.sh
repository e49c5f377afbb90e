#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# Who let a guest stand still lets it go, and nobody else does: a guest that was started between a request and its
# operation, a suspend that is somebody else's, a journal that another version has written.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start

# planted LIFE STEP... : a journal that $order begins; the domain is brought to LIFE, and the agent is started on it.
id=bbb00a5e-14dd-4f1b-bf46-760857fe34b4
planted() {
    local state=$1
    shift
    gives 0 agent_end TERM
    case $state in
        paused) domain pause "$(domid)" ;;
        suspended) domain shutdown "$(domid)" suspend ;;
    esac
    mkdir -p "$dir/store/$vm"
    printf '{"vm":"%s","domid":%s,"home":0,"id":"x","snapshot":"%s","request":[%s]}\n' "$vm" "$(domid)" $id "$order" \
        > "$dir/store/$vm/journal"
    printf '%s\n' "$@" >> "$dir/store/$vm/journal"
    agent_start
    wait_for 20 grep -q 'request x: [a-z]* of domain .* after' "$dir/agent.log" || fail "no recovery ends"
}

step() {
    echo "{\"step\":\"$1\"}"
}

journal_gone() {
    [ ! -e "$dir/store/$vm/journal" ]
}

# is LIFE WHAT
is() {
    [ "$(life)" = "$1" ] || fail "$2: it is $(life) and not $1"
}

go_on() {
    case $(life) in
        paused) domain unpause "$(domid)" ;;
        suspended) domain resume "$(domid)" ;;
    esac
}

# ---- a create that was asked for while the VM was stopped, and is done when it runs: the agent does not know yet.
gives 0 xensnap create -D -n first web1
gives 0 agent_end TERM
xenstore-rm "/local/domain/$(domid)"
agent_start
echo suspended > "$dir/save-fails"
gives 14 xensnap create -n mem $vm
rm "$dir/save-fails"
is running "asked for while the VM was stopped"
gives 0 xensnap create -n mem $vm
is running "asked for while the VM was stopped"
wait_for 10 journal_gone || fail "a journal is left"

# ---- a suspend that is not ours: xl save's, say.
with='["operation","create"],["name","s"]'
without='["operation","create"],["name","s"],["memory","no"],["type","external"]'
while IFS='|' read -r order_name state steps want what; do
    order=${!order_name}
    words=()
    for word in $steps; do
        if [ "$word" = let_go ]; then words+=('{"let_go":true}'); else words+=("$(step "$word")"); fi
    done
    planted "$state" "${words[@]}"
    is "$want" "$what"
    wait_for 10 journal_gone || fail "$what: the journal is left: $(cat "$dir/store/$vm/journal")"
    go_on
done << 'EOF'
with|suspended|prepare|suspended|suspended before our save was begun
with|suspended|prepare save|running|suspended in our save
with|suspended|prepare save disks|running|suspended since our save
with|suspended|prepare save disks resume let_go|suspended|suspended since we let it go
with|suspended|prepare save disks resume commit|suspended|suspended since we let it go, by the next step
without|suspended|prepare pause disks resume let_go|suspended|suspended by another, without memory
without|suspended|prepare|suspended|suspended before we did anything
without|paused|prepare|paused|paused by another
without|paused|prepare pause|running|paused by us
without|paused|prepare pause disks resume let_go|paused|paused by another since we let it go
EOF

# ---- a journal of another version: who stands still is let go, and all else is left to whoever understands it.
newer='["operation","create"],["name","s"],["compress","yes"]'
newer_without='["operation","create"],["name","s"],["memory","no"],["type","external"],["compress","yes"]'
newer_value='["operation","create"],["name","s"],["memory","no"],["quiesce","deep"]'
revert='["operation","revert"],["name","first"],["compress","yes"]'
other='["operation","export"],["name","first"]'
while IFS='|' read -r order_name state steps want what; do
    order=${!order_name}
    words=()
    for word in $steps; do words+=("$(step "$word")"); done
    mkdir -p "$dir/store/$vm/.draft"
    planted "$state" "${words[@]}"
    is "$want" "$what"
    wait_for 20 grep -q 'waits for somebody' "$dir/agent.log" || fail "$what: tried again"
    grep -q 'another version of xensnap has begun this' "$dir/agent.log" || fail "$what: nobody says so"
    [ -e "$dir/store/$vm/journal" ] && [ -d "$dir/store/$vm/.draft" ] || fail "$what: what is not understood was removed"
    gives 6 xensnap create -D -n later web1
    rm "$dir/store/$vm/journal"
    rmdir "$dir/store/$vm/.draft"
    go_on
done << 'EOF'
newer|suspended|prepare save|running|an unknown key
newer|suspended|prepare|suspended|an unknown key, and a suspend that is not ours
newer_without|paused|prepare pause disks|running|an unknown key, paused
newer_value|paused|prepare pause|running|an unknown value
with|suspended|prepare save pack|running|an unknown step
with|suspended|prepare pack save|running|an unknown step before
without|paused|prepare pause pack|running|an unknown step, paused
revert|paused|prepare pause|running|a revert with an unknown key
revert|paused|prepare pause destroy|paused|a revert with an unknown key, beyond its point of no return
other|paused|prepare pause|running|an unknown operation
other|paused|prepare|paused|an unknown operation, which has paused nothing
EOF
gives 0 xensnap delete web1 mem
gives 0 xensnap delete web1 first
gives 0 agent_end TERM
echo ok
