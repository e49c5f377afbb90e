#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# xensnap check where images are protected: what has lost its flag, and what has one that keeps the VM from its disk.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ledger.sh"
. "$(dirname "$0")/checking.sh"
. "$(dirname "$0")/protecting.sh"
protecting_begin "$1"
chain "an overlay on an overlay on a raw image" raw
quiet

# again: the agent is started anew.
again() {
    agent_end TERM
    agent_start
}

chattr -i "$base"
checks 1 web1
says "$base: a snapshot needs it as it is, and it is not immutable: .*; .*systemctl restart xensnapd"
again
quiet web1
chattr -i "$one"
checks 1 web1
says "$one: a snapshot needs it as it is, and it is not immutable"
again
protected "$base" "$one"
quiet web1

domain_end
quiet web1
chattr +i "$two"
checks 1 web1
says "$two: disk xvda is in it, and it is immutable: .*; .*: chattr -i $two"
chattr -i "$two"
quiet web1

# The configuration that this check is told of protects nothing, and the ledger says what was done.
printf '[agent]\nstore = %s\n' "$dir/store" > "$dir/plain.conf"
gives 0 "$build/tests/integration/xensnap" check --config "$dir/plain.conf"
chattr -i "$base"
gives 1 "$build/tests/integration/xensnap" check --config "$dir/plain.conf"
says "$base: a snapshot needs it as it is, and it is not immutable"
again
quiet

# Where there is no such flag that is a note.
/usr/bin/python3 - "$dir/store/$vm/images.json" "$base" << 'PY'
import json, sys
ledger = json.load(open(sys.argv[1]))
[i for i in ledger["ledger"] if i["path"] == sys.argv[2]][0]["protected"] = "cannot"
json.dump(ledger, open(sys.argv[1], "w"))
PY
chattr -i "$base"
checks 0 web1
says "$base: it cannot be made immutable where it is"
