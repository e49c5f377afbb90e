# SPDX-License-Identifier: LGPL-2.1-or-later
# make integration: the guest's daemon without a guest, and the shim for xenstored, which tests/integration/test-*.sh
# use beside the double of libxl.

integration-guestd := $(filter-out tools/guestd/freezer,$(xensnap-guestd)) tests/integration/guest-double
wrapped            := xenstore_read xenstore_write xenstore_watch hooks_find

integration: $O/tests/integration/xensnap-guestd $O/tests/integration/freezer \
             $O/tests/integration/xenstored-shim.so $O/tests/integration/xensnap \
             $O/tests/kill/killpoint.so

$O/tests/integration/xensnap-guestd: $(integration-guestd:%=$O/%.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(wrapped:%=-Wl,--wrap=%) -o $@ $^ -lxenstore -lxenevtchn

$O/tests/integration/freezer: $(addprefix $O/,tests/integration/freezer-main.o tools/guestd/freezer.o tools/guestd/mounts.o protocol/errors.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=open64 -Wl,--wrap=ioctl -o $@ $^

# The command line, for which the worker is the one with the double in libxl's place.
$O/tests/integration/check_command.o: tools/check_command.c Makefile
	@mkdir -p $(@D)
	$(call run,CC,$<)$(CC) $(CPPFLAGS) -ULIBEXECDIR -DLIBEXECDIR='"$(abspath $O)/tests/double"' $(CFLAGS) -c -o $@ $<

$O/tests/integration/xensnap: LDLIBS = -lxenstore -lyajl -lxlutil -lxenlight -linih
$O/tests/integration/xensnap: $(patsubst $O/tools/check_command.o,$O/tests/integration/check_command.o,$(xensnap:%=$O/%.o)) \
                              $O/libxensnap.a
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Without the sanitizers: xenstored is not built with them.
$O/tests/integration/xenstored-shim.so: tests/integration/xenstored-shim.c
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -O2 -shared -fPIC -o $@ $< -ldl
