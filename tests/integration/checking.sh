# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests of xensnap check, after lib.sh and ledger.sh: a VM in whose store all is well, and damages to it.
# shellcheck shell=bash disable=SC2154 # dir, build and vm are lib.sh's

check() {
    "$build/tests/integration/xensnap" check --config "$dir/xensnap.conf" "$@"
}

# Everything there is, with its times: no byte of a file is changed without its ctime.
state() {
    find "$dir" -path "$dir/good" -prune -o '(' -path "$dir/store*" -o -name '*.qcow2' -o -name '*.raw' ')' \
        -printf '%p %y %m %s %T@ %C@ %i\n'
}

# checks CODE WORDS...: the check ends with that, and has changed nothing.
checks() {
    local code=$1
    shift
    state > "$dir/before"
    gives "$code" check "$@"
    state > "$dir/after"
    cmp -s "$dir/before" "$dir/after" || fail "the check has changed: $(diff "$dir/before" "$dir/after")"
}

quiet() {
    checks 0 "$@"
    [ ! -s "$dir/out" ] || fail "not silent: $(cat "$dir/out")"
}

# keep: what is there now is good, and can be damaged; restore: it is as then.
keep() {
    wipe "$dir/good"
    mkdir "$dir/good"
    writable -R "$dir" 2> /dev/null
    cp -a "$store" "$dir/good/vm"
    cp -a "$dir"/*.qcow2 "$dir"/*.raw "$dir/good"
}

restore() {
    wipe "$store" "$dir"/*.qcow2 "$dir"/*.raw
    cp -a "$dir/good/vm" "$store"
    cp -a "$dir/good"/*.qcow2 "$dir/good"/*.raw "$dir"
}

# edit FILE PYTHON: of the JSON d.
edit() {
    /usr/bin/python3 - "$@" << 'PY'
import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(d, open(sys.argv[1], "w"), indent=2)
PY
}

# bytes FILE OFFSET HEX
bytes() {
    /usr/bin/python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    f.write(bytes.fromhex(sys.argv[3]))' "$@"
}

found=0
# finds LINES WORDS [OPTION...]: so many problems, one of which has these words; then all is as it was.
finds() {
    local lines=$1 words=$2
    shift 2
    checks 1 "$@" web1
    says "$words"
    [ "$(grep -c "^web1 ($vm): " "$dir/out")" = "$lines" ] || fail "not $lines lines but: $(cat "$dir/out")"
    ! grep -vE '^web1 \([0-9a-f-]*\): [^:]+: .*; .*' "$dir/out" || fail "a line has no way out: $(cat "$dir/out")"
    found=$((found + 1))
    restore
}

no_journal() {
    [ ! -e "$store/journal" ]
}

# The journal goes behind the answer, and of what is between them nothing is told.
at_rest() {
    wait_for 20 no_journal || fail "the journal stays: $(cat "$store/journal")"
}

id_of() {
    basename "$(dirname "$(record "$1")")"
}

# head_of VDEV: the image that its disk is in.
head_of() {
    /usr/bin/python3 -c 'import json, sys
print(*[i["path"] for i in json.load(open(sys.argv[1]))["ledger"] if i["role"] == "head" and i["vdev"] == sys.argv[2]])' \
        "$store/images.json" "$1"
}

# well_begin: web1 runs and has the snapshots inside, memory and outside, on two disks.
well_begin() {
    store=$dir/store/$vm
    machine xvda qcow2 "$dir/xvda.qcow2" xvdb raw "$dir/xvdb.raw"
    gives 0 xensnap create -D --disks xvda -n inside web1
    writes 1
    gives 0 xensnap create -n memory -e web1
    gives 0 xensnap create -D -e -n outside web1
    writes 2
    writes 3 xvdb
    at_rest
    inside=$(id_of inside) memory=$(id_of memory) outside=$(id_of outside)
    head_a=$(head_of xvda) head_b=$(head_of xvdb)
}
