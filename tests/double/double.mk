# SPDX-License-Identifier: LGPL-2.1-or-later
# The worker and the monitor with a double in the place of libxl, and the program that makes domains for it.

double         := $(addprefix tests/double/,double table tree qemu memory reaper xl-double xl-config xl-needs xl-build xl-save xl-end)
double-worker  := $(filter-out agent/xl%,$(xensnap-worker)) $(double)
double-monitor := $(filter-out agent/xl%,$(xensnap-monitor)) protocol/json $(double)
double-domain  := $(addprefix protocol/,errors json names pairs request request_disks) $(addprefix agent/,control log msg) \
                  tests/double/domain-main $(double)

$O/tests/double/%.o: CPPFLAGS += -DDOUBLE_DIR='"$(abspath $O)/tests/double"' -iquote tests/double

$O/tests/double/xensnap-worker: $(double-worker:%=$O/%.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxenstore -lxenevtchn -lyajl -luuid -lxxhash -linih

$O/tests/double/xensnap-monitor: $(double-monitor:%=$O/%.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxenstore -lyajl

$O/tests/double/domain: $(double-domain:%=$O/%.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxenstore -lyajl

double: $O/tests/double/xensnap-worker $O/tests/double/xensnap-monitor $O/tests/double/domain

integration: double

.PHONY: double
