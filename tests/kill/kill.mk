# SPDX-License-Identifier: LGPL-2.1-or-later
# Kills by the thousand, on an ordinary machine: see docs/testing.md.

kill-programs: all double $O/tests/integration/xenstored-shim.so $O/tests/kill/killpoint.so

# Without the sanitizers: what it is preloaded to may have none.
$O/tests/kill/killpoint.so: tests/xen/killpoint.c
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -O2 -shared -fPIC -o $@ $< -ldl

# Part of the gate: each step once, and 300 kills at random.
check-kills:
	@tests/deps.sh fast
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc kill-programs
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc SAN=1 kill-programs
	@tests/kill/check.sh build/gcc

# All combinations.  What has passed at this commit is left out: tests/results.py.
kill-loops:
	@tests/deps.sh fast
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc kill-programs
	@tests/kill/loops.py build/gcc all

# N= SEED=; with the same SEED a run that was broken off goes on.
kill-storm:
	@$(MAKE) --no-print-directory WERROR=1 CC=gcc kill-programs
	@KEEP=1 tests/kill/storm.py build/gcc $(or $(N),1000)

.PHONY: kill-programs check-kills kill-loops kill-storm
