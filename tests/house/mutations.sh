#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every patch in tests/mutations fits the sources as they are: make check-mutations takes too long to be what tells.
set -uo pipefail
bad=0
for patch in tests/mutations/*.patch; do
    patch -p1 --dry-run -s -f -i "$patch" > /dev/null 2>&1 || { echo "not ok $patch does not fit any more"; bad=1; }
done
[ $bad = 0 ] && echo "ok mutations"
