#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# long
# The pool of emulated machines, with doubles for the machines.
exec /usr/bin/python3 "$(dirname "$0")/pool-test.py"
