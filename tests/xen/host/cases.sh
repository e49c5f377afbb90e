# SPDX-License-Identifier: LGPL-2.1-or-later
# The cases: scripts that run in dom0 one after the other, each with a deadline, reported by name.
# shellcheck shell=bash disable=SC2154 # common.sh says where things are

in_dom0=/root/tests

case_names() {
    local script
    for script in "$here"/cases/*.sh; do
        basename "$script" .sh
    done
}

# Those marked `# exhaustive` are left to `make check-exhaustive`, for time's sake. Named cases are always run.
cases_of() {
    local name
    for name in $(case_names); do
        case $1.$(grep -c '^# exhaustive$' "$here/cases/$name.sh") in
            gate.0 | exhaustive.1 | all.*) echo "$name" ;;
        esac
    done
}

case_deadline() {
    local seconds
    seconds=$(sed -n 's/^# deadline: *\([0-9]*\).*/\1/p' "$1" | head -n 1)
    printf '%s\n' "${seconds:-300}"
}

# Names may be shortened as long as they fit one case: `00` is 00-rig-guests.
case_find() {
    local found
    found=$(case_names | grep -e "^$1" || true)
    if [ -e "$here/cases/$1.sh" ]; then
        found=$1
    fi
    [ "$(wc -w <<< "$found")" = 1 ] || die "test: '$1' names no one case (there are: $(case_names | xargs))"
    printf '%s\n' "$found"
}

case_collect() {
    local path
    for path in /var/log/xen /var/log/xensnap /var/crash /tmp/case-logs; do
        dom0_get "$path" "$logs/$1" > /dev/null 2>&1 || true
    done
}

elapsed_since() {
    local now=${EPOCHREALTIME/./}
    printf '%d.%d' $(((now - $1) / 1000000)) $(((now - $1) / 100000 % 10))
}

# Runs one case, and once more if what failed was the emulated processor (run-case tells by 75).
case_run() {
    local result=0
    case_run_once "$1" || result=$?
    [ "$result" = 75 ] || return "$result"
    say "test: $1 again: the emulated processor failed, not the case"
    case_run_once "$1"
}

# Its result is the exit code. XEN_MACHINE_VERBOSE=1 shows its output as it comes.
case_run_once() {
    local name=$1 script=$here/cases/$1.sh seconds started=${EPOCHREALTIME/./} result=0
    local command
    seconds=$(case_deadline "$script")
    rm -rf "${logs:?}/$name" && mkdir -p "$logs/$name"
    # A machine that hangs answers nothing, so the host has a deadline too.
    command=(timeout --foreground $((seconds + 120)) "$here/machine" dom0
        "exec $in_dom0/dom0/run-case $in_dom0/cases/$name.sh $seconds 2>&1")
    if [ "${XEN_MACHINE_VERBOSE:-}" ]; then
        "${command[@]}" < /dev/null | tee "$logs/$name/output.txt" || result=$?
    else
        "${command[@]}" < /dev/null > "$logs/$name/output.txt" || result=$?
    fi
    case $result in
        0) echo "ok $name ($(elapsed_since "$started")s)" ;;
        75) echo "# $name: a guest's triple fault ($(elapsed_since "$started")s)" ;;
        77) echo "skip $name ($(tail -n 1 "$logs/$name/output.txt"))" ;;
        *)
            echo "not ok $name ($(elapsed_since "$started")s)"
            tail -n 30 "$logs/$name/output.txt" | sed 's/^/    /'
            case_collect "$name"
            echo "    exit code $result; logs are in $logs/$name"
            ;;
    esac
    return "$result"
}

# The cases, what they share, and the library that kills the agent's programs at chosen places.
cases_push() {
    local library=$run/killpoint.so
    if [ -f "$here/killpoint.c" ]; then
        gcc -std=gnu11 -O2 -D_GNU_SOURCE -shared -fPIC -o "$library" "$here/killpoint.c" -ldl
        tar -C "$run" --owner=0 --group=0 -cf - killpoint.so |
            dom0 "mkdir -p /usr/local/lib/xensnap-tests && tar -C /usr/local/lib/xensnap-tests --warning=no-timestamp -xf -"
    fi
    tar --owner=0 --group=0 -cf - -C "$here" cases dom0 -C "$top" docs/howto.md docs/examples -C "$top/tests" conformance |
        dom0 "rm -rf $in_dom0 && mkdir -p $in_dom0 && tar -C $in_dom0 --warning=no-timestamp -xf -"
}

cases_run() {
    local names=() name result passed=0 failed=0 skipped=0
    if [ $# = 0 ]; then
        mapfile -t names < <(cases_of gate)
    elif [ "$1" = exhaustive ]; then
        mapfile -t names < <(cases_of exhaustive)
    else
        for name; do
            name=$(case_find "$name")
            names+=("$name")
        done
    fi
    cases_push
    for name in "${names[@]}"; do
        say "test: $name (deadline $(case_deadline "$here/cases/$name.sh") s)"
        result=0
        case_run "$name" || result=$?
        case $result in
            0) passed=$((passed + 1)) ;;
            77) skipped=$((skipped + 1)) ;;
            *) failed=$((failed + 1)) ;;
        esac
    done
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ]
}
