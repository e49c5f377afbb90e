#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# An image in which a disk went on is never unlinked because no configuration names it: detached, attached since, started
# from another one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# two WHAT: a VM with two disks, which go on in $one and $two, holding 1 and 2.
two() {
    case_begin "$1"
    machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/b.qcow2"
    gives 0 xensnap create -D -n old web1
    gives 0 xensnap create -D -e -n s1 web1
    one=$(stored xvda) two=$(stored xvdb)
    writes 1 xvda
    writes 2 xvdb
}

two "a disk is detached, snapshots are deleted, and it is attached again"
domain_end
machine xvda qcow2 "$one"
gives 0 xensnap delete -n old web1
holds "$two" 2
is "$two" head
gives 0 xensnap delete -n s1 web1
holds "$two" 2
[ "$(stored xvda)" = "$dir/a.qcow2" ] || fail "the disk that is there was not merged"
holds "$dir/a.qcow2" 1
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$two"
gives 0 xensnap create -D --disks xvda -n s2 web1
gives 0 xensnap delete -n s2 web1
[ "$(stored xvdb)" = "$dir/b.qcow2" ] && [ "$(top xvdb)" = "$dir/b.qcow2" ] || fail "xvdb is in $(stored xvdb)"
holds "$dir/b.qcow2" 2

two "a disk is detached, and the VM goes back to before that"
domain_end
machine xvda qcow2 "$one"
gives 0 xensnap revert web1 old
holds "$two" 2
is "$two" head
[ ! -e "$one" ] || fail "what the revert replaced is still there"
gives 0 xensnap delete -n old web1
gives 0 xensnap delete -n s1 web1
holds "$two" 2

two "a disk is detached, and a create is undone"
domain_end
machine xvda qcow2 "$one"
echo timeout > "$dir/save-fails"
xensnap create -e -n s2 web1 > "$dir/out" 2>&1 && fail "the guest suspended itself"
rm "$dir/save-fails"
holds "$two" 2
[ "$(top)" = "$one" ] && [ "$(stored)" = "$one" ] || fail "it is in $(top), stored is $(stored)"

case_begin "a disk that was attached after the snapshot that is gone back to"
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap create -D -n s1 web1
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdc qcow2 "$dir/c.qcow2"
gives 0 xensnap create -D -e -n s2 web1
two=$(stored xvdc)
writes 3 xvdc
gives 0 xensnap revert web1 s1
holds "$two" 3
is "$two" head
gives 0 xensnap delete -n s2 web1
holds "$two" 3

case_begin "the VM is started from the image that is its snapshot"
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -D -e -n s1 web1
one=$(stored)
writes 2
domain_end
writable "$dir/a.qcow2"
machine xvda qcow2 "$dir/a.qcow2"
gives 13 xensnap delete -n s1 web1
says 'which is snapshot'
gives 13 xensnap create -D -e -n s2 web1
says 'which is snapshot'
gives 13 xensnap revert web1 s1
holds "$one" 2
domain_end
machine xvda qcow2 "$one" # as disk.cfg says
gives 0 xensnap delete -n s1 web1
holds "$dir/a.qcow2" 2
[ ! -e "$one" ] || fail "not merged when it was started right again"

case_begin "another VM is started with the UUID of this one"
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap create -D -n s1 web1
gives 0 xensnap create -D -e -n s2 web1
one=$(stored)
writes 2
domain_end
qemu-img create -q -f qcow2 "$dir/z.qcow2" 64M
domain_config pv xvda qcow2 rw "$dir/z.qcow2" | sed 's/^name web1/name other/' | domain create > "$dir/domid"
sums_of "$dir/a.qcow2" "$one"
for words in "delete -n s1" "delete -n s2" "create -D -n s3" "create -D -e -n s3"; do
    # shellcheck disable=SC2086 # several words
    gives 13 xensnap $words "$vm"
    says 'neither its name nor one of its disks'
done
was=$(domid)
for name in s1 s2; do
    gives 13 xensnap revert "$vm" $name
    says 'neither its name nor one of its disks'
done
[ "$(domid) $(life) $(stored)" = "$was running $dir/z.qcow2" ] || fail "the other VM is not as it was: $(domid) $(life)"
unchanged
domain_end
# The same disks under another name is the same VM.
domain_config pv xvda qcow2 rw "$one" | sed 's/^name web1/name renamed/' | domain create > "$dir/domid"
gives 0 xensnap create -D -n s3 "$vm"
gives 0 xensnap delete -n s2 "$vm"

case_begin "a template whose format is written down nowhere"
qemu-img create -q -f qcow2 "$dir/golden.qcow2" 64M
qemu-img create -q -f qcow2 -u -b "$dir/golden.qcow2" -F qcow2 "$dir/a.qcow2" 64M
/usr/bin/python3 - "$dir/a.qcow2" << 'PY' # as qemu-img of old did without -F: the header extension that tells it is made unknown
import sys
with open(sys.argv[1], "r+b") as file:
    head = file.read(4096)
    file.seek(head.index(bytes.fromhex("e2792aca")))
    file.write(bytes.fromhex("11111111"))
PY
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -D -n s1 web1
gives 0 xensnap create -D -e -n s2 web1
writes 2
was=$(domid)
gives 9 xensnap revert web1 s1
says 'in which format'
[ "$(domid) $(life)" = "$was running" ] || fail "the domain is not as it was: $(domid) $(life)"
holds "$(stored)" 2
gives 0 xensnap delete -n s2 web1
holds "$dir/a.qcow2" 2
gives 0 xensnap revert web1 s1
holds "$dir/a.qcow2" 1

case_begin "an overlay in which nothing was ever written, detached"
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/b.qcow2"
writes 2 xvdb
gives 0 xensnap create -D -e -n s1 web1
one=$(stored xvda) two=$(stored xvdb)
domain_end
machine xvda qcow2 "$one"
gives 0 xensnap delete -n s1 web1
is "$two" head
holds "$two" 2
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$two"
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
[ "$(top xvdb)" = "$dir/b.qcow2" ] && [ ! -e "$two" ] || fail "xvdb is in $(top xvdb), $(ls "$dir/store/$vm")"
holds "$dir/b.qcow2" 2

case_begin "the same over an image of ours, and the snapshot that this was is deleted"
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/b.qcow2"
writes 1 xvdb
gives 0 xensnap create -e -D --disks xvdb -n s1 web1
one=$(stored xvdb)
writes 2 xvdb
gives 0 xensnap create -e -D --disks xvdb -n s2 web1
two=$(stored xvdb)
domain_end
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap delete -n s2 web1
[ -e "$one" ] || fail "$one is gone, with the only 2 that there is"
is "$two" head
holds "$two" 2
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$two"
gives 0 xensnap delete -n s1 web1
[ "$(top xvdb)" = "$dir/b.qcow2" ] || fail "xvdb is in $(top xvdb), $(ls "$dir/store/$vm")"
holds "$dir/b.qcow2" 2

case_begin "deleted while the VM is stopped: what was merged goes when it has run without it"
machine xvda qcow2 "$dir/a.qcow2"
gives 0 xensnap create -D -e -n s1 web1
one=$(stored)
writes 4
domain_end
gives 0 xensnap delete -n s1 "$vm"
holds "$dir/a.qcow2" 4
is "$one" "retired merged"
machine xvda qcow2 "$one" # from an old copy of disk.cfg
writes 5
gives 0 xensnap create -D -n s2 web1
gives 0 xensnap delete -n s2 web1
[ "$(top)" = "$dir/a.qcow2" ] && [ "$(stored)" = "$dir/a.qcow2" ] || fail "it is in $(top), stored is $(stored)"
holds "$dir/a.qcow2" 5
[ ! -e "$one" ] || fail "$one stays"
echo ok
