#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule format agent/agent.[ch] protocol/names.[ch] tools/xl-shim tools/text.c .ci/run tests/house/pod.sh tests/unit/test-hooks.c \
    tests/xen/.shellcheckrc tests/xen/cases/31-two-at-once.sh tests/xen/dom0/{lib,snap}.sh tests/xen/host/common.sh
holds

licence_last() {
    sed -i '/SPDX-License-Identifier/d' "$1"
    adds '/* SPDX-License-Identifier: LGPL-2.1-or-later */' "$1"
}
breaks 'not ok agent/agent.c: licence' agent/agent.c licence_last agent/agent.c
breaks 'not ok tools/xl-shim: licence' tools/xl-shim sed -i '/SPDX/d' tools/xl-shim
breaks 'not ok tests/xen/dom0/snap.sh: licence' tests/xen/dom0/snap.sh sed -i 's/LGPL-2.1-or-later/GPL-2.0-only/' tests/xen/dom0/snap.sh
# The last file, and one that is shorter than what is looked at.
breaks 'not ok tools/text.c: licence' tools/text.c truncate -s 0 tools/text.c
breaks 'not ok tools/short.c: licence' tools/short.c adds 'int x;' tools/short.c
breaks 'protocol/names.h:' protocol/names.h adds $'int\tx;' protocol/names.h
breaks 'tests/house/pod.sh:' tests/house/pod.sh adds 'true ' tests/house/pod.sh
breaks 'tests/unit/test-hooks.c:' tests/unit/test-hooks.c adds "// $(printf '%0118d' 1)" tests/unit/test-hooks.c
# shellcheck disable=SC2016 # what is wrong
breaks 'In tests/house/pod.sh line' tests/house/pod.sh adds 'cd $1' tests/house/pod.sh
breaks 'In .ci/run line' .ci/run adds 'if then' .ci/run
breaks 'In tests/xen/dom0/lib.sh line' tests/xen/dom0/lib.sh adds 'cd /tmp' tests/xen/dom0/lib.sh
breaks 'In tests/xen/cases/31-two-at-once.sh line' tests/xen/cases/31-two-at-once.sh adds 'cd /tmp' tests/xen/cases/31-two-at-once.sh
# An array of a file that is sourced.
# shellcheck disable=SC2016 # what is wrong
breaks 'SC2128' tests/xen/cases/31-two-at-once.sh adds 'echo "$last_domid"' tests/xen/cases/31-two-at-once.sh
breaks 'not ok agent/agent.c is not looked at' agent/agent.c mv agent/agent.c agent/agent.txt
finish
