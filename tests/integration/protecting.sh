# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests of images that are made immutable, after lib.sh and ledger.sh.
# shellcheck shell=bash disable=SC2154 # dir, build and vm are lib.sh's

# protecting_begin BUILD: the agent runs, and protects.
protecting_begin() {
    world_begin "$1"
    touch "$dir/probe"
    chattr +i "$dir/probe" 2> /dev/null || { echo "no immutable files here"; exit 77; }
    wipe "$dir/probe"

    # A qemu-img that kills its worker, if it is told to: before it commits, or behind that, and so on.
    mkdir "$dir/bin"
    cat > "$dir/bin/qemu-img" << EOF
#!/bin/bash
at=\$(cat "$dir/kill-at" 2> /dev/null)
die() { rm "$dir/kill-at"; kill -KILL \$PPID; }
[ "\$at" != "before \$1" ] || { die; exit 1; }
$(command -v qemu-img) "\$@"
code=\$?
[ "\$at" != "after \$1" ] || die
exit \$code
EOF
    chmod +x "$dir/bin/qemu-img"
    PATH=$dir/bin:$PATH
    xenstored_start
    xenstore-write /local/domain/0/name Domain-0
    conf "store = $dir/store" "protect = yes"
    agent_start
}

immutable() {
    [[ $(lsattr -d "$1" 2> /dev/null) == *i*' '* ]]
}

# protected [IMAGE...]: these are immutable, and of all others there are none is.
protected() {
    local image
    for image in "$@"; do
        immutable "$image" || fail "$image is not protected: $(cat "$dir/store/$vm/images.json")"
    done
    for image in "$dir"/*.qcow2 "$dir"/*.raw "$dir/store/$vm"/*.qcow2; do
        [ ! -e "$image" ] || [[ " $* " == *" $image "* ]] || ! immutable "$image" || fail "$image is immutable"
    done
}

guard() {
    /usr/bin/python3 - "$dir/store/$vm/images.json" "$1" << 'PY'
import json, sys
for image in json.load(open(sys.argv[1]))["ledger"]:
    if image["path"] == sys.argv[2]:
        print(image.get("protected", "none"))
PY
}

# chain WHAT FORMAT: s1 holds 1 in $base, s2 holds 2 in $one; the domain goes on in $two, with 3.
chain() {
    case_begin "$1"
    base=$dir/a.$2
    machine xvda "$2" "$base"
    writes 1
    protected
    gives 0 xensnap create -e -D -n s1 web1
    one=$(stored)
    protected "$base"
    writes 2
    gives 0 xensnap create -e -D -n s2 web1
    two=$(stored)
    writes 3
    protected "$base" "$one"
}

settled() {
    [ ! -e "$dir/store/$vm/journal" ] && ready
}
