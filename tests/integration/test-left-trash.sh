#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A snapshot that a delete has taken out of the list and could neither finish nor put back, and no journal tells of it: the
# next delete finishes it, and does not take it for one that is lost.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
ledger_begin "$1"

case_begin "an external snapshot is left in the trash"
machine xvda qcow2 "$dir/a.qcow2"
writes 1
gives 0 xensnap create -e -D -n s1 web1
over=$(stored)
writes 2
gives 0 xensnap create -D -n s2 web1
mv "$(dirname "$(record s1)")" "$dir/store/$vm/.trash"
gives 0 xensnap delete -n s2 web1
[ ! -e "$dir/store/$vm/.trash" ] && [ ! -e "$over" ] || fail "left: $(ls -A "$dir/store/$vm")"
[ "$(top)" = "$dir/a.qcow2" ] || fail "it is in $(top)"
holds "$dir/a.qcow2" 2
echo ok
