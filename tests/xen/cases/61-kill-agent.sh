#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 900
# The agent is killed after every step that is libxl's: the guest runs, the store is whole, nothing is left.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/kill.sh

# shellcheck disable=SC2086 # one word a step
kill_at agent $steps_of_saving $steps_of_replacing
