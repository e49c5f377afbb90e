#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The sentences about xl.h with the double; tests/xen/cases/76-contract-pv.sh and -hvm.sh try the same with libxl.
. "$(dirname "$0")/lib.sh"
world_begin "$1"
xenstored_start
rm "$dir/wait-ms"
printf '#!/bin/sh\nexec %s/tests/double/domain shutdown "$2" "$1"\n' "$build" > "$dir/guest"
chmod +x "$dir/guest"
for kind in pv hvm; do
    domain_make $kind
    "$build/tests/contract/xl-double" "$(domid)" "$dir/guest" > "$dir/said" 2>&1 || fail "$kind: $(grep -A 1 -v '^ok' "$dir/said")"
    cat "$dir/said"
done
left=$(domain list) && [ -z "$left" ] || fail "a domain is left: $left"
