#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 900
# The sentences about xl.h with libxl; tests/integration/test-contract.sh tries the same with the double of it.
. "$(dirname "$0")"/../dom0/lib.sh

printf '#!/bin/sh\n[ "$1" = poweroff ] && exec xl shutdown "$2"\n' > /tmp/contract-guest
chmod +x /tmp/contract-guest
bad=0
for type in pv hvm; do
    guest_start g $type
    note "$type"
    contract-xl "$(guest_domid g)" /tmp/contract-guest || bad=1
    wait_for 30 guest_gone g || fail "guest g does not go away"
done
[ $bad = 0 ] || fail "libxl is not as xl.h says; mend the sentence and tests/double, or agent/xl*.c"
