# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest with a mounted file system under write load and xensnap-guestd in it, for bash, in dom0; lib.sh and snap.sh
# come first.
# shellcheck shell=bash

# An initramfs with ext4, xensnap-guestd, sqlite3 and what writes all the time.
quiesce_initrd() {
    local more module modules
    more=$(mktemp -d)
    modules=$(echo /lib/modules/*)
    mkdir -p "$more/bin" "$more/etc/qemu/fsfreeze-hook.d"
    for module in crc16 mbcache jbd2 crc32c_generic ext4 xen-evtchn; do
        cp "$(find "$modules/kernel" -name "$module.ko")" "$more/" || fail "no module $module"
    done
    cp "$guest_files/xensnap-guestd" "$more/bin/" || fail "no xensnap-guestd; make xen-tree puts it there"
    cat > "$more/bin/mount-it" << 'SCRIPT'
#!/bin/busybox sh
for module in crc16 mbcache jbd2 crc32c_generic ext4; do insmod /$module.ko; done
mkdir -p /mnt /tmp
mount -t ext4 /dev/xvdb /mnt
SCRIPT
    # Each round makes, changes and removes; what was counted has been written.
    cat > "$more/bin/load" << 'SCRIPT'
#!/bin/busybox sh
n=0
while true; do
    n=$((n + 1))
    mkdir -p /mnt/$((n % 20))
    head -c 20000 /dev/urandom > /mnt/$((n % 20))/$n
    rm -rf /mnt/$(((n + 10) % 20))
    [ $((n % 5)) != 0 ] || sync
    echo $n > /tmp/count.new
    mv /tmp/count.new /tmp/count
done
SCRIPT
    # A database: what is in "committed" has been; a row that cannot be written ends it.
    cat > "$more/bin/database" << 'SCRIPT'
#!/bin/busybox sh
{
    echo .bail on
    echo .timeout 20000
    echo 'create table if not exists t(n integer primary key, x text);'
    n=$(sqlite3 -cmd '.timeout 20000' /mnt/db 'select max(n) from t' 2> /dev/null)
    while true; do
        n=$((n + 1))
        echo "insert into t values($n, hex(randomblob(300))); select writefile('/tmp/committed', '$n.' || char(10));"
        usleep 50000
    done
} | sqlite3 /mnt/db > /dev/null
SCRIPT
    chmod +x "$more"/bin/*
    guest_program "$more" sqlite3
    guest_initrd "$more" /var/tmp/initrd-quiesce
    rm -rf "$more"
}

# quiesce_start NAME MEMORY: a PV guest with its writer on xvda and an ext4 file system on xvdb, not mounted.
quiesce_start() {
    guest_disks_new "$1" 1 8M
    qemu-img convert -O qcow2 "$guest_files/ext4.img" "$images/$1-xvdb.qcow2"
    GUEST_WORDS='blocks=256 pages=64 mounted=xvdb' guest_config "$1" pv 2 "$2" |
        sed 's,^ramdisk=.*,ramdisk="/var/tmp/initrd-quiesce",' > "/etc/xen/$1.cfg"
    guest_mark "$1"
    guest_create "$1"
    guest_wait_first_tick "$1"
}

# quiesce_guest: g, with a load and a database on its file system.
quiesce_guest() {
    quiesce_initrd
    quiesce_start g 128
    quiesce_load
}

quiesce_load() {
    guest_ask g mount-it > /dev/null || fail "the guest does not mount its disk"
    guest_ask g 'load & true' > /dev/null || fail "no load"
    guest_ask g 'database & true' > /dev/null || fail "no database"
    guest_goes_on "at the beginning" 60
    wait_for 60 has_committed || fail "the database commits nothing"
}

# The last row that the guest's database has committed for certain.
guest_committed() {
    guest_ask g 'cat /tmp/committed' | sed -n 's/^\([0-9]\{1,\}\)\.$/\1/p'
}

has_committed() {
    [ -n "$(guest_committed)" ]
}

# holds_rows FILE N: the database in that image of the file system is sound and has all rows up to N at least.
holds_rows() {
    local said
    mount -o loop "$1" /var/tmp/mnt || fail "$1 cannot be mounted"
    said=$(sqlite3 /var/tmp/mnt/db 'pragma integrity_check; select count(*) = max(n), max(n) from t')
    umount /var/tmp/mnt
    [[ $said == "ok"$'\n'"1|"* ]] || fail "the database in $1: $said"
    [ "${said##*|}" -ge "$2" ] || fail "the database in $1 ends with row ${said##*|}, and row $2 was committed"
}

# One that was killed has left its announcement behind.
guestd_start() {
    xenstore-write "/local/domain/$(guest_domid g)/snapshot/quiesce/feature" ''
    # shellcheck disable=SC2016 # for the guest's shell
    guest_ask g 'xensnap-guestd -v 2>> /tmp/guestd.log & echo $! > /tmp/guestd.pid' > /dev/null
    wait_for 30 guestd_is_there || fail "xensnap-guestd does not announce itself: $(guest_ask g 'cat /tmp/guestd.log')"
}

guestd_is_there() {
    [ "$(quiesce_node feature)" = 1 ]
}

quiesce_node() {
    xs_read "/local/domain/$(guest_domid g)/snapshot/quiesce/$1"
}

guest_count() {
    guest_ask g 'cat /tmp/count' | tail -n 1
}

count_is_beyond() {
    [ "$(guest_count)" -gt "$1" ] 2> /dev/null
}

# guest_goes_on WHAT SECONDS: what is written to the file system goes on. One that was under way may end while it is
# frozen, so three more are waited for.
guest_goes_on() {
    local now
    now=$(guest_count)
    wait_for "$2" count_is_beyond $((${now:-0} + 3)) || fail "$1: the guest does not go on writing in $2 s"
}

# It writes no more: of two looks in a row the second finds what the first has found.
guest_is_frozen() {
    local now
    sleep 1
    now=$(guest_count)
    sleep 2
    [ "$(guest_count)" = "$now" ] || fail "$1: the guest writes, and was to be frozen"
}

# needs_recovery FILE: bit 2 of the superblock's incompatible features.
needs_recovery() {
    (($(od -An -tu4 -j 1120 -N 4 "$1") & 4))
}

# recovers FILE: whether Linux has to replay the journal to mount it.
recovers() {
    local said
    dmesg -C
    mkdir -p /var/tmp/mnt
    mount -o loop "$1" /var/tmp/mnt || fail "$1 cannot be mounted"
    ls -R /var/tmp/mnt > /dev/null || fail "$1 cannot be read"
    umount /var/tmp/mnt
    said=$(dmesg)
    ! grep -q 'EXT4-fs error' <<< "$said" || fail "$1: $said"
    grep -q 'EXT4-fs.*recovery complete' <<< "$said"
}

# dump_xvdb NAME FILE: what a snapshot of that name, inside the images, holds of the second disk.
dump_xvdb() {
    disk_dump g xvdb "$2" "$(tag_of g "$1")" || fail "snapshot $1 cannot be read"
}

consistency_of() {
    local list n
    list=/local/domain/$(guest_domid g)/snapshot/list
    for ((n = 0; n < $(xs_read "$list/count"); n++)); do
        [ "$(xs_read "$list/$n/name")" != "$1" ] || xs_read "$list/$n/consistency"
    done
}
