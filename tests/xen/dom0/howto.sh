# SPDX-License-Identifier: LGPL-2.1-or-later
# The HOWTO's chapters; lib.sh, snap.sh and disks.sh come first. `xl` is the shim, as an administrator would install it.
# shellcheck shell=bash

PATH=/usr/local/lib/xensnap-shim:$PATH

listed() {
    xl snapshot-list your_domain | awk 'NR > 1' | sed 's/^[* ] //' | awk '{ print $1 }'
}

write_config_files() {
    cat > config_file << 'CONF'
name = "1397207577"
description="Snapshot after OS installation. External snapshot"
memory="yes"
disk=['hda=/var/lib/xen/snapshots/<domain_uuid>/disk_hda.qcow2,type=qcow2',
      'hdc=/var/lib/xen/snapshots/<domain_uuid>/disk_hdc.qcow2,type=qcow2']
CONF
    # disk-only, and of one of the disks
    cat > disk_only_config_file << 'CONF'
name="only hdc"
memory="no"
disk=['hdc=/var/lib/xen/snapshots/<domain_uuid>/disk_hdc_2.qcow2,type=qcow2']
CONF
}

chapter_create() {
    local vm
    vm=$(vm_of your_domain)
    # 1) an internal snapshot with default name
    check xl snapshot-create your_domain
    [[ $(listed) =~ ^[0-9]+$ ]] || fail "the default name is $(listed)"
    # 2) with a name
    check xl snapshot-create -n domain_snapshot_name your_domain
    # 3) an external snapshot
    check xl snapshot-create your_domain config_file
    [ "$(disks_of your_domain | awk '{ print $3 }' | sort | xargs)" = \
        "$store/$vm/disk_hda.qcow2 $store/$vm/disk_hdc.qcow2" ] || fail "the disks are $(disks_of your_domain)"
    [[ $(xl snapshot-list -l your_domain 1397207577) == *'Snapshot after OS installation. External snapshot'* ]] ||
        fail "its description is lost"
    # 4) disk-only, internal and external
    check xl snapshot-create --disk-only your_domain
    check xl snapshot-create your_domain disk_only_config_file
    disks_agree your_domain
    [ "$(listed | wc -l)" = 5 ] || fail "not five: $(xl snapshot-list your_domain)"
    note "created five"
}

chapter_list() {
    local out
    out=$(xl snapshot-list your_domain)
    [ "$(grep -c running <<< "$out")" = 5 ] && [ "$(grep -c disk-only <<< "$out")" = 2 ] && grep -q '^\* ' <<< "$out" ||
        fail "the short list: $out"
    out=$(xl snapshot-list -l your_domain domain_snapshot_name)
    [ "$(grep -c ^name: <<< "$out")" = 1 ] && grep -q "internal $images/your_domain-xvda.qcow2" <<< "$out" ||
        fail "one in full: $out"
    out=$(xl snapshot-list -l your_domain)
    [ "$(grep -c ^name: <<< "$out")" = 5 ] && grep -q "^left-out: *hda" <<< "$out" || fail "all in full: $out"
}

chapter_delete() {
    check xl snapshot-delete -n domain_snapshot_name your_domain
    # The others are.
    [ "$(listed | wc -l)" -ge 4 ] && ! listed | grep -q domain_snapshot_name || fail "it is still listed: $(listed)"
    guest_wait_tick your_domain $(($(guest_tick your_domain) + 3))
    note "deleted"
}

chapter_revert() {
    local at
    check xl snapshot-create -n domain_snapshot_name your_domain
    at=$(guest_tick your_domain)
    guest_wait_tick your_domain $((at + 10))
    guest_mark your_domain
    check xl snapshot-revert -n domain_snapshot_name your_domain
    guest_wait_first_tick your_domain
    [ "$(guest_lines your_domain | sed -n 's/^tick //p' | sort -n | head -n 1)" -lt $((at + 10)) ] || fail "not brought back"
    check guest_unharmed your_domain
    note "reverted"
}

# Beyond the HOWTO: what it left for later, on the snapshots that it has made.
chapter_external() {
    local name
    guest_mark your_domain
    check xl snapshot-revert -n 1397207577 your_domain
    guest_wait_first_tick your_domain
    check guest_unharmed your_domain
    disks_agree your_domain
    note "reverted to the external snapshot"
    xl snapshot-list your_domain > /tmp/names
    listed | while read -r name; do
        [ "$name" = only ] && name='only hdc'
        check xl snapshot-delete -n "$name" your_domain < /dev/null || exit 1
    done || fail "a snapshot can't be deleted: $(cat /tmp/names)"
    guest_wait_tick your_domain $(($(guest_tick your_domain) + 3))
    check guest_unharmed your_domain
    disks_agree your_domain
    note "deleted all"
}

# howto TYPE [CHAPTER]: the HOWTO's own chapters, and one that is beyond them.
howto() {
    fresh_start
    cd /var/tmp || exit 1
    write_config_files
    GUEST_SED='s/vdev=xvda/vdev=hda/; s/vdev=xvdb/vdev=hdc/' guest_start your_domain "$1" disks=2 size=16M
    chapter_create
    chapter_list
    chapter_delete
    chapter_revert
    [ -z "${2:-}" ] || "$2"
    # Every other word is the real xl's, and so is its exit code.
    [ "$(xl domid your_domain)" = "$(/usr/sbin/xl domid your_domain)" ] || fail "the shim is in the way"
    ! xl domid nosuch 2> /dev/null || fail "the shim loses the exit code"
    guest_destroy your_domain
    nothing_left_over
}
