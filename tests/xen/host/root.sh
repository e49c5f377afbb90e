# SPDX-License-Identifier: LGPL-2.1-or-later
# The dom0 root file system: a tar of Debian packages, built once and kept until its list of packages or the
# scripts that shape it change. Only this step needs a package archive.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

root_packages() {
    sed 's/#.*//' "$here/host/packages" | xargs | tr ' ' ,
}

root_key() {
    cat "$here/host/packages" "$here/host/root.sh" "$here/host/root-trim" "$here/host/apt-sources" | content_key
}

root_tar() {
    printf '%s/root-%s.tar\n' "$build" "$(root_key)"
}

# The host's own archive, found at run time: wherever this host gets its packages from, the machine does too.
root_sources() {
    local file files=()
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [ ! -f "$file" ] || files+=("$file")
    done
    [ ${#files[@]} = 0 ] || awk -v suite="$suite" -f "$here/host/apt-sources" "${files[@]}"
}

# mmdebstrap tells its stages as "I: ..." lines; the rest is for the log.
root_progress() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            'I: running '*hook*) ;;
            'I: '*) say "root: ${line#I: }" ;;
        esac
    done > "$build/root.log"
}

root_build() {
    local tar=$1 sources command=(env INITRD=No)
    need_programs mmdebstrap gcc
    sources=$(root_sources)
    [ -n "$sources" ] || die "this host's apt sources name no Debian $suite main archive"
    say "root: building from $(wc -l <<< "$sources") archives (about a minute; all output in $build/root.log)"
    # shellcheck disable=SC2016 # $1 is for the shell that runs the hook
    local hook="$here/host/root-trim"' "$1"'
    # An own mount namespace: a killed build must not leave /proc mounted below a directory that gets deleted.
    ! unshare --mount true 2> /dev/null || command+=(unshare --mount)
    if ! printf '%s\n' "$sources" | "${command[@]}" mmdebstrap --variant=apt --include="$(root_packages)" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook="$hook" \
        "$suite" "$build/new-root.tar" - 2>&1 | root_progress; then
        tail -n 20 "$build/root.log" >&2
        die "building the root failed"
    fi
    mv "$build/new-root.tar" "$tar"
    find "$build" -maxdepth 1 -name 'root-*.tar' ! -path "$tar" -delete
}

root_ensure() {
    local tar
    tar=$(root_tar)
    mkdir -p "$build"
    if [ -f "$tar" ]; then
        say "root: have $tar"
    else
        root_build "$tar"
        say "root: built, $(du -m "$tar" | cut -f 1) MB"
    fi
}
