# SPDX-License-Identifier: LGPL-2.1-or-later
# The disk image and the boot files, made in seconds from the root: all that needs no package archive.
# A boot writes to an overlay, so one image serves every boot.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

# The programs of the project's own that guests have, stripped, so that they are others only when they do other things.
guest_programs=$build/guest-programs
guest_programs_make() {
    local program
    make -s -C "$top" CC=gcc guest >&2 || die "building the guests' programs failed"
    rm -rf "$guest_programs" && mkdir -p "$guest_programs"
    for program in "$top"/build/guest/xensnap*; do
        [ -d "$program" ] || strip -o "$guest_programs/${program##*/}" "$program"
    done
}

# The cases' own files are not part of it: they are put into the running machine.
image_key() {
    {
        root_key
        cat "$here"/dom0/{init,initramfs-init,sshd.conf} "$here"/guest/* "$here"/host/{image.sh,make-image} \
            "$guest_programs"/*
    } | content_key
}

image_dir() {
    printf '%s/image-%s\n' "$build" "$(image_key)"
}

image_ensure() {
    local dir new=$build/new-image
    guest_programs_make
    dir=$(image_dir)
    if [ -d "$dir" ]; then
        return
    fi
    root_ensure
    need_programs gcc cpio mke2fs ssh-keygen gzip xz
    say "image: making it from the root"
    rm -rf "$new" && mkdir -p "$new"
    if ! as_root "$here/host/make-image" "$(root_tar)" "$new" "$guest_programs" > "$build/image.log" 2>&1; then
        tail -n 20 "$build/image.log" >&2
        die "making the disk image failed"
    fi
    find "$build" -maxdepth 1 -name 'image-*' -type d -exec rm -rf {} +
    mv "$new" "$dir"
    say "image: made, $(du -sm "$dir" | cut -f 1) MB on disk"
}
