#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command line against a real xenstored, with an agent that notes what it is asked and answers from a script.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
cd "$dir" || exit 1
other=89abcdef-4567-4cde-8f01-23456789abcd

requests=/local/domain/0/snapshot/request status=/local/domain/0/snapshot/status
xenstore-write $requests '' $status '' /local/domain/0/name Domain-0 \
    /local/domain/5/name web1 /local/domain/5/vm "/vm/$vm" \
    "/tool/xensnap/vm/$vm/name" web1 "/tool/xensnap/vm/$vm/domid" 5 "/tool/xensnap/vm/$other/name" 'old db'

# "asked" is the last request, a line for each key.
answer() {
    local path id operation key dry=()
    while read -r path; do
        : > watched
        [[ $path == */operation ]] || continue
        path=${path%/operation} id=${path##*/}
        operation=$(xenstore-read "$path/operation" 2> /dev/null) || continue
        for key in $(xenstore-list "$path"); do # not xenstore-ls, which cuts
            echo "$key = \"$(xenstore-read "$path/$key")\""
        done | sort > asked
        dry=()
        ! xenstore-exists "$path/dry-run" || dry=("$status/$id/plan-0" 'save the memory' "$status/$id/plan-1" 'xvda: "internal"')
        xenstore-rm "$path"
        xenstore-write "$status/$id/operation" "$operation" "$status/$id/vm" "$vm" "$status/$id/name" s1 \
            "${dry[@]}" "$status/$id/state" done
    done
}
mkfifo events
xenstore-watch $requests > events &
answer < events &
wait_for 10 test -e watched || fail "nobody watches for requests"

# asks WORDS...: xensnap is content; its request is on stdin.
asks() {
    rm -f asked
    gives 0 xensnap "$@"
    grep . > wanted
    sort wanted | diff - asked > difference || fail "xensnap $* asks (right) for what it should not: $(cat difference)"
}

# refuses CODE PART WORDS...: it says so, and nothing is asked.
refuses() {
    local code=$1 part=$2
    shift 2
    rm -f asked
    gives "$code" xensnap "$@"
    [[ $(cat out) == *"$part"* ]] || fail "xensnap $* says: $(cat out), not: $part"
    [ ! -e asked ] || fail "xensnap $* has asked"
}

# ---- create ---------------------------------------------------------------------------------------------

asks create web1 << 'EOF'
domain = "web1"
operation = "create"
EOF
asks create -D -e --disks xvda,xvdb -n s1 5 << 'EOF'
disks = "xvda,xvdb"
domain = "5"
memory = "no"
name = "s1"
operation = "create"
type = "external"
EOF
asks create --memory '/srv/<domain_uuid>.save' web1 << EOF
domain = "web1"
memory = "/srv/$vm.save"
operation = "create"
EOF
asks create -m yes web1 << 'EOF'
domain = "web1"
operation = "create"
EOF
refuses 2 'memory is yes, no or the absolute path' create -m a.save web1
refuses 2 'a disk is named as' create --disks xvda, web1
refuses 2 '--disk-only and --memory yes contradict' create -D -m yes web1
refuses 2 '--disk-only means nothing to delete' delete -D web1 s1
refuses 4 'there is no domain web2' create -m '/srv/<domain_uuid>' web2

asks create --dry-run web1 << 'EOF'
domain = "web1"
dry-run = "yes"
operation = "create"
EOF
printf '%s\n' 'save the memory' 'xvda: "internal"' | diff - <(grep -v '^create: ' out) || fail "the plan is not as it should be"
gives 0 xensnap create -q -N web1
[ "$(wc -l < out)" = 2 ] || fail "quiet: $(cat out)"
gives 0 xensnap create -q -N --json web1
/usr/bin/python3 -c 'import json; assert json.load(open("out"))["plan"] == ["save the memory", "xvda: \"internal\""]' || fail "$(cat out)"
gives 0 xensnap create -q --json web1
! grep -q plan out || fail "a plan of what was done: $(cat out)"

# ---- the configuration file -----------------------------------------------------------------------------

cat > external.conf << 'EOF'
name = "1397207577"
description="Snapshot after OS installation. External snapshot"
memory="yes"
disk=['hda=/var/lib/xen/snapshots/<domain_uuid>/disk_hda.qcow2,type=qcow2',
      'hdc=/var/lib/xen/snapshots/<domain_uuid>/disk_hdc.qcow2,type=qcow2']
EOF
how_to() {
    cat << EOF
description = "Snapshot after OS installation. External snapshot"
disk-hda = "format=qcow2,target=/var/lib/xen/snapshots/$2/disk_hda.qcow2"
disk-hdc = "format=qcow2,target=/var/lib/xen/snapshots/$2/disk_hdc.qcow2"
domain = "$1"
name = "1397207577"
operation = "create"
EOF
}
asks create web1 external.conf < <(how_to web1 $vm)
asks create external.conf web1 < <(how_to web1 $vm)
asks create external.conf -n 1397207577 web1 < <(how_to web1 $vm)
asks create --disks hdc,hda 5 ./external.conf < <(how_to 5 $vm)
asks create --config external.conf $vm < <(how_to $vm $vm)
asks create 'old db' external.conf < <(how_to 'old db' $other)
asks create external.conf $other < <(how_to $other $other)
refuses 2 '--name x contradicts name="1397207577" in external.conf' create -n x web1 external.conf
refuses 2 '--disk-only contradicts memory="yes" in external.conf' create -D web1 external.conf
refuses 2 '--disks hda contradicts the disk hdc in external.conf' create --disks hda web1 external.conf
refuses 4 'there is no domain web2' create web2 external.conf
refuses 2 'too many words' create web1 external.conf more
refuses 2 'too many words' create --config external.conf web1 external.conf
refuses 16 'cannot open none.conf' create --config none.conf web1

# Which is which.
refuses 2 'there is no file none.conf, which would be the configuration file of a snapshot of web1' create web1 none.conf
refuses 2 'there is no file none.conf' create none.conf web1
refuses 2 'neither is a file or a domain' create web2 none.conf
refuses 2 'to snapshot two domains' create web1 'old db'
cp external.conf web1
asks create web1 external.conf < <(how_to web1 $vm)
asks create external.conf web1 < <(how_to web1 $vm)
refuses 2 'there is no file none.conf' create web1 none.conf
cp external.conf 'old db'
refuses 2 'each is also a domain' create web1 'old db'
asks create --config 'old db' web1 < <(how_to web1 $vm)
asks create web1 ./'old db' < <(how_to web1 $vm)
cp external.conf web3
refuses 2 'neither is a domain' create web3 external.conf
mkdir web4
refuses 2 'there is no file web4' create web1 web4

echo 'creationtime="1397207577"' > old.conf
asks create -q web1 old.conf << 'EOF'
domain = "web1"
operation = "create"
EOF
[[ $(cat out) == *'creationtime in old.conf is ignored'* ]] || fail "$(cat out)"
echo 'colour="red"' > wrong.conf
refuses 2 'wrong.conf:1: unknown key colour' create web1 wrong.conf
echo 'type="zip"' > wrong.conf
refuses 2 'wrong.conf: type is internal or external' create web1 wrong.conf

# ---- list -----------------------------------------------------------------------------------------------

# entry N ID NAME PARENT MEMORY CURRENT [MORE...]
entry() {
    local at=/tool/xensnap/vm/$vm/list/$1
    xenstore-write "$at/id" "0000000$2-4567-4cde-8f01-23456789abcd" "$at/name" "$3" "$at/created" $((1700000000 + $1)) \
        "$at/state" running "$at/type" internal "$at/consistency" memory "$at/memory" "$5" "$at/disks" xvda,xvdb \
        "$at/size" 4096 "$at/current" "$6"
    [ -z "$4" ] || xenstore-write "$at/parent" "0000000$4-4567-4cde-8f01-23456789abcd"
}
list=/tool/xensnap/vm/$vm/list
xenstore-write "$list/generation" 1 "$list/count" 4
entry 0 a base '' yes 0
entry 1 b 'my work' a no 0
entry 2 c tuned b yes 1
entry 3 d other a yes 0
xenstore-write "$list/1/left-out" xvdc "$list/1/state" paused "$list/1/type" mixed "$list/1/consistency" crash \
    "$list/1/disk-xvda" 'internal /srv/a b.qcow2' "$list/1/disk-xvdb" 'external /srv/b.qcow2'
export TZ=UTC

shows() {
    gives 0 xensnap "$@"
    diff - out || fail "xensnap $* shows (right) what it should not"
}
shows list web1 << 'EOF'
  NAME     CREATED              STATE    MEMORY     SIZE
  base     2023-11-14T22:13:20  running  memory     4.0K
  my work  2023-11-14T22:13:21  paused   disk-only  4.0K
* tuned    2023-11-14T22:13:22  running  memory     4.0K
  other    2023-11-14T22:13:23  running  memory     4.0K
EOF
shows list --tree 5 << 'EOF'
NAME                 CREATED              MEMORY
base                 2023-11-14T22:13:20  RAM
|-- my work          2023-11-14T22:13:21  disk-only
|   tuned            2023-11-14T22:13:22  RAM
|   <- you are here
`-- other            2023-11-14T22:13:23  RAM
EOF
shows list --tree web1 'my work' << 'EOF'
NAME             CREATED              MEMORY
my work          2023-11-14T22:13:21  disk-only
tuned            2023-11-14T22:13:22  RAM
<- you are here
EOF
long() {
    cat << 'EOF'
name:        my work
id:          0000000b-4567-4cde-8f01-23456789abcd
description: -
created:     2023-11-14T22:13:21+0000
state:       paused
memory:      no
type:        mixed
consistency: crash
disks:       xvda,xvdb
disk-xvda:   internal /srv/a b.qcow2
disk-xvdb:   external /srv/b.qcow2
left-out:    xvdc
size:        4096 (4.0K)
parent:      base (0000000a-4567-4cde-8f01-23456789abcd)
current:     no
EOF
}
shows list -l web1 'my work' < <(long)
shows list -l -n 'my work' web1 < <(long)
shows list --long web1 0000000b-4567-4cde-8f01-23456789abcd < <(long)
gives 0 xensnap list -l web1
[ "$(grep -c ^name: out)" = 4 ] || fail "$(cat out)"
refuses 2 'long or --tree' list -l --tree web1
gives 4 xensnap list --tree web1 nosuch
gives 0 xensnap list --json web1
/usr/bin/python3 - << 'EOF' || fail "the list as JSON: $(cat out)"
import json
base, work, tuned, other = json.load(open("out"))
assert work["left-out"] == ["xvdc"] and base["left-out"] == [] and base["images"] == [] and work["parent"] == base["id"], work
assert work["images"] == [{"disk": "xvda", "type": "internal", "path": "/srv/a b.qcow2"},
                          {"disk": "xvdb", "type": "external", "path": "/srv/b.qcow2"}], work
assert not work["memory"] and tuned["current"] and base["parent"] is None
EOF
gives 0 xensnap list --json web1 'my work'
/usr/bin/python3 -c 'import json; work, = json.load(open("out")); assert work["name"] == "my work"' || fail "$(cat out)"

# ---- revert, and what xl's name stands for ---------------------------------------------------------------

asks revert -p -n s1 web1 << 'EOF'
domain = "web1"
name = "s1"
operation = "revert"
start = "paused"
EOF
mkdir bin
ln -s "$build/xensnap" bin/xensnap
xensnap() {
    PATH=$dir/bin:$PATH "$OLDPWD/tools/xl-shim" "$@"
}
asks snapshot-create web1 external.conf < <(how_to web1 $vm)
asks -N snapshot-create --disk-only web1 << 'EOF'
domain = "web1"
dry-run = "yes"
memory = "no"
operation = "create"
EOF
asks snapshot-revert -e -n s1 web1 << 'EOF'
domain = "web1"
name = "s1"
operation = "revert"
start = "running"
EOF
