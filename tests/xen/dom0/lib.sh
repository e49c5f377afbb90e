# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cases share, for bash, in dom0. A case is a script that sources this file and exits 0; see README.md.
# Every wait has a deadline. Times are those of an emulated machine: minutes mean "surely broken", not "slow".
# shellcheck shell=bash

guest_files=/usr/local/lib/guest
images=/var/lib/xen/images
marks=/run/guest-marks
mkdir -p "$images" "$marks"

# ---- outcomes

fail() {
    printf 'FAIL: %s\n' "$*" >&2
    exit 1
}

skip() {
    printf 'SKIP: %s\n' "$*" >&2
    exit 77
}

note() {
    printf '%4ds  %s\n' "$SECONDS" "$*"
}

check() {
    "$@" || fail "exit code $? from: $*"
}

# Sleeps without a process: each costs tens of milliseconds under emulation, and who waits must not slow down what he
# waits for.
exec {never}<> <(:)
nap() {
    ! read -r -t "$1" -u "$never"
}

# wait_for SECONDS CMD...: until the command succeeds; false when it has not in time. Looks less often the longer it
# takes.
wait_for() {
    local end=$((SECONDS + $1)) tenths=1
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        nap 0.$tenths
        [ $tenths -ge 5 ] || tenths=$((tenths + 1))
    done
}

xs_read() {
    xs read "$1" 2> /dev/null
}

xs_has() {
    xs_read "$1" > /dev/null
}

# logs_line FILE OFFSET SECONDS REGEX: a line behind OFFSET; false when there is none in time.
logs_line() {
    logwait "$1" "$2" "$3" line "$4"
}

# Each process started costs dom0 tens of milliseconds under emulation, and pgrep, which opens a handful of files for
# every process there is, 400. So what is looked at again and again is looked at by the shell itself.

# pids_of NAME: one a line. All that the kernel keeps of a name are 15 letters.
pids_of() {
    local file name
    for file in /proc/[0-9]*/comm; do
        { read -r name < "$file"; } 2> /dev/null && [ "$name" = "${1:0:15}" ] || continue
        file=${file#/proc/}
        echo "${file%/comm}"
    done
}

no_process() {
    [ -z "$(pids_of "$1")" ]
}

# ---- guests

guest_log() {
    printf '/var/log/xen/console/guest-%s.log\n' "$1"
}

# xl takes its time under emulation, so what it said last is looked at first.
guest_domid() {
    local domid
    { domid=$(< "$marks/$1.domid"); } 2> /dev/null
    if [ -z "$domid" ] || [ "$(xs_read "/local/domain/$domid/name")" != "$1" ]; then
        domid=$(xl domid "$1" 2> /dev/null) || return
        echo "$domid" > "$marks/$1.domid"
    fi
    echo "$domid"
}

# Alive is a domain of that name that has not shut down; the answer of `xl list` has r, b, p, s, c, d as letters.
guest_alive() {
    local state
    state=$(xl list "$1" 2> /dev/null | awk -v name="$1" '$1 == name { print $5 }')
    [ -n "$state" ] && [[ $state != ???[s]* && $state != *[cd]* ]]
}

# The log goes on through saves, restores and reboots; a mark says where the stretch that counts begins.
guest_mark() {
    stat -c %s "$(guest_log "$1")" 2> /dev/null > "$marks/$1" || echo 0 > "$marks/$1"
}

# guest_lines NAME [OFFSET]: the complete lines since the mark, or since a byte offset of the log.
guest_lines() {
    local from=${2:-}
    [ -n "$from" ] || { from=$(< "$marks/$1"); } 2> /dev/null
    tail -c +$((from + 1)) "$(guest_log "$1")" 2> /dev/null | sed -n 's/\r$//p'
}

# The last tick since the mark; empty if there was none.
guest_tick() {
    guest_lines "$1" | sed -n 's/^tick \([0-9]*\)$/\1/p' | tail -n 1
}

# The boot id of the stretch; empty if the guest has not booted in it.
guest_boot_id() {
    guest_lines "$1" | sed -n 's/^boot \([0-9a-f]*\)$/\1/p' | tail -n 1
}

# guest_says NAME SECONDS REGEX OFFSET: a line behind OFFSET; false when there is none in time.
guest_says() {
    logs_line "$(guest_log "$1")" "$4" "$2" "$3"
}

# guest_wait_line NAME REGEX [SECONDS]: a line appearing after now.
guest_wait_line() {
    local from
    from=$(stat -c %s "$(guest_log "$1")" 2> /dev/null || echo 0)
    guest_says "$1" "${3:-60}" "$2" "$from" || fail "guest $1: no line '$2' in ${3:-60} s"
}

# guest_ticks NAME SECONDS N OFFSET: a tick of at least N behind OFFSET; false when there is none in time.
guest_ticks() {
    logwait "$(guest_log "$1")" "$4" "$2" tick "$3"
}

# guest_wait_tick NAME N [SECONDS]: a tick of at least N appearing after now.
guest_wait_tick() {
    local from
    from=$(stat -c %s "$(guest_log "$1")" 2> /dev/null || echo 0)
    guest_ticks "$1" "${3:-60}" "$2" "$from" ||
        fail "guest $1: no tick >= $2 in ${3:-60} s (last line: $(guest_lines "$1" | tail -n 1))"
}

# The writer itself compares memory with disks; this asks whether it found anything wrong since the mark.  One that has
# said nothing since has found nothing either, and that is no proof.
guest_unharmed() {
    [ -n "$(guest_tick "$1")" ] || { echo "guest $1 has said nothing"; return 1; }
    ! guest_lines "$1" | grep -E '^(memory-corrupt|disk-mismatch|writer-failed)|Kernel panic|BUG:|Oops' |
        grep -v 'sysrq triggered crash' # which a case has typed
}

# wipe PATH...: away with them, also where images are protected.
wipe() {
    chattr -R -f -i "$@" 2> /dev/null
    rm -rf "$@"
}

guest_disks_new() {
    local name=$1 count=$2 size=$3 letters=abcdefghijklmnop i
    for ((i = 0; i < count; i++)); do
        wipe "$images/$name-xvd${letters:i:1}.qcow2"
        qemu-img create -q -f qcow2 "$images/$name-xvd${letters:i:1}.qcow2" "$size" || fail "no disk for $name"
    done
}

guest_config() {
    local name=$1 type=$2 count=$3 memory=$4 letters=abcdefghijklmnop i words
    # Each exit to the hypervisor costs 50 us under emulation, so what Linux calibrates and probes at boot would take
    # most of it: above all the 50000 reads of a timer that PVH does not have, which only a kernel that ignores the
    # cycle counter (clearcpuid=4) leaves out.
    words="console=hvc0 quiet loglevel=4 mitigations=off nokaslr random.trust_cpu=on clearcpuid=4 lpj=4000000"
    words+=" pci=noearly cryptomgr.notests 8250.nr_uarts=0"
    cat << CFG
name="$name"
type="$type"
memory=$memory
vcpus=1
tsc_mode="native"
extra="$words ${GUEST_WORDS:-}"
CFG
    printf 'disk=['
    for ((i = 0; i < count; i++)); do
        printf "'format=qcow2,vdev=xvd%s,access=rw,target=%s'," "${letters:i:1}" "$images/$name-xvd${letters:i:1}.qcow2"
    done
    printf ']\n'
    if [ "$type" = hvm ]; then
        # The real-mode part of the kernel is enough here: the rest is in memory already, see host/make-image.
        printf 'kernel="%s/hvm-kernel"\nvnc=0\nvga="none"\nusb=0\n' "$guest_files"
        printf 'device_model_args_hvm=["-device", "loader,file=%s/hvm-memory,addr=0x1800000,force-raw=on"]\n' \
            "$guest_files"
    else
        printf 'kernel="%s/vmlinux"\nramdisk="%s/initrd"\n' "$guest_files" "$guest_files"
    fi
    printf '%s\n' "${GUEST_EXTRA:-}"
}

# guest_program DIR NAME...: dom0's programs of these names with the libraries they need, into the tree of an initramfs.
guest_program() {
    local dir=$1 name file
    shift
    for name; do
        install -D "$(command -v "$name")" "$dir/bin/$name" || fail "no $name"
        for file in $(ldd "$(command -v "$name")" | grep -o '/[^ ]*'); do
            install -D "$file" "$dir$file" || fail "no $file"
        done
    done
}

# guest_initrd DIR FILE: the usual initramfs with what is in DIR behind it: Linux takes several, one after the other.
# Not compressed: libxenguest would take the last four bytes for the size of the first, and unpack that alone.  Linux
# looks for one that is not compressed at multiples of four bytes only.
guest_initrd() {
    cp "$guest_files/initrd" "$2"
    truncate -s %4 "$2"
    (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >> "$2"
}

# guest_start NAME pv|pvh|hvm [disks=1] [size=64M] [memory=MB]: creates disks, configuration (/etc/xen/NAME.cfg) and
# domain, and waits for its first tick. GUEST_EXTRA holds more lines for the configuration, GUEST_SED edits it, GUEST_WORDS more words
# for the guest's kernel command line (tick_ms=200 blocks=1024 pages=256 are the writer's).
guest_start() {
    local name=$1 type=$2 disks=1 size=64M memory word
    shift 2
    case $type in pv) memory=96 ;; pvh) memory=128 ;; hvm) memory=160 ;; esac # little more than what they boot with
    for word; do
        case $word in
            disks=* | size=* | memory=*) local "${word?}" ;;
            *) fail "guest_start: unknown word '$word'" ;;
        esac
    done
    guest_disks_new "$name" "$disks" "$size"
    guest_config "$name" "$type" "$disks" "$memory" | sed "${GUEST_SED:-}" > "/etc/xen/$name.cfg"
    guest_mark "$name"
    guest_create "$name"
    guest_wait_first_tick "$name"
}

# xl says which tsc_mode it read; what else it says matters when it fails.
guest_create() {
    local said
    said=$(timeout 120 xl create -q "/etc/xen/$1.cfg" 2>&1) || fail "xl create $1: exit code $?: $said"
}

# The first tick after the mark, which may be there already.
guest_wait_first_tick() {
    guest_ticks "$1" 120 1 "$(< "$marks/$1")" ||
        fail "guest $1 does not tick (last line: $(guest_lines "$1" | tail -n 1))"
}

guest_has_rebooted() {
    local boot
    boot=$(guest_boot_id "$1")
    [ -n "$boot" ] && [ "$boot" != "$2" ]
}

# guest_wait_reboot NAME OLD-BOOT-ID [SECONDS]: it has booted again since the mark, and ticks.
guest_wait_reboot() {
    wait_for "${3:-90}" guest_has_rebooted "$1" "$2" || fail "guest $1 does not boot again"
    guest_wait_tick "$1" 1 60
}

# Types a line into the guest's console; all three guest types have the paravirtual one.
guest_type() {
    local tty
    tty=$(xs_read "/local/domain/$(guest_domid "$1")/console/tty") || fail "guest $1 has no console"
    printf '%s\n' "$2" > "$tty"
}

# guest_type_until NAME LINE REGEX: types it and waits for what it says. Sets typed_at, where in the log that was.
guest_type_until() {
    typed_at=$(stat -c %s "$(guest_log "$1")")
    guest_type "$1" "$2"
    guest_says "$1" 60 "$3" "$typed_at" || fail "guest $1: no line '$3' after '$2'"
}

# guest_ask NAME COMMAND [SECONDS]: types it, waits for its `done`, prints the lines it said, fails if it did not
# exit 0. The lines of the writer are left out.
guest_ask() {
    local from answer
    from=$(stat -c %s "$(guest_log "$1")")
    guest_type "$1" "$2"
    guest_says "$1" "${3:-30}" '^done ' "$from" || fail "guest $1 does not answer '$2'"
    answer=$(guest_lines "$1" "$from" | sed -n '/^tick /d; p; /^done /q')
    printf '%s\n' "$answer" | sed '$d'
    [ "${answer##*done }" = 0 ]
}

guest_destroy() {
    xl destroy "$1"
    wait_for 30 guest_gone "$1" || fail "guest $1 does not go away"
}

guest_gone() {
    ! guest_domid "$1" > /dev/null
}

guest_cleanup_all() {
    local domid rest
    xl list 2> /dev/null | awk 'NR > 1 && $2 != 0 { print $2 }' | while read -r domid rest; do
        xl destroy "$domid"
    done
    # A configuration's `on_reboot` is served by an xl that waits for the domain; it ends with the domain.
    wait_for 20 no_process xl || true
    wipe "$images"/*-xvd?.qcow2 "$marks"/*
}

# disk_dump NAME xvdX OUT.raw [SNAPSHOT]: the disk's content, or that of a snapshot inside the image. Of a running
# guest the content is not of one instant: pause or destroy it first, or take a snapshot.
disk_dump() {
    local options=(-U)
    [ -z "${4:-}" ] || options+=(-l "snapshot.name=$4")
    qemu-img convert "${options[@]}" -f qcow2 -O raw "$images/$1-$2.qcow2" "$3"
}
