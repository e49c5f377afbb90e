#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-protocol.sh BUILD: the two rules that compare documents with what the code knows.
. "$(dirname "$0")/lib.sh"
print=$(cd "$1" && pwd)/tests/unit/print-protocol
mkdir -p "$copy/build/tests/unit"

# A program that prints what the code knows, and with it, or without it, that line.
code_with() {
    printf '#!/bin/sh\n%s\necho "%s"\n' "$print" "$1" > build/tests/unit/print-protocol
}
code_without() {
    printf '#!/bin/sh\n%s | grep -vx "%s"\n' "$print" "$1" > build/tests/unit/print-protocol
}
code=build/tests/unit/print-protocol
ln -s "$print" "$copy/$code"

# both OF-CODE: more and less in the code than in the text are told.
both() {
    breaks "> $1 extra" $code code_made code_with "$1 extra"
    breaks "< $2" $code code_made code_without "$2"
}
code_made() {
    rm $code
    "$@"
    chmod +x $code
}

rule protocol-doc docs
holds
both operation 'operation revert'
both state 'state queued'
both error 'error denied'
both 'node ~/snapshot/' 'node ~/snapshot/status/ID/stage'
breaks '> operation list' docs/protocol.md sed -i '/^\* `list`: /d' docs/protocol.md
breaks '< state asleep' docs/protocol.md sed -i 's/^\* `queued`: /* `asleep`: /' docs/protocol.md
breaks '> error busy' docs/protocol.md sed -i '/^\* `busy`: /d' docs/protocol.md
breaks '> node' docs/protocol.md sed -i '0,/^#### \([^ ]*\) = /{//d}' docs/protocol.md
breaks '< ' $code code_made ln -s /bin/true $code

page=docs/xensnap-protocol.7.pod
rule protocol-page docs
holds
breaks '> operation extra' $code code_made code_with 'operation extra'
breaks '> state extra' $code code_made code_with 'state extra'
breaks '> error extra' $code code_made code_with 'error extra'
breaks '> key extra' $code code_made code_with 'node ~/snapshot/request/ID/extra'
breaks "$page lacks extra" $code code_made code_with 'node ~/snapshot/status/ID/extra'
breaks "$page lacks extra" $code code_made code_with 'node ~/snapshot/list/N/extra'
for line in 'operation revert' 'state queued' 'error denied'; do
    breaks "< $line" $code code_made code_without "$line"
done
breaks 'the code knows few keys' $code code_made code_without 'node ~/snapshot/.*'
finish
