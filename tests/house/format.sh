#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Licence lines, widths, blanks, and shellcheck.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0
mapfile -t c < <(find agent protocol tools tests -name '*.[ch]')
mapfile -t shell < <(find tests .ci tools -type f -exec grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' {} +)

for file in "${c[@]}" "${shell[@]}"; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' || { echo "not ok $file: licence"; bad=1; }
done
if grep -nP '\t| +$' "${c[@]}" "${shell[@]}"; then echo "not ok tabs or trailing blanks"; bad=1; fi
if grep -nE '^.{121,}' "${c[@]}"; then echo "not ok lines over 120 columns"; bad=1; fi
# SC2120: other files call with arguments.  SC1010: a word "done" is a state here.  SC1091, SC2154: what is sourced is not followed.  SC2034: sourced files set variables for others.
shellcheck -S warning -e SC1010,SC2120,SC1090,SC1091,SC2154,SC2034 "${shell[@]}" || { echo "not ok shellcheck"; bad=1; }
[ $bad = 0 ] && echo "ok format"
exit $bad
