#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# format.sh BUILD: licence lines, widths, blanks, and shellcheck.
set -uo pipefail
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/../.." || exit 1
bad=0
mapfile -t c < <(find agent protocol tools tests -name '*.[ch]' | sort)
mapfile -t shell < <(find tests .ci tools -type f -exec grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' {} + | sort)
for file in agent/agent.c protocol/names.h tests/house/format.sh tests/xen/dom0/lib.sh; do
    [[ " ${c[*]} ${shell[*]} " == *" $file "* ]] || { echo "not ok $file is not looked at"; bad=1; }
done

# In none of the first three lines.
without_licence() {
    comm -23 <(printf '%s\n' "$@" | sort) \
        <(grep -Hn 'SPDX-License-Identifier: LGPL-2.1-or-later' "$@" | awk -F: '$2 <= 3 { print $1 }' | sort -u)
}

# What shellcheck says of FILES..., in many processes, for one uses one processor.
# SC2120: other files call with arguments.  SC1010: a word "done" is a state here.  SC1091, SC2154: what is sourced is
# not followed.  SC2034: sourced files set variables for others.
options=(-S warning -e 'SC1010,SC2120,SC1090,SC1091,SC2154,SC2034')
checked() {
    [ $# -gt 0 ] || return 0
    printf '%s\0' "$@" | xargs -0 -r -n 5 -P "$(nproc)" shellcheck "${options[@]}"
}

# The cases on the emulated machine source a thousand lines each, which shellcheck would read again with every one of
# them.  All that it wants to know of what is sourced is which names are arrays: so the cases are checked in a copy of
# their directory beside such lines alone.
checked_cases() {
    local copy result=0 file
    copy=$(mktemp -d)
    mkdir -p "$copy/tests/xen/dom0"
    cp -r --parents tests/xen/.shellcheckrc tests/xen/cases "$copy"
    for file in tests/xen/dom0/*.sh; do
        grep -E '^(declare|typeset|mapfile|readarray) |^[A-Za-z_]+\+?=\(' "$file" > "$copy/$file"
    done
    (cd "$copy" && checked "$@") || result=1
    rm -r "$copy"
    return $result
}

# What was found good is known by its content, as long as shellcheck, its options and what is sourced are the same.
known=$build/logs/shellcheck-$({ shellcheck --version; echo "${options[@]}"; cat tests/xen/.shellcheckrc tests/xen/dom0/* \
    tests/xen/host/* "$0"; } | sha256sum | cut -c 1-20)
mkdir -p "$build/logs"
touch "$known"
mapfile -t new < <(sha256sum "${shell[@]}" | grep -vxFf "$known")
cases=() others=()
for file in "${new[@]:+${new[@]#*  }}"; do
    case $file in tests/xen/cases/*) cases+=("$file") ;; *) others+=("$file") ;; esac
done
if checked "${others[@]}" && checked_cases "${cases[@]}"; then
    printf '%s\n' "${new[@]}" >> "$known"
else
    echo "not ok shellcheck"
    bad=1
fi

for file in $(without_licence "${c[@]}" "${shell[@]}"); do echo "not ok $file: licence"; bad=1; done
if grep -nP '\t| +$' "${c[@]}" "${shell[@]}"; then echo "not ok tabs or trailing blanks"; bad=1; fi
if grep -nE '^.{121,}' "${c[@]}"; then echo "not ok lines over 120 columns"; bad=1; fi
[ $bad = 0 ] && echo "ok format"
exit $bad
