# SPDX-License-Identifier: LGPL-2.1-or-later
# Calls that fail, and mutations of the programs: see docs/testing.md.

fault-programs: kill-programs $O/tests/fault/faults.so

# Without the sanitizers: what it is preloaded to may have none.  The programs call open64() and its like, see the Makefile;
# built with the same macro, a function defined here is the one that they call.
$O/tests/fault/faults.so: tests/fault/faults.c
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -std=gnu11 -Wall -Wextra -Wshadow -O2 -shared -fPIC -o $@ $< -ldl

# Part of the gate: a fixed tenth.
check-faults:
	@tests/deps.sh fast
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc fault-programs
	@tests/fault/run.py --gate

# All of it.  PART=k/n RESULTS=FILE
fault-run:
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc fault-programs
	@tests/fault/run.py

# PART=k/n RESULTS=FILE
check-mutations:
	@tests/deps.sh fast
	@tests/mutations/run.py

.PHONY: fault-programs check-faults fault-run check-mutations
