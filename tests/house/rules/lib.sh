# SPDX-License-Identifier: LGPL-2.1-or-later
# For the tests of the house rules, which source it: a copy of the tree in $copy, in which one thing at a time is wrong.
# shellcheck shell=bash
set -uo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
copy=$(mktemp -d)
said=$(mktemp)
trap 'rm -rf "$copy" "$said"' EXIT
bad=0
tried=0

# rule NAME FILES...: which rule is tested, and what of the tree it needs.
rule() {
    rule=tests/house/$1.sh
    shift
    mkdir -p "$copy/build/logs"
    (cd "$tree" && cp -r --parents "$rule" "$@" "$copy") || exit 1
    cd "$copy" || exit 1
}

keeps() {
    "$rule" "$copy/build" > "$said" 2>&1
}

# holds: nothing is wrong.
holds() {
    keeps || { echo "not ok $rule fails on what is right: $(cat "$said")"; bad=1; }
}

# breaks TEXT FILE COMMAND...: when COMMAND has changed FILE, or made it, the rule fails and says TEXT.
breaks() {
    local text=$1 file=$2
    shift 2
    tried=$((tried + 1))
    rm -rf "$copy.file"
    [ ! -e "$file" ] || cp -rp "$file" "$copy.file"
    "$@" || { echo "not ok $* does not work"; bad=1; }
    if [ -e "$copy.file" ] && cmp -s "$copy.file" "$file"; then echo "not ok $* changes nothing"; bad=1; fi
    if keeps; then
        echo "not ok $rule passes with: $*"
        bad=1
    elif ! grep -qF -- "$text" "$said"; then
        echo "not ok $rule does not say '$text' with: $* but: $(cat "$said")"
        bad=1
    fi
    rm -rf "$file"
    [ ! -e "$copy.file" ] || mv "$copy.file" "$file"
}

# breaks_many TEXT COMMAND FILES...: the same with each of FILES at once, of each of which the rule says TEXT, where @ is
# the file.
breaks_many() {
    local text=$1 change=$2 file
    shift 2
    tried=$((tried + $#))
    for file in "$@"; do cp -p "$file" "$file.saved"; done
    for file in "$@"; do "$change" "$file"; done
    if keeps; then echo "not ok $rule passes with $change: $*"; bad=1; fi
    for file in "$@"; do
        grep -qF -- "${text//@/$file}" "$said" || { echo "not ok $rule does not say '${text//@/$file}': $(cat "$said")"; bad=1; }
        mv "$file.saved" "$file"
    done
}

# adds LINE FILE, puts LINE FILE (as its first)
adds() {
    printf '%s\n' "$1" >> "$2"
}
puts() {
    sed -i "1i $1" "$2"
}

# finish: all is as it was, and nothing went by.
finish() {
    holds
    [ $bad = 0 ] && echo "ok $tried violations of $rule"
    exit $bad
}
