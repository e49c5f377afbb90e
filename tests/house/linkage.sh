#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# linkage.sh BUILD: libxl is in the worker, the monitor and the command line, which may die with it, and not in the
# agent; the library shows nothing but its own names; what is for guests is static and has nothing of Xen's libraries.
set -uo pipefail
bad=0

# What cannot be read is no proof of anything.  No grep -q behind a pipe: it would end the one before it, which fails then.
for file in "$1"/{xensnapd,xensnap-guestd,xensnap-worker,xensnap-monitor} "$1"/libxensnap.{so.1,a} "$1"/tools/snapconf.o; do
    [ -r "$file" ] || { echo "not ok $file is not there"; exit 1; }
done

links_libxl() {
    readelf -d "$1" | grep -E 'NEEDED.*lib(xenlight|xlutil)' > /dev/null
}

! links_libxl "$1/xensnapd" || { echo "not ok xensnapd links libxl"; bad=1; }
! links_libxl "$1/xensnap-guestd" || { echo "not ok xensnap-guestd links libxl"; bad=1; }
# The command line has it for one file alone: the rest of it speaks with xenstored alone.
for object in "$1"/tools/*.o "$1"/protocol/*.o; do
    [ "$(basename "$object")" = snapconf.o ] || ! nm -u "$object" | grep -E ' (libxl|xlu)_' > /dev/null ||
        { echo "not ok $object calls libxl"; bad=1; }
done
for program in xensnap-worker xensnap-monitor; do
    links_libxl "$1/$program" || { echo "not ok $program does not link libxl"; bad=1; }
done

others=$(nm -D --defined-only "$1/libxensnap.so.1" | awk '$2 != "A" && $3 !~ /^xensnap_/')
[ -z "$others" ] || { echo "not ok libxensnap.so.1 shows $others"; bad=1; }
others=$(nm -g --defined-only "$1/libxensnap.a" | awk 'NF == 3 && $3 !~ /^xensnap_/')
[ -z "$others" ] || { echo "not ok libxensnap.a shows $others"; bad=1; }
others=$(readelf -d "$1/libxensnap.so.1" | grep NEEDED | grep -vE '\[(libc|libxenstore|libasan|libubsan|ld-linux-x86-64)\.')
[ -z "$others" ] || { echo "not ok libxensnap.so.1 needs $others"; bad=1; }

for library in "-D $1/libxensnap.so.1" "-g $1/libxensnap.a"; do
    # shellcheck disable=SC2086 # an option and a file
    shown=$(nm --defined-only $library | grep -c ' xensnap_')
    [ "$shown" -gt 20 ] || { echo "not ok $library shows $shown names"; bad=1; }
done

guest=$(dirname "$0")/../../build/guest
for file in "$guest"/xensnap{,-guestd}; do
    [ -x "$file" ] || { echo "not ok $file is not there: make guest"; bad=1; continue; }
    ! readelf -lW "$file" | grep -E 'INTERP|DYNAMIC' > /dev/null || { echo "not ok $file is not static"; bad=1; }
    ! readelf -sW "$file" | grep -E ' (xc|libxl|xlu)_' > /dev/null || { echo "not ok $file has functions of Xen's libraries"; bad=1; }
done
[ $bad = 0 ] && echo "ok linkage"
exit $bad
