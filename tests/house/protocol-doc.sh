#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# protocol-doc.sh BUILD: docs/protocol.md and the code know the same nodes, keys, operations, states and error words.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

# words HEADING: the words of the list below it.
words() {
    awk -v heading="## $1" '$0 == heading { on = 1; next } /^## / { on = 0 } on' docs/protocol.md |
        sed -n 's/^\* `\([^`]*\)`: .*/\1/p'
}

{
    words Operations | sed 's/^/operation /'
    words States | sed 's/^/state /'
    words 'Error words' | sed 's/^/error /'
    sed -n 's/^#### \([^ ]*\) = .*/node \1/p' docs/protocol.md
} | sort > "$1/logs/doc-of-text"
"$1/tests/unit/print-protocol" | sort > "$1/logs/doc-of-code"
diff "$1/logs/doc-of-text" "$1/logs/doc-of-code" || { echo "not ok: < only in docs/protocol.md, > only in the code"; exit 1; }
echo "ok protocol-doc"
