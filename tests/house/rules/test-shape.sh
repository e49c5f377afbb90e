#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule shape agent protocol tools
holds

# long_function LINES FILE
long_function() {
    { echo 'void much(void)'; echo '{'; for ((i = 0; i < $1 - 3; i++)); do echo '    ;'; done; echo '}'; } >> "$2"
}
long_file() {
    seq -f '/* %g */' "$1" > "$2"
}
few_functions() {
    rm -rf {agent,protocol,tools,tools/guestd}/*.c
    touch {agent,protocol,tools,tools/guestd}/none.c
}
breaks 'not ok tools/text.c: much has 71 lines' tools/text.c long_function 71 tools/text.c
breaks 'not ok tools/guestd/say.c: much has 71 lines' tools/guestd/say.c long_function 71 tools/guestd/say.c
breaks 'not ok agent/long.c has 501 lines' agent/long.c long_file 501 agent/long.c
for call in sprintf strcpy strcat system popen sleep usleep alloca gets; do
    breaks 'calls that we do without' protocol/names.c adds "void x(void) { $call(y); }" protocol/names.c
done
breaks 'agent/late.c:' agent/late.c adds 'void x(void) { sleep (1); }' agent/late.c
finish_then_few() {
    few_functions
    keeps && { echo "not ok $rule passes without functions"; bad=1; }
    grep -q 'not ok ctags found' "$said" || { echo "not ok $rule does not miss functions: $(cat "$said")"; bad=1; }
}
holds
finish_then_few
[ $bad = 0 ] && echo "ok $tried violations of $rule"
exit $bad
