# SPDX-License-Identifier: LGPL-2.1-or-later
# The sentences about xl.h with libxl; lib.sh comes first.  tests/integration/test-contract.sh tries the same with the
# double.
# shellcheck shell=bash

# sentences_hold TYPE: of a guest of that type.
sentences_hold() {
    printf '#!/bin/sh\n[ "$1" = poweroff ] && exec xl shutdown "$2"\n' > /tmp/contract-guest
    chmod +x /tmp/contract-guest
    guest_start g "$1"
    contract-xl "$(guest_domid g)" /tmp/contract-guest ||
        fail "libxl is not as xl.h says; mend the sentence and tests/double, or agent/xl*.c"
    wait_for 30 guest_gone g || fail "guest g does not go away"
}
