#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each outside library has one door, pure modules touch nothing outside, and layers point one way.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0

# only PATTERN FILES...: what includes PATTERN is among FILES.
only() {
    local pattern=$1 found file
    shift
    found=$(grep -lE "^#include $pattern" agent/*.[ch] tools/guestd/*.[ch] protocol/*.[ch] tools/*.[ch])
    for file in $found; do
        [[ " $* " == *" $file "* ]] || { echo "not ok $file includes $pattern; its door is $*"; bad=1; }
    done
}

# never PATTERN FILES...: none of FILES includes PATTERN.
never() {
    local pattern=$1 file
    shift
    for file in $(grep -lE "^#include $pattern" "$@"); do
        echo "not ok $file includes $pattern"
        bad=1
    done
}

only '<xenstore\.h>' protocol/xenstore.c protocol/xs_wire.c
only '<xen/io/' protocol/wire.c protocol/xs_wire.c
only '"wire\.h"' protocol/wire.c protocol/xs_wire.c
only '<xenevtchn\.h>' protocol/doorbell.c
only '<libxl[._]' agent/xl_internal.h
only '<libxlutil\.h>' tools/snapconf.c
only '"client_internal\.h"' protocol/client.c protocol/client_list.c protocol/client_vm.c
only '"map\.h"' protocol/map.c protocol/client_internal.h
only '"xl_internal\.h"' agent/xl.c agent/xl_config.c agent/xl_stream.c
only '<xentoollog\.h>' agent/xl.c
only '<yajl/' protocol/json.c
only '<xxhash\.h>' agent/digest.c
only '<ini\.h>' protocol/conf.c

pure=(protocol/{entry,errors,json,map,names,pairs,policy,quiesce,request,request_disks,status}.[ch]
    tools/{settings,tree}.[ch] tools/guestd/mounts.[ch] agent/{flood,job,queue,record,scrub}.c)
never '<(sys/|unistd\.h|fcntl\.h|poll\.h|pthread\.h|signal\.h)' "${pure[@]}" | grep -v 'job\.h'
for header in agent/*.h; do
    never "\"$(basename "$header" | sed 's/\./\\./')\"" tools/guestd/*.[ch] protocol/*.[ch] tools/*.[ch]
done
for header in tools/guestd/*.h; do
    never "\"$(basename "$header" | sed 's/\./\\./')\"" agent/*.[ch] protocol/*.[ch] tools/*.[ch]
done

# The command line is a client like any other: of protocol/ it has the public header, the door to yajl and the macros.
# One command reads the agent's configuration as the agent does.
for header in protocol/*.h; do
    case $header in
        protocol/xensnap.h | protocol/json.h | protocol/cleanup.h) ;;
        protocol/conf.h) only '"conf\.h"' protocol/conf.c agent/xensnapd.c agent/agent.c tools/policy_command.c ;;
        *) never "\"$(basename "$header" | sed 's/\./\\./')\"" tools/*.[ch] ;;
    esac
done
# The public header stands alone.
never '"' protocol/xensnap.h

# Agent and worker share messages, the journal and the read side of the store, and nothing of each other.
for header in xl qmp disks draft op control settle holders qemu_img quiet; do
    never "\"$header\\.h\"" agent/{xensnapd,agent,domains,inbox,loop,publish,queue,spawn,job}.c
done
[ $bad = 0 ] && echo "ok layers"
exit $bad
