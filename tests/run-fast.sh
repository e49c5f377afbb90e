#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run-fast.sh BUILD: the fast part of the tests, with the programs in BUILD; ends with "N passed, N failed, N skipped".
# Each test is a program or a script that exits 0, or 77 for "cannot run here".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
logs=$build/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0

run() {
    local name=$1 started=${EPOCHREALTIME/./} result=0 took
    shift
    timeout 120 "$@" > "$logs/$name" 2>&1 < /dev/null || result=$?
    took=$(((${EPOCHREALTIME/./} - started) / 100000))
    case $result in
        0) passed=$((passed + 1)); echo "ok $name ($((took / 10)).$((took % 10))s)" ;;
        77) skipped=$((skipped + 1)); echo "skip $name ($(tail -n 1 "$logs/$name"))" ;;
        *) failed=$((failed + 1)); echo "not ok $name (exit code $result)"; tail -n 30 "$logs/$name" | sed 's/^/    /' ;;
    esac
}

cd "$here/.." || exit 1
for test in "$build"/tests/unit/test-*; do
    case $test in *.[do]) ;; *) run "unit-${test##*/test-}" "$test" ;; esac
done
for test in "$here"/house/*.sh; do
    run "house-$(basename "$test" .sh)" "$test" "$build"
done
for test in "$here"/integration/test-*.sh; do
    run "integration-$(basename "$test" .sh | cut -c 6-)" "$test" "$build"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
