#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-power.sh BUILD: what the power cuts choose and read, without a machine.
exec /usr/bin/python3 "$(dirname "$0")/power-test.py" "$1"
