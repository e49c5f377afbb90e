#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each outside library has one door, pure modules touch nothing outside, and layers point one way.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0

wrong() {
    echo "not ok $*"
    bad=1
}

# FILE:<HEADER> or FILE:"HEADER", for every include of every file.
includes=$(grep -E '^[[:space:]]*#[[:space:]]*include' agent/*.[ch] protocol/*.[ch] tools/*.[ch] tools/guestd/*.[ch] |
    sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/:\1/')

# only PATTERN FILES...: each of FILES includes what PATTERN matches, and no other file does.
only() {
    local pattern=$1 file what there='' among
    shift
    among=" $* "
    while IFS=: read -r file what; do
        [[ $among == *" $file "* ]] || wrong "$file includes $what; its door is $*"
        there+=" $file "
    done < <(grep -E "^[^:]*:$pattern" <<< "$includes")
    for file in "$@"; do
        [[ $there == *" $file "* ]] || wrong "$file does not include $pattern, and is said to be its door"
    done
}

# never PATTERN FILES...: none of FILES includes what PATTERN matches.
never() {
    local pattern=$1 file what among
    shift
    among=" $* "
    for file in "$@"; do
        [ -e "$file" ] || wrong "$file is not there, and a rule is about it"
    done
    while IFS=: read -r file what; do
        [[ $among != *" $file "* ]] || wrong "$file includes $what"
    done < <(grep -E "^[^:]*:$pattern" <<< "$includes")
}

# any HEADER...: the pattern of an include of one of these files.
any() {
    printf '%s\n' "$@" | sed 's,.*/,,; s,\.,\\.,' | paste -s -d '|' | sed 's/.*/"(&)"/'
}

# but FILES...: the names on stdin without these.
but() {
    grep -vxF "$(printf '%s\n' "$@")"
}

only '<xenstore\.h>' protocol/xenstore.c protocol/xs_wire.c
only '<xen/io/' protocol/wire.c protocol/xs_wire.c
only '"wire\.h"' protocol/wire.c protocol/xs_wire.c
only '<xenevtchn\.h>' protocol/doorbell.c
only '<libxl[._]' agent/xl_internal.h
only '<libxlutil\.h>' tools/snapconf.c
only '"client_internal\.h"' protocol/client.c protocol/client_list.c protocol/client_vm.c
only '"map\.h"' protocol/map.c protocol/client_internal.h
only '"xl_internal\.h"' agent/xl.c agent/xl_config.c agent/xl_needs.c agent/xl_stream.c
only '<xentoollog\.h>' # libxl.h brings it along where it is wanted
only '<yajl/' protocol/json.c
only '<xxhash\.h>' agent/digest.c
only '<ini\.h>' protocol/conf.c

# Pure is all of protocol/ but the doors, and the client library behind the last of them.  job.h has sys/types.h, for a
# pid_t; cleanup.h and xensnap.h have what their callers own or hand over: a descriptor, a set of signals.
doors=(protocol/{xenstore,doorbell,conf}.[ch] protocol/{wire.[ch],xs_wire.c} protocol/client.c
    protocol/{cleanup,xensnap}.h)
mapfile -t pure < <(printf '%s\n' protocol/*.[ch] | but "${doors[@]}")
never '<(sys/|unistd\.h|fcntl\.h|poll\.h|pthread\.h|signal\.h)' "${pure[@]}" tools/{settings,tree}.[ch] \
    tools/guestd/mounts.[ch] agent/{flood,queue,record,scrub,unsettled}.[ch] agent/job.c

never "$(any agent/*.h)" tools/guestd/*.[ch] protocol/*.[ch] tools/*.[ch]
never "$(any tools/guestd/*.h)" agent/*.[ch] protocol/*.[ch] tools/*.[ch]
never "$(any tools/*.h)" agent/*.[ch] protocol/*.[ch] tools/guestd/*.[ch]

# The command line is a client like any other: of protocol/ it has the public header, the door to yajl and the macros.
# One command reads the agent's configuration as the agent does.
mapfile -t inner < <(printf '%s\n' protocol/*.h | but protocol/{xensnap,json,cleanup,conf}.h)
never "$(any "${inner[@]}")" tools/*.[ch]
only '"conf\.h"' protocol/conf.c agent/xensnapd.c agent/check.c tools/policy_command.c
# The public header stands alone.
never '"' protocol/xensnap.h

# Agent, worker and monitor share messages, the journal and the read side of the store, and nothing of each other.  What
# a program is made of the Makefile tells.
made_of=$(make -s --no-print-directory O=build/none \
    --eval='show: ; @printf "%s\n" $(addprefix agent:,$(xensnapd)) $(addprefix beside:,$(xensnap-worker) $(xensnap-monitor))' show)
agent=$(sed -n 's,^agent:agent/,agent/,p' <<< "$made_of" | sort -u)
beside=$(sed -n 's,^beside:agent/,agent/,p' <<< "$made_of" | sort -u)

# files PATTERN-OF-SUFFIX: of the modules on stdin, what is there.
files() {
    local module file
    while read -r module; do
        for file in "$module".$1; do [ ! -e "$file" ] || echo "$file"; done
    done
}
mapfile -t of_agent < <(files '[ch]' <<< "$agent")
mapfile -t of_beside < <(files '[ch]' <<< "$beside")
mapfile -t agent_alone < <(comm -23 <(echo "$agent") <(echo "$beside") | files h)
mapfile -t beside_alone < <(comm -13 <(echo "$agent") <(echo "$beside") | files h)
[ ${#agent_alone[@]} -gt 0 ] && [ ${#beside_alone[@]} -gt 0 ] || wrong "the Makefile does not tell what the programs are made of"
known=" ${of_agent[*]} ${of_beside[*]} "
for file in agent/*.c; do
    [[ $known == *" $file "* ]] || wrong "$file is in no program"
done
never "$(any "${beside_alone[@]}")" "${of_agent[@]}" agent/agent_internal.h
# spawn.h says where a program that the agent starts finds its descriptor.
mapfile -t agent_alone < <(printf '%s\n' "${agent_alone[@]}" agent/agent_internal.h | but agent/spawn.h)
never "$(any "${agent_alone[@]}")" "${of_beside[@]}" agent/xl_internal.h
[ $bad = 0 ] && echo "ok layers"
exit $bad
