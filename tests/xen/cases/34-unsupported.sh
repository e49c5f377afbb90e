#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 400
# What cannot be snapshotted is refused by a sentence that names it, and nothing is changed.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh


# stored PYTHON: changes libxl's stored configuration `d` of the guest; with no argument puts back what it was.
stored() {
    local file
    file=$(echo /var/lib/xen/userdata-d."$(guest_domid g)".*.libxl-json)
    [ -e /var/tmp/stored ] || cp "$file" /var/tmp/stored
    cp /var/tmp/stored "$file"
    [ -z "$1" ] || python3 - "$file" "$1" << 'PY'
import json, sys
d = json.loads(open(sys.argv[1]).read().rstrip("\0"))
exec(sys.argv[2])
open(sys.argv[1], "w").write(json.dumps(d) + "\0")
PY
}

# says WORDS LINE: refused as unsupported, in these words.
says() {
    local message
    refused g unsupported "$2"
    message=$(status_of g "$id" message)
    [[ $message == *"$1"* ]] || fail "'$2' is refused with: $message"
}

same_as_before() {
    fingerprint g | grep -v generation > /tmp/after
    diff /tmp/before /tmp/after || fail "something was changed by: $1"
}

fresh_start
rm -f /var/tmp/stored
GUEST_WORDS='blocks=256 pages=64' guest_start g hvm disks=1 size=8M
done_or_fail g 'create name=s1 memory=no'
fingerprint g | grep -v generation > /tmp/before
domid=$(guest_domid g)

while IFS='|' read -r words change; do
    stored "$change"
    says "$words" create
    same_as_before "$words"
done << 'TABLE'
nested virtualisation|d["b_info"]["nested_hvm"] = "True"
a vNUMA layout|d["b_info"]["vnuma_nodes"] = [{"memkb": 163840}]
alternate memory views|d["b_info"]["altp2m"] = "mixed"
a device model stubdomain|d["b_info"]["device_model_stubdomain"] = "True"
dm_restrict|d["b_info"]["dm_restrict"] = "True"
TABLE
stored ''
note "by configuration"

max=$(xs_read "/local/domain/$domid/memory/static-max")
xenstore-write "/local/domain/$domid/memory/static-max" $((max + 65536))
says 'populated on demand' create
xenstore-write "/local/domain/$domid/memory/static-max" "$max"
same_as_before memory

vm=$(vm_of g)
echo '<domain/>' > "/var/lib/xen/userdata-d.$domid.$vm.libvirt-xml"
says "libvirt's" create
says "libvirt's" 'create memory=no type=external'
says "libvirt's" 'revert name=s1'
same_as_before libvirt
done_or_fail g 'create name=s2 memory=no'
done_or_fail g 'delete name=s2'
rm "/var/lib/xen/userdata-d.$domid.$vm.libvirt-xml"
note "libvirt's domains: internal disk-only snapshots and no more"

check xl config-update g /etc/xen/g.cfg
says 'config-update' 'create memory=no type=external'
same_as_before config-update
guest_wait_tick g $(($(guest_tick g) + 3))
check guest_unharmed g
nothing_left_over
