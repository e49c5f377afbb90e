#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule layers agent protocol tools Makefile
holds

# includes FILE HEADER [SAYS]
includes() {
    breaks "not ok $1 includes $2" "$1" puts "#include $2" "$1"
}

# includes_all FILE HEADERS...: all at once, and each is told.
includes_all() {
    local file=$1 header
    shift
    breaks "not ok $file includes $1" "$file" sed -i "$(printf '1i #include %s\n' "$@")" "$file"
    for header in "$@"; do
        grep -qE "^not ok $file includes $header($|;)" "$said" || { echo "not ok $rule does not say: $file includes $header"; bad=1; }
    done
}

# Each door of an outside library, and of what is not for all inside.
includes_all agent/queue.h '<xenstore.h>' '<xen/io/xs_wire.h>' '<xenevtchn.h>' '<libxl.h>' '<libxl_utils.h>' '<libxlutil.h>' \
    '<xentoollog.h>' '<yajl/yajl_gen.h>' '<xxhash.h>' '<ini.h>'
includes protocol/status.c '<xenstore.h>'
includes tools/table.c '<yajl/yajl_tree.h>'
includes tools/guestd/say.c '<xenevtchn.h>'
includes protocol/status.c '"wire.h"'
includes protocol/conf.h '"client_internal.h"'
includes protocol/client.c '"map.h"'
includes agent/worker.c '"xl_internal.h"'
breaks 'not ok agent/digest.c does not include <xxhash\.h>' agent/digest.c sed -i '/xxhash/d' agent/digest.c

# Pure modules, with a header of each kind, and also with blanks before it.
includes_stat() {
    puts '#include <sys/stat.h>' "$1"
}
breaks_many 'not ok @ includes <sys/stat.h>' includes_stat protocol/identity.c protocol/names.h protocol/map.c tools/settings.c \
    tools/tree.h tools/guestd/mounts.c agent/flood.c agent/job.c agent/scrub.h agent/record.c
includes_all protocol/request.c '<unistd.h>' '<fcntl.h>' '<poll.h>' '<pthread.h>' '<signal.h>'
breaks 'not ok agent/queue.c includes <poll.h>' agent/queue.c puts '  #  include <poll.h>' agent/queue.c
breaks 'not ok agent/job.c is not there' agent/job.c rm agent/job.c

# Layers.
includes protocol/names.c '"queue.h"'
includes tools/guestd/say.c '"qmp.h"'
includes tools/table.c '"journal.h"'
includes agent/log.c '"hooks.h"'
includes tools/ask.c '"session.h"'
includes protocol/json.c '"table.h"'
includes agent/xl.c '"table.h"'
includes tools/table.c '"names.h"'
includes tools/guestd/say.c '"settings.h"'
includes tools/table.c '"conf.h"'
includes protocol/xensnap.h '"names.h"'

# Agent, worker and monitor: each file of the agent, each header that is not its own, and the other way round.
includes_plan() {
    puts '#include "plan.h"' "$1"
}
breaks_many 'not ok @ includes "plan.h"' includes_plan agent/{xensnapd,agent,domains,flood,inbox,intake,job,jobs,loop}.c \
    agent/{notify,permit,publish,queue,report,requests,scrub,spawn}.c
of_worker=(answers block_job chain control creation digest disks draft holders images kept late merge needs nodes op plan qemu_img qmp
    quiet reach refcounts reversion savefile settle vmconfig xl)
mapfile -t of_worker < <(printf '"%s.h"\n' "${of_worker[@]}")
includes_all agent/agent.h "${of_worker[@]}"
includes agent/store.c '"qmp.h"'
includes agent/journal.h '"queue.h"'
includes agent/worker.c '"queue.h"'
includes agent/late.c '"agent_internal.h"'
breaks 'not ok agent/lonely.c is in no program' agent/lonely.c touch agent/lonely.c
breaks 'the Makefile does not tell' Makefile sed -i 's/^xensnapd :=/other :=/' Makefile
finish
