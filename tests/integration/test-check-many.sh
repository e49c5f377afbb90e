#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# xensnap check says nothing of a store with 200 snapshots in which all is well, whether the VM runs or not; and of one
# damage among them it says that one thing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
ledger_begin "$1"
well_begin
domain_end
"$(dirname "$0")/many.py" "$store" "$inside" "$memory" 197 || fail "they are not made"
[ "$(find "$store" -name snapshot.json | wc -l)" = 200 ] || fail "not 200 snapshots"
gives 0 qemu-img check -q "$dir/xvda.qcow2"
quiet
quiet web1
head_b=$(head_of xvdb)
machine xvda qcow2 "$head_a" xvdb qcow2 "$head_b"
quiet web1
domain_end
quiet --data
keep
rm "$(record in77 | xargs dirname)/memory"
finds 1 "snapshot in77 (.*): .*memory: No such file"
