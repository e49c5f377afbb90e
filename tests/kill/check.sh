#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check.sh BUILD: the gate's part of the kills: the fixed cases, a combination for each step, 300 kills at random.  Ends
# with one line "N passed, N failed, N skipped".  SEED= repeats it, as far as time lets itself be repeated.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$1
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
export SEED
log=$(mktemp)
trap 'rm -f "$log"' EXIT
result=0
tests/kill/storm.py "$build" fixed | tee "$log" || result=1
tests/kill/loops.py "$build" | tee -a "$log" || result=1
tests/kill/storm.py "$build" 300 | tee -a "$log" || result=1
sums=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log")
[ "$(wc -l <<< "$sums")" = 3 ] || { echo "a part of the kills did not come to its end"; result=1; }
awk '{ p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' <<< "$sums"
exit $result
