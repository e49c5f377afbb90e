#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deadline: 600
# The main job on a HVM guest: one xenstore-write each takes, lists, reverts and deletes a snapshot of a running guest.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh

main_job hvm
