#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 600
# What has cost people their data elsewhere: internal after external and back, and the external one between them deleted.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/loss.sh

fresh_start
GUEST_WORDS='blocks=256 pages=64' guest_start g pv disks=1 size=16M memory=96

take inside
take outside type=external
take inside-again
is_back inside
note "an internal one, in an image on which an external one stands"
is_back outside
is_back inside-again
note "and on from there"
is_back inside
done_or_fail g 'delete name=outside'
is_back inside-again
is_back inside
note "the external one between two internal ones deleted: both are still there"
done_or_fail g 'delete name=inside-again'
done_or_fail g 'delete name=inside'
no_trace_of g copy
nothing_left_over
