#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make bench: boots the emulated machine, measures there, powers off.  Only the ratios mean anything: everything is
# emulated, and the machine is shared.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
machine=$here/../xen/machine
trap '"$machine" down' EXIT
trap 'exit 130' INT TERM
"$machine" up
"$machine" push "$here/../../build/xen/install"
"$machine" put "$here/../xen/dom0" /root/bench
"$machine" put "$here" /root/bench
"$machine" exec --timeout 1800 "BENCH='${BENCH:-}' ROUNDS='${ROUNDS:-}' bash /root/bench/bench.sh"
