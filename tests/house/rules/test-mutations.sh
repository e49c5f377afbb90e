#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule mutations agent protocol tests/mutations
holds
breaks 'current-set-early.patch does not fit any more' agent/op_create.c sed -i '/make_current(w, &c->record)/d' agent/op_create.c
breaks 'two-at-once.patch does not fit any more' agent/journal.c rm agent/journal.c
breaks 'broken.patch does not fit any more' tests/mutations/broken.patch adds 'no patch at all' tests/mutations/broken.patch
finish
