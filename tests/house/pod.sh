#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual pages: their form, and that the pages they send the reader to are there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0

wrong() {
    echo "not ok $*"
    bad=1
}

# see_also POD: the pages that it names there, as name(section).
see_also() {
    awk '/^=head1 / { on = $0 == "=head1 SEE ALSO" } on' "$1" | grep -oE '[A-Za-z0-9._-]+\([0-9]\)'
}

# Of others' pages those of Xen count, whether or not they were unpacked here.
others=$(dpkg -L xen-utils-common xenstore-utils | sed -nE 's,.*/man[0-9]/(.*)\.([0-9])\.gz$,\1(\2),p')
[ -n "$others" ] || wrong "Xen's manual pages are not known"
named=$(for pod in docs/*.pod; do see_also "$pod"; done)

# A word may stand in two lists of one page.
complaints=$(podchecker -warnings -warnings docs/*.pod 2>&1 | grep -vE 'pod syntax OK|multiple occurrences')
[ -z "$complaints" ] || wrong "$complaints"

for pod in docs/*.pod; do
    page=$(basename "$pod" .pod)
    page="${page%.*}(${page##*.})"
    grep -qE "^${page%(*} - [a-z]" "$pod" || wrong "$pod: NAME is not '${page%(*} - ...'"
    [ -n "$(see_also "$pod")" ] || wrong "$pod: no SEE ALSO"
    for other in $(see_also "$pod") $(grep -oE '\bxensnap[a-z.-]*\([0-9]\)' "$pod"); do
        name=${other%(*} section=${other: -2:1}
        case $name in
            xensnap*) [ -f "docs/$name.$section.pod" ] || wrong "$pod: there is no page $other" ;;
            *) grep -qxF "$other" <<< "$others" || wrong "$pod: Xen has no page $other" ;;
        esac
        [ "$other" != "$page" ] || wrong "$pod: it sends the reader to itself"
    done
    grep -qxF "$page" <<< "$named" || wrong "$pod: no page's SEE ALSO names it"
done
if grep -nE '^.{121,}' docs/*.pod; then wrong "lines over 120 columns"; fi
[ $bad = 0 ] && echo "ok pod"
exit $bad
