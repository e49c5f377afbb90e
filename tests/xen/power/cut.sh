# SPDX-License-Identifier: LGPL-2.1-or-later
# What is done in dom0 with a machine that goes on from where it was saved, see dom0/power.sh: power_cut takes an
# operation to the place where the host ends the machine, and power_look is what a user does and sees after the boot.
# shellcheck shell=bash disable=SC2154 # dom0/power.sh says where things are

# ---- to the place of the cut

# power_line OPERATION KIND
power_line() {
    case $1 in
        create) echo "create name=y $(keys_of "$2")" ;;
        create-disks) echo "create name=y memory=no $(keys_of "$2")" ;;
        create-quiesce) echo "create name=y memory=no quiesce=must $(keys_of "$2")" ;;
        delete) echo 'delete name=x' ;;
        revert) echo 'revert name=x' ;;
        revert-disks) echo 'revert name=base' ;;
        *) fail "there is no operation '$1'" ;;
    esac
}

# power_cut OPERATION KIND STEP WHEN REACHED [NOSYNC]: takes the operation there, says which round the guest had
# confirmed before it was asked for, which by now, and "cut". REACHED is what of all that was not synced has come to the
# disk by then: nothing (synced), the journal of the file system without the data (journal), or all.
power_cut() {
    local before
    before=$(guest_domid g)
    echo "$before" > /run/power-cut.domid
    [ -z "${6:-}" ] || echo "$6" > /run/nosync
    power_arm "$3" "$4"
    echo "asked $(guest_tick g)"
    guest_mark g
    xenstore-write "/local/domain/$before/snapshot/request" "$(power_line "$1" "$2") id=cut"
    power_there "$before" "$3" "$5"
}

# power_on STEP WHEN REACHED: the same operation goes on to there.
power_on() {
    power_arm "$1" "$2"
    let_go
    power_there "$(< /run/power-cut.domid)" "$1" "$3"
}

power_arm() {
    [ "$1" = answered ] || echo "hold $2 $1" > "$killpoint"
}

# power_there DOMID STEP REACHED: DOMID is the one that has asked.
power_there() {
    id="cut"
    last_domid[g]=$1
    wait_for 300 held_or_final || fail "neither held nor answered: $(tail -n 3 "$agent_log")"
    if [ "$2" = answered ]; then
        await g
        [ "$state" = done ] || fail "it ended as $state: $error $(status_of g "$id" message)"
    elif ! is_held; then
        await g
        fail "it never came there, and ended as $state $error"
    fi
    case $3 in
        journal) check dd if=/dev/zero of="$admin/journal" bs=1 count=1 conv=fsync status=none ;;
        all) check sync ;;
    esac
    echo "tick $(last_promised "$1")"
    echo cut
}

held_or_final() {
    is_held || is_final g "$id"
}

# The last round that the guest has told of: both disks had confirmed it. Once another domain is there, what the one
# before it has told counts no more.
last_promised() {
    local domid
    domid=$(guest_domid g) || domid=$1
    guest_lines g | awk -v changed="$([ "$domid" = "$1" ] || echo 1)" '
        /^boot / { anew = 1; last = 0 }
        /^tick / { if ($2 + 0 < last) anew = 1; last = $2 + 0 }
        END { print changed && !anew ? 0 : last + 0 }'
}

# ---- after the next boot

# power_look OPERATION ASKED TICK OUTCOME HOW: OUTCOME is what must have come of it: either, or new. HOW is how far the
# look goes: disk is what is there after the recovery, last starts the VM too and goes back to the last of the listed
# snapshots, all to each of them.
power_look() {
    local names
    SECONDS=0
    power_mount default
    dmesg | grep -q 'EXT4-fs (vdb): recovery complete' || fail "the disk is not one whose power was cut"
    cp "$admin/g.cfg" /etc/xen/g.cfg
    agent_start
    wait_for 600 power_is_settled || fail "the recovery does not end: $(tail -n 5 "$agent_log")"
    nothing_left_over
    note "recovered"
    power_records
    names=$(records_of snapshot | awk '{ printf "%s%s", sep, $1; sep = " " }')
    echo "listed $names"
    power_outcome "$1" "$names" "$4"
    power_published "$names"
    power_snapshots "$2"
    note "the snapshots are what they were"
    if guest_domid g > /dev/null; then
        power_runs "$1"
    else
        power_current "$3"
        [ "$5" = disk ] || power_starts
    fi
    power_images
    note "the disks are whole, and the images are those that are needed"
    [ "$5" != last ] || names=${names##* }
    [ "$5" = disk ] || power_reverts "$names"
    echo whole
}

power_is_settled() {
    no_process xensnap-worker && [ -z "$(find "$store" -name journal)" ]
}

# Old or new, and new if that was answered or written down as the outcome.
power_outcome() {
    local at now
    case $1.$2 in
        create*.'base x' | delete.'base x') now=old ;;
        create*.'base x y' | delete.base | revert*.'base x') now=new ;;
        *) fail "after $1 there are '$2'" ;;
    esac
    [ "$3" != new ] || [ $now = new ] || fail "$1 was done, and its outcome is gone: there are '$2'"
    at=$(records_of snapshot | awk -v id="$(cat "$store/$vm/current")" '$2 == id { print $1 }')
    case $1.$now.$at in
        create*.old.x | create*.new.y | delete.old.x | delete.new.base | revert.new.x | revert-disks.new.base) ;;
        revert-disks.new.x) [ "$3" != new ] || fail "the revert was done, and x is still the current one" ;;
        *) fail "after $1 ($now) the current one is '$at'" ;;
    esac
}

# What the agent tells is what the store holds.
power_published() {
    local n told
    for ((n = 0; n < $(xs_read "/tool/xensnap/vm/$vm/list/count"); n++)); do
        told+="${told:+ }$(xs_read "/tool/xensnap/vm/$vm/list/$n/name")"
    done
    [ "$told" = "$1" ] || fail "listed are '$told', the store holds '$1'"
}

# power_snapshots ASKED: each is what it was at its moment, its memory too; y is of a moment after it was asked for.
power_snapshots() {
    local name memory super
    while read -r name _ memory; do
        [ "$memory" != bad ] || fail "the memory image of $name is not what its record says"
        power_dump "$name"
        if [ "$name" = y ]; then
            super=$(lowest_round)
            [ "$super" -ge "$1" ] || fail "y was asked for in round $1, and is of round $super"
        else
            (cd "$dumps" && sha256sum --quiet -c "$admin/$name.sums") || fail "$name is another one than before"
        fi
    done < <(records_of snapshot)
}

# The earliest round of the disks that blockcheck has looked at last.
lowest_round() {
    sed -n 's/.*super=\([0-9]*\).*/\1/p' "$dumps/said" | sort -n | head -n 1
}

# power_disks: "VDEV FORMAT TARGET", one a line, of the VM that does not run: by the store's line, else by xl.cfg.
power_disks() {
    local line disk
    line=$(cat "$store/$vm/disk.cfg" 2> /dev/null || grep '^disk' /etc/xen/g.cfg)
    grep -o "[a-z]*=[^\"'[]*" <<< "$line" | grep target= | while read -r disk; do
        [[ ,$disk =~ ,vdev=([^,]*) ]] && printf '%s ' "${BASH_REMATCH[1]}"
        [[ ,$disk =~ ,format=([^,]*) ]] && printf '%s ' "${BASH_REMATCH[1]}"
        echo "${disk##*target=}"
    done
}

# power_current TICK: the disks are what a power cut leaves: of one moment, and nothing confirmed is missing.
power_current() {
    local vdev format target super files=()
    while read -r vdev format target; do
        image_is_whole "$target" "$format"
        qemu-img convert -U -f "$format" -O raw "$target" "$dumps/now.$vdev" || fail "cannot read $vdev"
        files+=("$dumps/now.$vdev")
    done < <(power_disks)
    [ ${#files[@]} = 2 ] || fail "the VM has ${#files[@]} disks"
    blockcheck "${files[@]}" > "$dumps/said" || fail "the disks are not of one moment: $(cat "$dumps/said")"
    super=$(lowest_round)
    [ "$super" -ge "$1" ] || fail "the guest had written round $1, and a disk is at $super"
    echo "stopped, at round $super, $1 was promised"
    rm -f "$dumps"/now.*
}

# Its owner starts it as docs/howto.md says.
power_starts() {
    local more=()
    [ ! -e "$store/$vm/disk.cfg" ] || more=("$(cat "$store/$vm/disk.cfg")")
    guest_mark g
    check timeout 120 xl create -q /etc/xen/g.cfg "${more[@]}"
    guest_wait_first_tick g
    check guest_unharmed g
    disks_agree g
}

# A revert that was beyond its point of no return has been finished, with the guest.
power_runs() {
    [[ $1 = revert* ]] || fail "after $1 the VM runs"
    echo "running, as domain $(guest_domid g)"
    guest_wait_tick g 1 120
    check guest_unharmed g
    disks_agree g
}

# In the store is every image that is needed and none else; in the images the listed snapshots and none else.
power_images() {
    local needed there tags listed vdev format target
    needed=$({
        while read -r vdev format target; do
            qemu-img info -U --backing-chain "$target" | sed -n 's/^image: //p'
        done < <(power_disks)
        records_of disk | awk '{ print $4 }'
        waiting_images
    } | grep "^$store" | sort -u)
    there=$(find "$store" -name '*.qcow2' | sort)
    [ "$needed" = "$there" ] || fail "images: needed are '$needed', there are '$there'"
    tags=$(for target in "$images"/*.qcow2 $there; do
        { qemu-img snapshot -U -l "$target" || echo "xensnap-unreadable"; } |
            grep -o 'xensnap-[^ ]*' | sed "s,^,$target ,"
    done | sort)
    listed=$(records_of disk | awk '$3 == "internal" { print $4, $6 }' | sort)
    [ "$tags" = "$listed" ] || fail "snapshots in images: listed are '$listed', there are '$tags'"
}

# A snapshot without memory would boot, as the VM has done already; the disks are what tells.
power_reverts() {
    local name
    for name in $1; do
        done0_or_fail "revert domain=$vm name=$name start=paused"
        disks_are g "$name"
        disks_agree g
        note "reverted to $name"
        [ "$(records_of snapshot "$name " | awk '{ print $3 }')" = good ] || continue
        guest_mark g
        check xl unpause g
        guest_wait_first_tick g
        check guest_unharmed g
    done
    guest_destroy g
    nothing_left_over
}
