#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap check --data finds what only reading finds.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin
domain_end
quiet --data
keep

# ---- data ----

bytes "$store/$memory/memory" 4000 ff
finds 1 "snapshot memory ($memory): the memory image is not what was written" --data
l2=$(/usr/bin/python3 -c 'import struct, sys
f = open(sys.argv[1], "rb"); f.seek(40); f.seek(struct.unpack(">Q", f.read(8))[0])
print((struct.unpack(">Q", f.read(8))[0] & 0x00fffffffffffe00) + 16 * 8)' "$dir/xvda.qcow2")
bytes "$dir/xvda.qcow2" "$l2" 8000000040000000
finds 1 "$dir/xvda.qcow2: qemu-img has found [0-9]* errors in it" --data
bytes "$dir/xvda.qcow2" "$l2" 0000000000000000
finds 1 "$dir/xvda.qcow2: [0-9]* clusters in it belong to nothing" --data

refcounts=$(/usr/bin/python3 -c 'import struct, sys
f = open(sys.argv[1], "rb"); f.seek(48); f.seek(struct.unpack(">Q", f.read(8))[0])
print(struct.unpack(">Q", f.read(8))[0])' "$head_b")
bytes "$head_b" "$refcounts" 0001000100000001
finds 1 "$head_b: qemu-img has found [0-9]* errors in it; copy it first; .*-r all $head_b" --data
bytes "$head_b" "$refcounts" 0001000100010009
finds 1 "$head_b: [0-9]* clusters in it belong to nothing; .*-r leaks $head_b" --data

# ---- what is no file is not waited for, and not read without end ----

soon() {
    gives 1 timeout 20 "$build/tests/integration/xensnap" check --config "$dir/xensnap.conf" --data web1
    says "$1"
    found=$((found + 1))
    restore
}
edit "$store/$memory/snapshot.json" "d['memory']['file'] = '$dir/elsewhere'"
mkfifo "$dir/elsewhere"
soon "snapshot memory ($memory): the memory image is no file; .*xensnap delete"
edit "$store/$memory/snapshot.json" "d['memory']['file'] = '$dir/elsewhere'"
ln -sf /dev/zero "$dir/elsewhere"
soon "snapshot memory ($memory): the memory image is no file; .*xensnap delete"
rm "$store/$memory/memory"
mkfifo "$store/$memory/memory"
soon "snapshot memory ($memory): the memory image is no file; .*xensnap delete"
for file in current config.json disk.cfg "$memory/snapshot.json" "$memory/config.json"; do
    rm "$store/$file"
    mkfifo "$store/$file"
    soon "^web1 "
done

# ---- a VM with which something is done meanwhile ----

# with WORDS COMMAND...: the check's qemu-img does that, whenever it is called with these words.
mkdir "$dir/bin"
with() {
    printf '#!/bin/sh\ncase "$*" in "%s"*) echo >> %s/times; %s ;; esac\nexec %s "$@"\n' "$1" "$dir" "$2" \
        "$(PATH=${PATH#"$dir/bin:"} command -v qemu-img)" > "$dir/bin/qemu-img"
    chmod +x "$dir/bin/qemu-img"
    rm -f "$dir/times"
}
busy="mkdir $store/x; rmdir $store/x"
times() {
    [ "$(wc -l < "$dir/times")" = "$1" ] || fail "qemu-img was started $(wc -l < "$dir/times") times"
}
PATH=$dir/bin:$PATH
images=$(ls "$dir"/*.qcow2 "$store"/*.qcow2 | wc -l)
with 'check -U' "$busy"
gives 0 check --data web1
[ ! -s "$dir/out" ] || fail "not silent: $(cat "$dir/out")"
times "$images"
mkdir "$store/.draft"
# Without a process for each change, which would be too slow beside a busy host's others.
nice -n -10 /usr/bin/python3 -c 'import os, sys
top, store = sys.argv[1:]
n = 0
while not os.path.exists(top + "/enough"):
    os.mkdir(store + "/x")
    os.rmdir(store + "/x")
    n += 1
    if n == 100:
        open(top + "/busy", "w")' "$dir" "$store" &
busily=$!
wait_for 10 [ -e "$dir/busy" ] || fail "nothing is done"
gives 2 check web1
says 'directory: something was done on it all the while'
! grep -q draft "$dir/out" || fail "it says what it has seen: $(cat "$dir/out")"
gives 2 check --data web1
touch "$dir/enough"
wait $busily
rmdir "$store/.draft"
bytes "$dir/xvda.qcow2" "$l2" 8000000040000000
bytes "$store/$memory/memory" 4000 ff
with 'check -U' "$busy"
gives 1 check --data web1
says "snapshot memory ($memory): the memory image is not what was written"
says "$dir/xvda.qcow2: qemu-img has found something in it, and something was done on the VM meanwhile"
[ "$(grep -c '; ' "$dir/out")" = 1 ] || fail "more than that is said: $(cat "$dir/out")"
restore
rm "$dir/bin/qemu-img"

# ---- where there is neither libxl nor xenstored ----

# The real worker; configurations are as libxl writes them.
/usr/bin/python3 - "$store" << 'PY'
import glob, json, sys
for path in glob.glob(sys.argv[1] + "/**/config.json", recursive=True):
    disks = []
    for line in open(path):
        words = line.rstrip("\n").split(" ", 4)
        if words[0] == "disk":
            disks.append({"pdev_path": words[4], "vdev": words[1], "backend": "qdisk", "format": words[2],
                          "removable": 1, "readwrite": 1})
    json.dump({"c_info": {"type": "pv", "name": "web1"}, "b_info": {"max_memkb": 1024}, "disks": disks}, open(path, "w"))
PY
worker() {
    "$build/xensnap-worker" --check --store "$dir/store" "$@" 2> "$dir/said"
}
real() {
    gives "$1" env XENSTORED_PATH="$dir/nobody" bash -c "$(declare -f worker)"'; worker "${@:2}"' - "$@"
}
export build dir
state > "$dir/before"
real 0
[ ! -s "$dir/out" ] || fail "not silent: $(cat "$dir/out")"
grep -q 'what runs is not looked at' "$dir/said" || fail "it does not say that libxl is not there: $(cat "$dir/said")"
real 0 --data "${vm^^}"
edit "$store/config.json" "d['disks'].pop()"
real 1 web1
says "^web1 ($vm): $head_b: disk xvdb went on in it, and no disk of the VM is in it now"
real 1 --json
/usr/bin/python3 -c 'import json, sys
told = json.load(sys.stdin)
assert [vm["vm"] for vm in told] == [sys.argv[1]], told
assert [(p["kind"], p["about"]) for p in told[0]["problems"]] == [("orphan", sys.argv[2])], told
assert told[0]["problems"][0]["way-out"], told' "$vm" "$head_b" < "$dir/out" || fail "not such JSON"
edit "$store/config.json" "d['disks'] = 5; d['c_info'] = []"
real 1
echo nonsense > "$store/config.json"
real 1
says "config.json: the VM's configuration cannot be read"
real 2 nobody
real 2 7
real 2 --what
gives 2 env "$build/xensnap-worker" --check --store "$dir/nowhere"
restore

echo "$found damages were found"
