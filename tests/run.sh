#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh BUILD fast|long: the tests that need no hypervisor, with the programs in BUILD; ends with "N passed, N failed,
# N skipped". Long are the integration tests that say `# long`, fast all others. Each test is a program or a script that exits 0, or 77 for "cannot run here".  JOBS of them run side by side: one more
# than there are processors, for some do little but wait.  They are told of in the order in which they were started.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
logs=$build/logs
results=$(mktemp -d)
mkdir -p "$logs"
passed=0 failed=0 skipped=0 told=0
names=()

# What is interrupted leaves nothing running: each test is a session of its own.
end_all() {
    local file
    for file in "$results"/*.session; do
        [ ! -e "$file" ] || pkill -KILL -s "$(cat "$file")"
    done
    rm -rf "$results"
}
trap end_all EXIT
trap 'exit 130' INT TERM

# As many tests of a unit's have passed as it has said that there are: one that ends in their middle has not failed.
is_whole() {
    [ "$(grep -c '^ok ' "$1")" = "$(sed -n 's/^1\.\.//p' "$1")" ]
}

# test_run NAME COMMAND...: and what became of it is in $results/NAME.  A worker is a process group of its own, so that
# timeout alone would not end it.
test_run() {
    local name=$1 started=${EPOCHREALTIME/./} result=0 session
    shift
    setsid timeout --kill-after=20 300 "$@" > "$logs/$name" 2>&1 < /dev/null &
    session=$!
    echo $session > "$results/$name.session"
    wait $session || result=$?
    if [[ $name = unit-* && $result = 0 ]] && ! is_whole "$logs/$name"; then
        echo "# not all of its tests have passed" >> "$logs/$name"
        result=1
    fi
    case $result in 0 | 77) ;; *) pkill -KILL -s $session ;; esac
    rm "$results/$name.session"
    echo "$result $(((${EPOCHREALTIME/./} - started) / 100000))" > "$results/$name.new"
    mv "$results/$name.new" "$results/$name"
}

test_tell() {
    local name=$1 result took
    read -r result took < "$results/$name"
    case $result in
        0) passed=$((passed + 1)); echo "ok $name ($((took / 10)).$((took % 10))s)" ;;
        77) skipped=$((skipped + 1)); echo "skip $name ($(tail -n 1 "$logs/$name"))" ;;
        *) failed=$((failed + 1)); echo "not ok $name (exit code $result)"; tail -n 30 "$logs/$name" | sed 's/^/    /' ;;
    esac
}

tell_ended() {
    while [ $told -lt ${#names[@]} ] && [ -e "$results/${names[told]}" ]; do
        test_tell "${names[told]}"
        told=$((told + 1))
    done
}

# test_start NAME COMMAND...: as soon as fewer than JOBS run.
test_start() {
    while [ "$(jobs -pr | wc -l)" -ge "${JOBS:-$(($(nproc) + 1))}" ]; do
        wait -n
        tell_ended
    done
    names+=("$1")
    test_run "$@" &
}

# start_integration IS: the tests of which that is true.
start_integration() {
    local test
    for test in "$here"/integration/test-*.sh; do
        ! "$1" "$test" || test_start "integration-$(basename "$test" .sh | cut -c 6-)" "$test" "$build"
    done
}

is_long() {
    grep -qx '# long' "$1"
}

is_quick() {
    ! is_long "$1"
}

end_run() {
    wait
    tell_ended
    [ $told = ${#names[@]} ] || { echo "not ok ${names[told]} has no result"; failed=$((failed + 1)); }
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ]
    exit
}

cd "$here/.." || exit 1
case $2 in
    long) start_integration is_long; end_run ;;
    fast) start_integration is_quick ;;
    *) echo "$2: it is fast or long" >&2; exit 2 ;;
esac
for test in "$here"/house/rules/test-*.sh; do
    test_start "house-rules-$(basename "$test" .sh | cut -c 6-)" "$test" "$build"
done
for test in "$here"/house/*.sh; do
    test_start "house-$(basename "$test" .sh)" "$test" "$build"
done
for test in "$build"/tests/unit/test-*; do
    case $test in *.[do]) ;; *) test_start "unit-${test##*/test-}" "$test" ;; esac
done
end_run
