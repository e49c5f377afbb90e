#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An image to which two devices write, as an HVM guest's emulated and PV disk while it boots: no snapshot inside it is
# removed, for each device has its own idea of what is where in it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

inside() {
    qemu-img snapshot -U -l "$dir/a.qcow2" | grep -c xensnap-
}

case_begin "a deleted snapshot waits in it"
machine xvda qcow2 "$dir/a.qcow2" xvdc qcow2 "$dir/c.qcow2"
gives 0 xensnap create -D --disks xvda -n s1 web1
gives 0 xensnap create -D --disks xvdc -n s2 web1
gives 0 xensnap create -D --disks xvdc -n s3 web1
tag=xensnap-$(basename "$(dirname "$(record s1)")")
rm -r "$(dirname "$(record s1)")"
echo '{"version":2,"ledger":[{"path":"'"$dir/a.qcow2"'","format":"qcow2","made":false,"role":"head","vdev":"xvda",
    "remove":["'"$tag"'"]}]}' > "$dir/store/$vm/images.json"
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdb qcow2 "$dir/a.qcow2" xvdc qcow2 "$dir/c.qcow2"
gives 0 xensnap delete -n s2 web1
[ "$(inside)" = 1 ] || fail "it was removed beside another writer"
domain_end
machine xvda qcow2 "$dir/a.qcow2" xvdc qcow2 "$dir/c.qcow2"
gives 0 xensnap delete -n s3 web1
[ "$(inside)" = 0 ] || fail "it stays when there is one writer"
echo ok
