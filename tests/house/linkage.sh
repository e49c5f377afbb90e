#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# linkage.sh BUILD: libxl is in the worker, the monitor and the command line, which may die with it, and not in the agent.
set -uo pipefail
bad=0

links_libxl() {
    readelf -d "$1" | grep -qE 'NEEDED.*lib(xenlight|xlutil)'
}

! links_libxl "$1/xensnapd" || { echo "not ok xensnapd links libxl"; bad=1; }
! links_libxl "$1/xensnap-guestd" || { echo "not ok xensnap-guestd links libxl"; bad=1; }
# The command line has it for one file alone: what else it calls comes from libxenstore.
for object in "$1"/tools/*.o "$1"/protocol/*.o; do
    [ "$(basename "$object")" = snapconf.o ] || ! nm -u "$object" | grep -qE ' (libxl|xlu)_' ||
        { echo "not ok $object calls libxl"; bad=1; }
done
for program in xensnap-worker xensnap-monitor; do
    links_libxl "$1/$program" || { echo "not ok $program does not link libxl"; bad=1; }
done
[ $bad = 0 ] && echo "ok linkage"
exit $bad
