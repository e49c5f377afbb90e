#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Everything: the parts that the budget in docs/testing.md names, in its order; what each took stands beside its budget,
# and one line with the sum at the end.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
budget=${1:-docs/testing.md}
logs=build/check
result=0 passed=0 failed=0 skipped=0 table='' budgeted=0 began=$SECONDS

# "PART MINUTES TARGET" a line, from the table.
parts() {
    sed -nE 's/^\| ([a-z-]+) \| ([0-9]+) \| `make ([a-z-]+)` \|.*/\1 \2 \3/p' "$budget"
}

# add_sum PART LOG: its last line is the sum, but for what make says of a failure. A part that does not tell it has not
# come to its end.
add_sum() {
    local sum
    case $1 in building | root) return ;; esac # which test nothing
    sum=$(grep -v '^make' "$2" | tail -n 1 | grep -xE '[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped') || {
        echo "$1 did not come to its end"
        result=1
        return
    }
    read -r p _ f _ s _ <<< "$sum"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

minutes() {
    printf '%d.%d' $(($1 / 60)) $(($1 % 60 / 6))
}

row() {
    table+=$(printf '%-10s %4d min   took %5s' "$1" "$2" "$(minutes "$3")")
    [ "$3" -le $(($2 * 60)) ] || table+=', over its budget'
    table+=$'\n'
}

run_part() {
    local part=$1 budget=$2 target=$3 started=$SECONDS log=$logs/$1.log
    echo "---- $part (make $target, $budget minutes)"
    make --no-print-directory "$target" 2>&1 < /dev/null | tee "$log" || { result=1; echo "$part has failed"; }
    add_sum "$part" "$log"
    row "$part" "$budget" $((SECONDS - started))
    budgeted=$((budgeted + budget))
}

mkdir -p "$logs"
mapfile -t list < <(parts)
[ ${#list[@]} -gt 0 ] || { echo "no budget in $budget"; exit 1; }
for line in "${list[@]}"; do
    read -r part budget target <<< "$line"
    run_part "$part" "$budget" "$target"
done
row all "$budgeted" $((SECONDS - began))
printf '%s' "$table"
echo "$passed passed, $failed failed, $skipped skipped"
# A test that could not run has not passed.
[ $skipped = 0 ] || [ -z "${CI:-}" ] || result=1
exit $result
