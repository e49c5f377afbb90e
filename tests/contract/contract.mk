# SPDX-License-Identifier: LGPL-2.1-or-later
# make contract: the sentences about xl.h, once with the double and once with libxl.

contract := $(addprefix tests/contract/,xl absent life save stage) $(addprefix protocol/,errors json names pairs request request_disks xenstore) \
            $(addprefix agent/,control files holders life log msg nodes qmp savefile)

$O/tests/contract/%.o: CPPFLAGS += -iquote tests/contract

$O/tests/contract/xl-double: $(sort $(contract:%=$O/%.o) $(double:%=$O/%.o))
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxenstore -lyajl

$O/tests/contract/xl-libxl: $(contract:%=$O/%.o) $O/agent/xl.o $(addprefix $O/agent/,xl_config.o xl_stream.o userdata.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lxenlight -lxentoollog -lxenstore -lyajl

contract: $O/tests/contract/xl-double $O/tests/contract/xl-libxl

integration: $O/tests/contract/xl-double

.PHONY: contract
