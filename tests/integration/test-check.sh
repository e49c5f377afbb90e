#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/check.sh: the parts of a budget, in order; a part that fails, or does not come to its sum, fails the whole.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset CI MAKEFLAGS MAKELEVEL
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir -p "$top/tests" "$top/docs" && cp "$here/../check.sh" "$top/tests"

fail() {
    echo "not ok: $*"
    cat "$top/said"
    exit 1
}

# A budget of parts "NAME MINUTES TARGET".
budget() {
    printf '| part | minutes | command | what |\n|---|---|---|---|\n'
    printf '| %s | %s | `make %s` | something |\n' "$@"
}

# gate CODE LINE...: it exits with that, and its last lines are these.
gate() {
    local code=$1 result=0
    shift
    timeout 60 bash "$top/tests/check.sh" > "$top/said" 2>&1 || result=$?
    [ $result = "$code" ] || fail "exit code $result, and not $code"
    [ "$(tail -n $# "$top/said" | sed 's/took .*/took/')" = "$(printf '%s\n' "$@")" ] || fail "not: $*"
}

cat > "$top/Makefile" <<'MAKE'
build: ; @echo built
good: ; @echo ok a; echo '3 passed, 0 failed, 1 skipped'
bad: ; @echo '1 passed, 2 failed, 0 skipped'; false
broken: ; @echo '1 passed, 0 failed, 0 skipped'; echo more
MAKE

budget building 1 build fast 2 good xen 40 good > "$top/docs/testing.md"
gate 0 'building      1 min   took' 'fast          2 min   took' 'xen          40 min   took' \
    'all          43 min   took' '6 passed, 0 failed, 2 skipped'
grep -q 'over its budget' "$top/said" && fail "over its budget"
CI=1 gate 1 '6 passed, 0 failed, 2 skipped'

budget fast 2 bad xen 3 good > "$top/docs/testing.md"
gate 1 '4 passed, 2 failed, 1 skipped'
budget fast 2 broken xen 3 good > "$top/docs/testing.md"
gate 1 '3 passed, 0 failed, 1 skipped'
grep -q '^fast did not come to its end' "$top/said" || fail "nothing about the part without a sum"
budget fast 2 nothing > "$top/docs/testing.md"
gate 1 '0 passed, 0 failed, 0 skipped'
echo > "$top/docs/testing.md"
gate 1 'no budget in docs/testing.md'

# The real one: each of its targets is there.
cd "$here/../.." || exit 1
targets=$(sed -nE 's/^\| [a-z-]+ \| [0-9]+ \| `make ([a-z-]+)` \|.*/\1/p' docs/testing.md)
[ "$(wc -l <<< "$targets")" -ge 4 ] || fail "the budget has these only: $targets"
for target in $targets; do
    grep -q "^$target:" Makefile tests/*/*.mk || fail "there is no target $target"
done
echo "ok check"
