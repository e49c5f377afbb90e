#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Functions of at most 70 lines, files of at most 500, none of the calls that we do without.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0
sources=(agent/*.c tools/guestd/*.c protocol/*.c tools/*.c)

command -v ctags > /dev/null || { echo "needs universal-ctags"; exit 1; }
ctags --quiet --languages=C --kinds-C=f --fields=+ne --sort=no -f - "${sources[@]}" 2> /dev/null |
    awk -F '\t' '
        { line = end = 0
          for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) line = substr($i, 6); if ($i ~ /^end:/) end = substr($i, 5) }
          count++
          if (end - line + 1 > 70) { print "not ok " $2 ": " $1 " has " end - line + 1 " lines"; bad = 1 } }
        END { if (count < 100) { print "not ok ctags found " count " functions"; bad = 1 }; exit bad }' || bad=1

while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 500 ] || { echo "not ok $file has $lines lines"; bad=1; }
done < <(wc -l "${sources[@]}")

if grep -nE '\b(sprintf|strcpy|strcat|system|popen|u?sleep|alloca|gets) ?\(' "${sources[@]}"; then
    echo "not ok calls that we do without"
    bad=1
fi
[ $bad = 0 ] && echo "ok shape"
exit $bad
