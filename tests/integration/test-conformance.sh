#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# docs/protocol.md, sentence by sentence, on the real agent and xenstored; libxl is a double, so nothing is reverted.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
domain_make
agent_start
sh "$(dirname "$0")/../conformance/protocol.sh" 5 > "$dir/out" || fail "$(grep -A 1 '^not ok' "$dir/out"; tail -n 1 "$dir/out")"
[ "$(grep -c '^ok' "$dir/out")" -gt 150 ] || fail "only $(grep -c '^ok' "$dir/out") sentences were tried"
# What is left out where a xenstored takes no long line.
grep -q 'which was not read' "$dir/out" || fail "no line of more than 2048 bytes was tried"
