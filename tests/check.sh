#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Everything: the fast part, then the emulated machine from a fresh boot; one line with the sum at the end.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
result=0
make --no-print-directory check-fast 2>&1 | tee "$log" || result=1
make --no-print-directory check-xen 2>&1 | tee -a "$log" || result=1
sums=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log")
[ "$(wc -l <<< "$sums")" = 2 ] || { echo "a part of the tests did not come to its end"; result=1; }
awk '{ p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' <<< "$sums"
# A test that could not run has not passed.
grep -q ' 0 skipped$' <<< "$(tail -n 1 <<< "$sums")" || [ -z "${CI:-}" ] || result=1
exit $result
