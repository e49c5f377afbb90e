#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make demo: boots the emulated machine, shows the main job on real Xen, powers off.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
machine=$here/machine
trap '"$machine" down' EXIT
trap 'exit 130' INT TERM
"$machine" up
"$machine" push "$here/../../build/xen/install"
"$machine" put "$here/dom0" /root/demo
"$machine" exec 'bash /root/demo/demo.sh'
