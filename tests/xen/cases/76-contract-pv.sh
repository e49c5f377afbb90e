#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# deadline: 900
# What xl.h promises, with libxl and a PV guest.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/contract.sh

sentences_hold pv
