#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# An image that somebody looks at just now, as xensnap check does, is merged and removed a moment later.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

# looks_at IMAGE: for a second.
looks_at() {
    /usr/bin/python3 -c 'import sys, time
with open(sys.argv[1]):
    open(sys.argv[2], "w")
    time.sleep(1)' "$1" "$dir/looking" &
    wait_for 10 [ -e "$dir/looking" ] || fail "nobody looks"
    rm "$dir/looking"
}

for image in base over; do
    over_base "a running VM, $image"
    looks_at "${!image}"
    gives 0 xensnap delete web1 s1
    [ "$(role "$over")" = "" ] && [ ! -e "$over" ] || fail "$over is still there"
    holds "$base" 2

    over_base "one that is stopped, $image"
    domain_end
    looks_at "${!image}"
    gives 0 xensnap delete web1 s1
    holds "$base" 2
done

# Who stays is not waited for any longer.
over_base "a process that has it open"
exec 7< "$base"
gives 6 xensnap delete web1 s1
exec 7>&-
