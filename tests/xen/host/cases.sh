# SPDX-License-Identifier: LGPL-2.1-or-later
# One case in one machine; pool.py says which, where and when.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

in_dom0=/root/tests

# The cases, what they share, and the library that kills the agent's programs at chosen places.
cases_push() {
    gcc -std=gnu11 -O2 -D_GNU_SOURCE -shared -fPIC -o "$run/killpoint.so" "$here/killpoint.c" -ldl
    tar -C "$run" --owner=0 --group=0 -cf - killpoint.so |
        dom0 "mkdir -p /usr/local/lib/xensnap-tests && tar -C /usr/local/lib/xensnap-tests --warning=no-timestamp -xf -"
    tar --owner=0 --group=0 -cf - -C "$here" cases dom0 -C "$top" docs/howto.md docs/examples -C "$top/tests" conformance |
        dom0 "rm -rf $in_dom0 && mkdir -p $in_dom0 && tar -C $in_dom0 --warning=no-timestamp -xf -"
}

# case_run NAME SECONDS: its output is the case's, its result the exit code of run-case.
case_run() {
    dom0 "exec $in_dom0/dom0/run-case $in_dom0/cases/$1.sh $2 2>&1"
}

# case_collect NAME DIR: what tells about a failure.
case_collect() {
    local path
    for path in /var/log/xen /var/log/xensnap /var/crash /tmp/case-logs; do
        dom0_get "$path" "$2" > /dev/null 2>&1 || true
    done
}
