#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# linkage.sh BUILD: libxl is in the worker and the monitor, which may die with it, and in nothing else.
set -uo pipefail
bad=0

links_libxl() {
    readelf -d "$1" | grep -q 'NEEDED.*libxenlight'
}

for program in xensnapd xensnap; do
    ! links_libxl "$1/$program" || { echo "not ok $program links libxl"; bad=1; }
done
for program in xensnap-worker xensnap-monitor; do
    links_libxl "$1/$program" || { echo "not ok $program does not link libxl"; bad=1; }
done
[ $bad = 0 ] && echo "ok linkage"
exit $bad
