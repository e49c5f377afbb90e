# SPDX-License-Identifier: LGPL-2.1-or-later
# A machine on and off.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

# QEMU's processor with what trips emulated Xen taken away: with SMAP or SMEP dom0 dies at its first fault; with
# PKU PVH guests fail their check of the extended state; with RDTSCP HVM and PVH guests die, since TCG reports its
# exits as those of RDTSC; with XSAVE programs in dom0 crash at random, and all runs at half the speed; with VGIF and
# virtual VMSAVE, PVH guests end in a triple fault every other minute, and without them still now and then (README.md).
processor=${XEN_MACHINE_PROCESSOR:-max,-smap,-smep,-pku,-rdtscp,-xsave,-vgif,-v-vmsave-vmload}

qemu_pid() {
    local pid
    pid=$(cat "$run/qemu.pid" 2> /dev/null) && [ -n "$pid" ] || return 1
    # A number alone may by now be some other process.
    grep -qsF "$run/qemu.pid" "/proc/$pid/cmdline" || return 1
    printf '%s\n' "$pid"
}

need_up() {
    qemu_pid > /dev/null || die "the machine is not up (start it with: $0 up)"
}

close_inherited() {
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
}

# What a machine is made of; the words of `up` change it. The disk is a raw file, /dev/vdb in dom0, and outlives the machine.
machine_vcpus=2
machine_memory=6144
machine_dom0_memory=2048
machine_disk=
machine_line=
machine_xenstored=${XEN_MACHINE_XENSTORED:-xenstored}

# qemu_start IMAGE PORT
qemu_start() {
    local image=$1 port=$2 more=()
    local xen_words="dom0_mem=${machine_dom0_memory}M,max:${machine_dom0_memory}M dom0_max_vcpus=$machine_vcpus"
    local dom0_words="console=hvc0 mitigations=off quiet cryptomgr.notests 8250.nr_uarts=0"
    xen_words+=" console=com1 com1=115200,8n1 loglvl=warning guest_loglvl=warning spec-ctrl=no xpti=no"
    dom0_words+=" machine.xenstored=$machine_xenstored"
    [ -z "$machine_disk" ] || more=(-drive "file=$machine_disk,format=raw,if=virtio,cache=writeback,discard=unmap")
    # A monitor, and a line to dom0 (/dev/vport*p1, module virtio_console) that needs no network.
    [ -z "$machine_line" ] || more+=(-qmp "unix:$run/qmp,server=on,wait=off" -device virtio-serial-pci
        -chardev "socket,id=line,path=$run/line,server=on,wait=off" -device "virtserialport,chardev=line")
    close_inherited
    exec qemu-system-x86_64 -name xen-machine -accel tcg,thread=multi -cpu "$processor" -smp "$machine_vcpus" \
        -m "$machine_memory" -nodefaults -no-user-config -display none -no-reboot -daemonize -pidfile "$run/qemu.pid" \
        -chardev "file,id=console,path=$run/console.log" -serial chardev:console \
        -drive "file=$run/disk.qcow2,format=qcow2,if=virtio,cache=unsafe,discard=unmap" "${more[@]}" \
        -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
        -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci \
        -kernel "$image/xen" -append "$xen_words" \
        -initrd "$image/vmlinux $dom0_words,$image/initrd" > "$run/qemu.log" 2>&1
}

# Another program may take a port between looking and using, so QEMU itself tries.
qemu_start_on_free_port() {
    local try port
    for try in 1 2 3 4 5 6 7 8; do
        port=$((20000 + RANDOM % 30000))
        if (qemu_start "$1" "$port"); then
            echo "$port" > "$run/port"
            return
        fi
        grep -q 'host forwarding' "$run/qemu.log" || break
    done
    cat "$run/qemu.log" >&2
    die "QEMU does not start (try $try)"
}

boot_failed() {
    say "boot: $1; the console's last lines:"
    tail -n 30 "$run/console.log" >&2
    machine_down
    die "the machine did not come up (console: $run/console.log)"
}

# Follows dom0's own words on the console until it says it is ready.
wait_ready() {
    local deadline=$1 line pid tail_pid left
    pid=$(qemu_pid) || boot_failed "QEMU ended at once"
    exec {console}< <(exec tail -n +1 -f --pid="$pid" "$run/console.log" 2> /dev/null)
    tail_pid=$!
    while left=$((deadline - SECONDS)) && [ $left -gt 0 ]; do
        IFS= read -r -t $left -u "$console" line || break
        case $line in
            *'machine: FAILED'*) kill "$tail_pid" 2> /dev/null || true; boot_failed "${line#*machine: }" ;;
            *'machine: '*) line=${line#*machine: }; say "boot: ${line%$'\r'}" ;;
        esac
        case $line in ready*) ready=yes; break ;; esac
    done
    kill "$tail_pid" 2> /dev/null || true
    exec {console}<&-
    [ "${ready:-}" ] || boot_failed "dom0 was not ready in time, or the machine stopped"
}

# machine_up SECONDS. XEN_MACHINE_IMAGE is an image that is there already: a pool boots all of its machines from one.
machine_up() {
    local deadline=$1 image=${XEN_MACHINE_IMAGE:-}
    if [ -z "$image" ]; then
        lock_take "$build/lock" building
        image_ensure
        image=$(image_dir)
        lock_drop
    fi
    lock_take "$run.lock" booting
    if qemu_pid > /dev/null; then
        die "the machine is up already (take it down with: $0 down)"
    fi
    need_programs qemu-system-x86_64 qemu-img ssh
    rm -rf "$run" && mkdir -p "$run"
    install -m 600 "$image/key" "$run/key"
    qemu-img create -q -f qcow2 -b "$image/dom0.img" -F raw "$run/disk.qcow2"
    say "boot: starting QEMU; all is emulated, so that this takes some 20 s"
    trap 'machine_down; exit 130' INT TERM HUP
    qemu_start_on_free_port "$image"
    wait_ready $((SECONDS + deadline))
    channel_open || boot_failed "no ssh connection: $(cat "$run/ssh.log")"
    trap - INT TERM HUP
    lock_drop
    say "boot: the machine is up"
}

# Looks ten times a second, since only a parent can wait for a process, and QEMU has made itself a daemon.
wait_gone() {
    local tries
    for ((tries = 0; tries < $2 * 10; tries++)); do
        [ -d "/proc/$1" ] || return 0
        sleep 0.1
    done
    return 1
}

dom0_power_off() {
    [ -S "$run/ssh" ] || return
    timeout 20 "$here/machine" dom0 'sync; echo o > /proc/sysrq-trigger' < /dev/null > /dev/null 2>&1 || true
    wait_gone "$1" 20
}

# Dom0 powers the machine off, which ends QEMU; one that hangs is killed.
machine_down() {
    local pid
    if pid=$(qemu_pid); then
        dom0_power_off "$pid" || kill -TERM "$pid" 2> /dev/null || true
        wait_gone "$pid" 10 || kill -KILL "$pid" 2> /dev/null || true
    fi
    machine_forget
}

# The power goes: what dom0 has not brought to its disks is lost.
machine_cut() {
    local pid
    pid=$(qemu_pid) && kill -KILL "$pid" && wait_gone "$pid" 10
    machine_forget
}

machine_forget() {
    channel_close
    find "$run" -mindepth 1 ! -name '*.log' -delete 2> /dev/null || true
}
