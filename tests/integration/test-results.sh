#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/results.py: parts, and a run that was broken off and goes on, for the same commit only.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset PART RESULTS SEED
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir "$top/tests" && cp "$here/../results.py" "$top/tests"
echo /build > "$top/.gitignore"
results() {
    /usr/bin/python3 "$top/tests/results.py" "$@"
}
commit() {
    git -C "$top" add -A
    git -C "$top" -c user.name=t -c user.email=t@t commit -q -m "$1"
}
is() {
    [ "$1" = "$2" ] || { echo "not ok: '$1', and not '$2'"; exit 1; }
}
todo() {
    printf '%s\n' a b c d e | results todo storm | xargs
}

git init -q "$top" 2> /dev/null
commit one
is "$(basename "$(results file storm)")" "storm.$(git -C "$top" rev-parse --short=12 HEAD)"
is "$(todo)" 'a b c d e'
is "$(PART=1/2 todo)/$(PART=2/2 todo)" 'a c e/b d'
for part in 0/2 3/2 x 1/0; do
    ! PART=$part todo 2> /dev/null > /dev/null || is "$part" 'refused'
done

results add storm ok a 1.5s
results add storm 'not ok' b
results add storm skip c no reason
results add storm 'not ok' d
results add storm ok d
is "$(todo)" 'b c e'
is "$(PART=1/3 todo)" ''
is "$(printf '%s\n' a b c d e | results sum storm || true)" '2 passed, 2 failed, 1 skipped'
is "$(printf '%s\n' a d | results sum storm)" '2 passed, 0 failed, 0 skipped'
results add storm waits w for its mending
is "$(printf '%s\n' a w | results sum storm)" '1 passed, 0 failed, 0 skipped'
is "$(printf '%s\n' a w | results todo storm)" w
! results add storm fine a 2> /dev/null || is fine 'refused'
for n in $(seq 8); do results add storm ok "x$n" & done
wait
is "$(grep -c '^ok x' "$(results file storm)")" 8

# What passed with these changes says nothing of others.
echo 1 > "$top/new"
is "$(todo)" 'a b c d e'
results add storm ok a
is "$(todo)" 'b c d e'
echo 2 > "$top/new"
is "$(todo)" 'a b c d e'
commit two
is "$(todo)" 'a b c d e'

# One file for several commits.
export RESULTS=$top/build/all
results add storm ok a
is "$(todo)" 'b c d e'
git -C "$top" -c user.name=t -c user.email=t@t commit -q --allow-empty -m three
is "$(todo)" 'a b c d e'

is "$(SEED=7 results seed)" 7
[ "$(results seed)" -gt 0 ] || is "$(results seed)" 'a number'
echo "ok results"
