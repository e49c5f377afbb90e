# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests of what is kept of images, after lib.sh: a VM at a time, with the disks that a case wants.
# shellcheck shell=bash disable=SC2154 # dir and vm are lib.sh's

# ledger_begin BUILD: everything runs, and there is no VM yet.
ledger_begin() {
    world_begin "$1"
    xenstored_start
    xenstore-write /local/domain/0/name Domain-0
    agent_start
}

# machine VDEV FORMAT IMAGE...: web1 with these disks, which are made where they are missing.
machine() {
    local disks=()
    while [ $# -ge 3 ]; do
        [ -e "$3" ] || qemu-img create -q -f "$2" "$3" 64M
        disks+=("$1" "$2" rw "$3")
        shift 3
    done
    domain_config pv "${disks[@]}" | domain create > "$dir/domid" || fail "the domain is not made"
}

# case_begin WHAT: nothing is there of an earlier one.
case_begin() {
    echo "$*"
    domain_end
    wipe "$dir/store/$vm" "$dir"/*.qcow2 "$dir"/*.raw
}

# role IMAGE: what images.json says of it, "content", "head", "retired merged"; nothing where it is not in there.
role() {
    /usr/bin/python3 - "$dir/store/$vm/images.json" "$1" << 'PY'
import json, os, sys
if os.path.exists(sys.argv[1]):
    for image in json.load(open(sys.argv[1]))["ledger"]:
        if image["path"] == sys.argv[2]:
            print(*[image["role"]] + ([image["why"]] if "why" in image else []))
PY
}

# is IMAGE ROLE
is() {
    [ "$(role "$1")" = "$2" ] || fail "$1 is '$(role "$1")' and not $2: $(cat "$dir/store/$vm/images.json" 2>&1)"
}

# record NAME: the path of its snapshot.json.
record() {
    grep -l "\"name\": \"$1\"" "$dir/store/$vm"/*/snapshot.json
}

# says WORDS: the last answer does.
says() {
    grep -q "$1" "$dir/out" || fail "not said: $1: $(cat "$dir/out")"
}

# unchanged FILE...: they are what sums_of FILE... has seen.
sums_of() {
    sha256sum "$@" > "$dir/sums"
}

unchanged() {
    sha256sum --quiet -c "$dir/sums" > "$dir/changed" 2>&1 || fail "changed or gone: $(cat "$dir/changed")"
}

# over_base WHAT: s0, inside $base, and s1 hold 1; the domain goes on in $over with 2.
over_base() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -D -n s0 web1
    gives 0 xensnap create -e -D -n s1 web1
    over=$(stored)
    writes 2
}

# two WHAT: s1 and s2 hold 1 and 2 in $base and $one; the domain goes on in $two.
two() {
    case_begin "$1"
    base=$dir/a.qcow2
    machine xvda qcow2 "$base"
    writes 1
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    two=$(stored)
    writes 3
}

# three WHAT: s1, s2 and s3 hold 1, 2 and 3 in $base, $one and $two; the domain goes on in $three.
three() {
    two "$1"
    gives 0 xensnap create -e -D -n s3 web1
    three=$(stored)
    writes 4
    sums_of "$base" "$one" "$two"
}

# healed: each snapshot can be gone back to, and all be deleted.
healed() {
    gives 0 xensnap revert web1 s2
    holds "$(stored)" 2
    gives 0 xensnap delete -n s2 web1
    gives 0 xensnap delete -n s3 web1
    gives 0 xensnap delete -n s1 web1
    [ "$(stored)" = "$base" ] || fail "it is in $(stored)"
    holds "$base" 2
}

# refused: no delete of any snapshot does anything, in this state.
refused() {
    local name
    for name in "$@"; do
        gives 13 xensnap delete -n "$name" web1
        gives 0 xensnap list web1
        says "$name"
    done
    unchanged
    [ "$(top)" = "$three" ] && [ "$(stored)" = "$three" ] || fail "it is in $(top), stored is $(stored)"
}
