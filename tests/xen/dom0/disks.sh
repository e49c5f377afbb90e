# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cases share that look into the images, internal and external; lib.sh and snap.sh come first.
# shellcheck shell=bash

dumps=/var/tmp/dumps
mkdir -p "$dumps"

vm_of() {
    xs_read "/local/domain/$(guest_domid "$1")/vm" | sed 's,^/vm/,,'
}

# disks_of GUEST: "VDEV FORMAT IMAGE", one a line, of the disks that can be written to, as libxl has them stored. Of one
# that does not run a line that is no disk's: whoever calls it in a list goes on, and must not take it for none.
disks_of() {
    local domid
    domid=$(guest_domid "$1") || { echo "(none) (none) ($1 does not run)"; return 1; }
    tr -d '\0' < "$(echo /var/lib/xen/userdata-d."$domid".*.libxl-json)" | awk '
        /"disks":/ { on = 1 }
        on && /"pdev_path"/ { path = $2 } on && /"vdev"/ { vdev = $2 } on && /"format"/ { format = $2 }
        on && /"readwrite"/ { if ($2 + 0) print vdev, format, path }
        on && /^    \]/ { on = 0 }' | tr -d '",'
}

# opened_for_writing PID FD: the last octal digit of its flags is 1 or 2.
opened_for_writing() {
    local key value
    while read -r key value; do
        [[ $key != flags: || $value != *[12] ]] || return 0
    done < "/proc/$1/fdinfo/$2"
    return 1
}

# written_by_qemu GUEST: the images that its QEMU has open for writing, sorted; each one once.
written_by_qemu() {
    local pid fd
    pid=$(xs_read "/local/domain/$(guest_domid "$1")/image/device-model-pid") || fail "$1 has no QEMU"
    # shellcheck disable=SC2012 # the names are numbers
    ls -l "/proc/$pid/fd" | awk '/\.(qcow2|raw|img)$/ { print $9, $11 }' | while read -r fd image; do
        ! opened_for_writing "$pid" "$fd" || echo "$image"
    done | sort -u
}

# disks_agree GUEST: QEMU writes to what libxl has stored and to nothing else, and so does the line for xl.cfg say.
disks_agree() {
    local stored written line
    stored=$(disks_of "$1" | awk '{ print $3 }' | sort)
    written=$(written_by_qemu "$1")
    [ -n "$stored" ] || fail "libxl has no disk of $1 stored"
    [ "$stored" = "$written" ] || fail "libxl has stored '$stored', QEMU writes to '$written'"
    if [ -e "$store/$(vm_of "$1")/disk.cfg" ]; then
        line=$(grep -o 'target=[^"]*' "$store/$(vm_of "$1")/disk.cfg" | sed 's/target=//' | sort)
        [ "$stored" = "$line" ] || fail "libxl has stored '$stored', disk.cfg has '$line'"
    fi
}

# image_looks_whole IMAGE: one that is in use may have space that is not accounted for yet; nothing else may be.
image_looks_whole() {
    local code=0 line
    image_said=$(timeout 60 qemu-img check -U -f qcow2 "$1" 2>&1) || code=$?
    case $code in
        0 | 2 | 3) ;; # nothing, damage, leaks: all else is no check that came to its end
        *) image_said="exit code $code: $image_said"; return 1 ;;
    esac
    while read -r line; do
        [[ $line != *ERROR* || $line = *OFLAG_COPIED* ]] || return 1
    done <<< "$image_said"
}

# image_is_whole IMAGE FORMAT: qemu-img takes the file's length once, so what a running guest appends during the check
# stands behind the end for it. Damage is still there at the next look, and an image of this size soon stops growing.
image_is_whole() {
    [ "$2" != qcow2 ] || wait_for 20 image_looks_whole "$1" || fail "$1 is damaged: $image_said"
}

# state_of GUEST NAME: "VDEV TYPE IMAGE" for each disk of the snapshot.
state_of() {
    local list n vm node
    vm=$(vm_of "$1")
    list=/tool/xensnap/vm/$vm/list
    for ((n = 0; n < $(xs_read "$list/count"); n++)); do
        [ "$(xs_read "$list/$n/name")" = "$2" ] || continue
        for node in $(xenstore-list "$list/$n" | grep '^disk-'); do
            echo "${node#disk-} $(xs_read "$list/$n/$node")"
        done
    done
}

# format_of IMAGE: by how it begins; no guest of ours writes there what qcow2 has.
format_of() {
    local head=''
    [ -r "$1" ] || fail "$1 cannot be read"
    LC_ALL=C read -r -d '' -n 3 head < "$1"
    [ "$head" = QFI ] && echo qcow2 || echo raw
}

# dump_snapshot GUEST NAME: the content of each of its disks to $dumps/NAME.VDEV, checked to be of one moment.
dump_snapshot() {
    local vdev type image files=() tag
    tag=$(tag_of "$1" "$2")
    while read -r vdev type image; do
        if [ "$type" = internal ]; then
            qemu-img convert -U -l "snapshot.name=$tag" -O raw "$image" "$dumps/$2.$vdev" || fail "cannot read $vdev of $2"
        else
            qemu-img convert -U -f "$(format_of "$image")" -O raw "$image" "$dumps/$2.$vdev" || fail "cannot read $vdev of $2"
        fi
        image_is_whole "$image" "$(format_of "$image")"
        files+=("$dumps/$2.$vdev")
    done <<< "$(state_of "$1" "$2")"
    [ ${#files[@]} -gt 0 ] || fail "$2 has no disks"
    blockcheck "${files[@]}" > "$dumps/$2.said" || fail "$2 is not of one moment: $(cat "$dumps/$2.said")"
}

# disks_are GUEST NAME: of the paused or stopped guest every disk holds exactly what it held in that snapshot.
disks_are() {
    local vdev format image compared=0
    while read -r vdev format image; do
        [ -e "$dumps/$2.$vdev" ] || continue
        image_is_whole "$image" "$format"
        qemu-img convert -U -f "$format" -O raw "$image" "$dumps/now" || fail "cannot read $vdev"
        cmp "$dumps/now" "$dumps/$2.$vdev" || fail "disk $vdev is not as in $2"
        compared=$((compared + 1))
    done <<< "$(disks_of "$1")"
    [ $compared -gt 0 ] || fail "no disk of $1 was compared with $2"
    rm -f "$dumps/now"
}

# The worker removes what is empty after the result was told.
store_is_empty() {
    [ -z "$(ls -A "$store")" ]
}

# Nothing of ours is left: no image, no snapshot in one, and the domain is on the images that it came with. With `copy`
# as the second word its disks may be in the store: a snapshot inside an image that others stand on was gone back to.
no_trace_of() {
    local vdev format image
    while read -r vdev format image; do
        [[ $image == "$images"/* || ${2:-} = copy ]] || fail "disk $vdev is still in $image"
        [ "$format" = raw ] || [ "$(tags_in "$image")" = 0 ] || fail "disk $vdev still has snapshots inside"
        image_is_whole "$image" "$format"
    done <<< "$(disks_of "$1")"
    if ! wait_for 3 store_is_empty; then
        [ "${2:-}" = copy ] || fail "the store is not empty: $(find "$store")"
        [ "$(find "$store" -name '*.qcow2' | sort)" = "$(disks_of "$1" | awk '{ print $3 }' | grep "^$store" | sort)" ] ||
            fail "images are left in the store: $(find "$store")"
    fi
    disks_agree "$1"
}
