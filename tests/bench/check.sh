#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check.sh BUILD [COUNT]: how long xensnap check takes for a VM with that many snapshots, 200 if nothing is said, on an
# ordinary machine; beside it one qemu-img info of each of its images.  Only the ratio means anything.
. "$(dirname "$0")/../integration/lib.sh"
. "$(dirname "$0")/../integration/ledger.sh"
. "$(dirname "$0")/../integration/checking.sh"
ledger_begin "$1"
well_begin
domain_end
"$(dirname "$0")/../integration/many.py" "$store" "$inside" "$memory" $((${2:-200} - 3)) || fail "they are not made"

# took COMMAND...: the median of five times, in ms.
took() {
    local n began
    for n in 1 2 3 4 5; do
        began=${EPOCHREALTIME/./}
        "$@" > /dev/null
        echo $(((${EPOCHREALTIME/./} - began) / 1000))
    done | sort -n | sed -n 3p
}

each_info() {
    local image
    for image in "$dir"/*.qcow2 "$store"/*.qcow2; do qemu-img info -U -f qcow2 "$image"; done
}

quiet
check=$(took check) info=$(took each_info)
awk -v a="$check" -v b="$info" -v n="${2:-200}" 'BEGIN {
    printf "check of %d snapshots %6d ms   qemu-img info of each image %6d ms   ratio %.2f\n", n, a, b, a / b }'
