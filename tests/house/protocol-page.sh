#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# protocol-page.sh BUILD: xensnap-protocol(7) and the code know the same operations, keys, states and error words, and
# the page has every key of a status and of a list.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
page=docs/xensnap-protocol.7.pod
bad=0

# items HEADING KIND: the words of the items below it.
items() {
    awk -v heading="=head1 $1" '/^=head1 / { on = $0 == heading } on && /^=item /' $page |
        sed -E 's/^=item //; s/[BCIF]<([^<>]*)>/\1/g; s/=.*//' | sed "s/^/$2 /"
}

code=$("$1/tests/unit/print-protocol") || exit 1
{
    items OPERATIONS operation
    items STATES state
    items 'ERROR WORDS' error
    items KEYS key
} | sort > "$1/logs/page-of-text"
sed -nE '/^error none$/d; /^(operation|state|error) /p; s,^node ~/snapshot/request/ID/,key ,p' <<< "$code" |
    grep -vxE 'key (operation|cancel)' | sort > "$1/logs/page-of-code"
diff "$1/logs/page-of-text" "$1/logs/page-of-code" || { echo "not ok: < only in $page, > only in the code"; bad=1; }

keys=$(sed -nE 's,^node ~/snapshot/(status/ID|list/N)/,,p; s,^node ~/snapshot/list/,,p' <<< "$code")
[ "$(wc -w <<< "$keys")" -gt 20 ] || { echo "not ok: the code knows few keys: $keys"; bad=1; }
for key in $keys; do
    # plan-0 and so on, and B<disk->I<VDEV>
    grep -qF "B<${key%VDEV}>" $page || { echo "not ok: $page lacks $key"; bad=1; }
done
[ $bad = 0 ] && echo "ok protocol-page"
exit $bad
