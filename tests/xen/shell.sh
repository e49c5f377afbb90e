#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make xen-shell: a prompt in a dom0 with the agent running and a PV guest named g up.  `make xen-push` in another
# terminal puts new programs in.  A machine that was up before stays up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
machine=$here/machine
if ! "$machine" exec true 2> /dev/null; then
    trap '"$machine" down' EXIT
    "$machine" up
fi
"$machine" push "$here/../../build/xen/install"
"$machine" put "$here/dom0" /root/shell
"$machine" exec '. /root/shell/lib.sh; . /root/shell/snap.sh; fresh_start; guest_start g pv; xl list'
echo "the agent's log is /var/log/xen/xensnapd.log; try: xensnap create g; xenstore-ls /local/domain/\$(xl domid g)/snapshot"
"$machine" shell
