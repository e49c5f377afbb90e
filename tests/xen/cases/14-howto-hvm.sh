#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# Every command of the 2014 HOWTO as it is printed there, in its order, on an HVM guest.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/howto.sh

howto hvm chapter_external
