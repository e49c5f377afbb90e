#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule layers agent protocol tools Makefile
holds

# includes FILE HEADER [SAYS]
includes() {
    breaks "not ok $1 includes $2" "$1" puts "#include $2" "$1"
}

# Each door of an outside library, and of what is not for all inside.
for header in xenstore.h xen/io/xs_wire.h xenevtchn.h libxl.h libxl_utils.h libxlutil.h xentoollog.h yajl/yajl_gen.h xxhash.h ini.h; do
    includes agent/queue.h "<$header>"
done
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
for header in unistd fcntl poll pthread signal; do includes protocol/request.c "<$header.h>"; done
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
includes_all_of_the_worker() {
    sed -i "$(printf '1i #include "%s.h"\n' "${of_worker[@]}")" "$1"
}
of_worker=(answers block_job chain control creation digest disks draft holders images late merge nodes op plan qemu_img qmp
    quiet reach refcounts reversion savefile settle vmconfig xl)
for header in "${of_worker[@]}"; do
    says+=("not ok agent/agent.h includes \"$header.h\"")
done
breaks_many 'not ok @ includes "xl.h"' includes_all_of_the_worker agent/agent.h
for line in "${says[@]}"; do
    grep -qxF "$line" "$said" || { echo "not ok $rule does not say: $line"; bad=1; }
done
includes agent/store.c '"qmp.h"'
includes agent/journal.h '"queue.h"'
includes agent/worker.c '"queue.h"'
includes agent/late.c '"agent_internal.h"'
breaks 'not ok agent/lonely.c is in no program' agent/lonely.c touch agent/lonely.c
breaks 'the Makefile does not tell' Makefile sed -i 's/^xensnapd :=/other :=/' Makefile
finish
