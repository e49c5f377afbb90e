# SPDX-License-Identifier: LGPL-2.1-or-later
# make | make check | make check-fast | make demo | make bench | make install DESTDIR= PREFIX=

VERSION    := 0.1
PREFIX     ?= /usr
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/xensnap
LIBDIR     ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch)
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
XLSHIMDIR  ?= $(PREFIX)/local/sbin
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -iquote protocol -iquote agent -iquote tools/guestd \
            -DVERSION='"$(VERSION)"' -DLIBEXECDIR='"$(LIBEXECDIR)"' -DSYSCONFDIR='"$(SYSCONFDIR)"'
override CFLAGS += -std=gnu11 $(WARNINGS)
ifdef SAN
override CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif
# make V=1 shows the commands themselves
run = $(if $(V),,@echo "  $1  $2";)
O := build/$(CC)$(if $(SAN),-san)

# What each program is made of.  libxl is linked into the worker and the monitor; the command line has libxlutil's
# parsers, which bring it along.
protocol := entry errors identity json names pairs request request_disks status xenstore
shared   := boot care files journal log msg quiesce_tree record store
xensnapd := $(protocol:%=protocol/%) $(shared:%=agent/%) protocol/conf protocol/policy \
            $(addprefix agent/,xensnapd agent domains flood inbox intake job jobs lifeline loop notify permit publish queue ready report \
              requests retry scrub spawn target unsettled)
xensnap-worker := $(protocol:%=protocol/%) protocol/conf protocol/policy protocol/doorbell protocol/quiesce $(shared:%=agent/%) \
            $(addprefix agent/,worker answers block_job chain chain_look check check_config check_data check_files check_images \
             check_ledger check_protect check_records check_tags check_who commit control creation digest disks draft eviction \
             fdsets holders image_info images images_next images_note immutable kept life look mentions merge needs nodes op op_accept \
             op_create op_delete op_forget op_release op_revert owed plan problems protect qcow2 qemu_img qmp quiet reach \
             readonly refcounts replaced reversion reversion_end savefile settle takeover torn userdata vmconfig way_back way_out \
             xl xl_config xl_needs xl_stream)
xensnap-monitor := $(addprefix protocol/,errors names pairs request request_disks xenstore) \
            $(addprefix agent/,monitor late care control files holders life log msg userdata xl xl_config xl_stream)
xensnap := $(filter-out %_none,$(patsubst %.c,%,$(wildcard tools/*.c))) \
           $(addprefix protocol/,conf errors json names pairs policy request request_disks)
# For a guest: one static file each, which needs nothing there.
guest-without := tools/snapconf tools/policy_command protocol/conf protocol/policy
guest-xensnap := $(filter-out $(guest-without),$(xensnap)) tools/snapconf_none tools/policy_command_none
guest-programs := xensnap xensnap-guestd
guest-xenstore := $(addprefix protocol/,wire xs_wire)
library := $(addprefix protocol/,client client_list client_vm errors map names pairs request request_disks xenstore)

xensnap-guestd := $(addprefix protocol/,doorbell errors names pairs quiesce xenstore) \
            $(patsubst %.c,%,$(wildcard tools/guestd/*.c))

programs := xensnapd xensnap-worker xensnap-monitor xensnap xensnap-guestd
pods     := $(wildcard docs/*.[1-9].pod)

all: $(programs:%=$O/%) $O/libxensnap.so.1

$O/xensnapd: LDLIBS = -lxenstore -lyajl -luuid -linih
$O/xensnap: $O/libxensnap.a
$O/xensnap: LDLIBS = -lxenstore -lyajl -lxlutil -lxenlight -linih
$O/xensnap-worker: LDLIBS = -lxenlight -lxentoollog -lxenstore -lxenevtchn -lyajl -luuid -lxxhash -linih
$O/xensnap-guestd: LDLIBS = -lxenstore -lxenevtchn
$O/xensnap-monitor: LDLIBS = -lxenlight -lxentoollog -lxenstore

.SECONDEXPANSION:
$(programs:%=$O/%): $O/%: $$(addprefix $O/,$$(addsuffix .o,$$($$*)))
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# libxensnap: nothing but xensnap_* is to be seen from outside, in either form.
$O/libxensnap.so.1: $(library:%=$O/%.o) protocol/xensnap.map
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libxensnap.so.1 \
	  -Wl,--version-script=protocol/xensnap.map $(if $(SAN),,-Wl,-z,defs) -o $@ $(library:%=$O/%.o) -lxenstore

$O/libxensnap.a: $(library:%=$O/%.o)
	$(call run,AR,$@)$(LD) -r -o $@.o $^ && objcopy -w --keep-global-symbol='xensnap_*' $@.o && \
	  rm -f $@ && $(AR) rcs $@ $@.o && rm $@.o

$O/protocol/%.o: override CFLAGS += -fPIC

guest: $(guest-programs:%=build/guest/%)

build/guest/xensnap: $(guest-xensnap:%=$O/%.o) $O/libxensnap.a $(guest-xenstore:%=$O/%.o)
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^ -l:libyajl_s.a

build/guest/xensnap-guestd: $(xensnap-guestd:%=$O/%.o) $(guest-xenstore:%=$O/%.o)
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^ -lxenevtchn -lxentoolcore -lxentoollog

$O/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call run,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

install: all
	install -D -m 755 $O/xensnapd $(DESTDIR)$(SBINDIR)/xensnapd
	install -D -m 755 $O/xensnap $(DESTDIR)$(BINDIR)/xensnap
	install -D -m 755 $O/xensnap-worker $(DESTDIR)$(LIBEXECDIR)/xensnap-worker
	install -D -m 755 $O/xensnap-monitor $(DESTDIR)$(LIBEXECDIR)/xensnap-monitor
	install -D -m 644 $O/libxensnap.so.1 $(DESTDIR)$(LIBDIR)/libxensnap.so.1
	ln -sf libxensnap.so.1 $(DESTDIR)$(LIBDIR)/libxensnap.so
	install -D -m 644 $O/libxensnap.a $(DESTDIR)$(LIBDIR)/libxensnap.a
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@INCLUDEDIR@,$(INCLUDEDIR),; s,@VERSION@,$(VERSION),' \
	  protocol/xensnap.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/xensnap.pc
	install -D -m 644 protocol/xensnap.h $(DESTDIR)$(INCLUDEDIR)/xensnap.h
	install -d $(DESTDIR)$(UNITDIR)
	sed 's,@SBINDIR@,$(SBINDIR),' agent/xensnapd.service.in > $(DESTDIR)$(UNITDIR)/xensnapd.service
	[ -e $(DESTDIR)$(SYSCONFDIR)/xensnap/xensnap.conf ] || \
	  install -D -m 644 agent/xensnap.conf $(DESTDIR)$(SYSCONFDIR)/xensnap/xensnap.conf
	install -D -m 644 tools/xensnap.bash-completion $(DESTDIR)$(COMPLETIONDIR)/xensnap
	for pod in $(pods); do page=$$(basename $$pod .pod); dir=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
	  install -d $$dir && pod2man --section=$${page##*.} --name=$$(echo $${page%.*} | tr a-z A-Z) --center=xensnap \
	    --release='xensnap $(VERSION)' $$pod $$dir/$$page || exit 1; done

# Into the root of a guest.
install-guest: guest
	install -D -m 755 build/guest/xensnap-guestd $(DESTDIR)$(SBINDIR)/xensnap-guestd
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)/xensnap/freeze.d
	sed 's,@SBINDIR@,$(SBINDIR),' tools/guestd/xensnap-guestd.service.in > $(DESTDIR)$(UNITDIR)/xensnap-guestd.service

# Before xl in root's PATH; never in its place.
install-xl-shim:
	@! [ -e $(DESTDIR)$(XLSHIMDIR)/xl ] || grep -q XENSNAP_REAL_XL $(DESTDIR)$(XLSHIMDIR)/xl || \
	  { echo "$(DESTDIR)$(XLSHIMDIR)/xl is another program; choose XLSHIMDIR=" >&2; exit 1; }
	install -D -m 755 tools/xl-shim $(DESTDIR)$(XLSHIMDIR)/xl

# ---- tests ----------------------------------------------------------------------------------------------

# Everything of the fast part under ASan and UBSan, as it is built otherwise, and with the other compiler.
check-build: parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
check-build:
	@tests/deps.sh fast
	@$(MAKE) --no-print-directory $(parallel) WERROR=1 CC=gcc all guest
	@$(MAKE) --no-print-directory $(parallel) WERROR=1 CC=clang all
	@$(MAKE) --no-print-directory $(parallel) WERROR=1 CC=gcc SAN=1 all unit integration

check-fast: check-build
	@tests/run.sh build/gcc-san fast

check-long: check-build
	@tests/run.sh build/gcc-san long

# The parts of docs/testing.md's budget, one after the other.
check:
	@tests/check.sh

# What the emulated machines boot from.
xen-root:
	@tests/deps.sh xen
	@tests/xen/machine root

# What goes into the emulated dom0.
xen-tree:
	@tests/deps.sh xen
	@$(MAKE) --no-print-directory all
	@rm -rf build/xen/install
	@$(MAKE) --no-print-directory install DESTDIR=build/xen/install PREFIX=/usr > /dev/null
	@$(MAKE) --no-print-directory guest
	@install -D -m 755 build/guest/xensnap-guestd build/xen/install/usr/local/lib/guest/xensnap-guestd
	@$(MAKE) --no-print-directory install-xl-shim DESTDIR=build/xen/install \
	  XLSHIMDIR=/usr/local/lib/xensnap-shim > /dev/null
	@$(MAKE) --no-print-directory $O/tests/contract/xl-libxl
	@install -D -m 755 $O/tests/contract/xl-libxl build/xen/install/usr/local/bin/contract-xl
	@$(CC) docs/examples/create.c -o build/xen/install/usr/local/bin/example-create -Ibuild/xen/install/usr/include \
	  -Lbuild/xen/install/usr/lib/$(shell $(CC) -print-multiarch) -lxensnap

check-xen: xen-tree
	@tests/xen/machine run $(CASES)

# What would not fit into the gate's time. PART=k/n does a part of it; what has passed for this commit, by the file in
# build/results or RESULTS=, is not done again.
check-exhaustive: xen-tree
	@result=0; $(MAKE) --no-print-directory kill-loops || result=1; tests/xen/machine run exhaustive || result=1; exit $$result

# Cuts of the power at every step, see docs/testing.md, and six of them, drawn by a seed.
power-cuts: xen-tree
	@PART=$(PART) tests/xen/power-cuts $(if $(ONLY),--only '$(ONLY)') $(if $(NOSYNC),--nosync all) \
	  $(if $(REACHED),--reached $(REACHED)) $(if $(MOUNT),--mount $(MOUNT)) $(if $(REBOOT),--reboot) \
	  $(if $(LOOK),--look $(LOOK)) $(if $(TOGETHER),--together)

check-power: xen-tree
	@SEED=$(SEED) tests/xen/power-cuts --gate 6 --look $(or $(LOOK),disk)

xen-shell: xen-tree
	@tests/xen/shell.sh

xen-push: xen-tree
	@tests/xen/machine push build/xen/install
	@tests/xen/machine put tests/xen/dom0 /root/shell
	@tests/xen/machine exec '. /root/shell/lib.sh; . /root/shell/snap.sh; agent_stop; agent_start'

# docs/howto.md with what its commands print now.
howto: xen-tree
	@tests/xen/machine up
	@tests/xen/machine push build/xen/install
	@tests/xen/machine test 14-howto-doc || true
	@tests/xen/machine get /var/tmp/howto.md build/xen && cp build/xen/howto.md docs/howto.md
	@tests/xen/machine down

demo: xen-tree
	@tests/xen/demo.sh

bench: xen-tree
	@tests/bench/run.sh

bench-check: all integration
	@tests/bench/check.sh $O $(COUNT)

clean:
	rm -rf build/gcc* build/clang* build/cc* build/guest

.PHONY: all guest install install-guest install-xl-shim clean check check-build check-fast check-long check-xen check-exhaustive \
        power-cuts check-power xen-root xen-tree xen-shell xen-push howto demo bench bench-check unit integration
.SECONDARY:
-include tests/unit/unit.mk tests/double/double.mk tests/contract/contract.mk tests/integration/integration.mk \
         tests/kill/kill.mk
-include tests/fault/fault.mk
-include $(shell find $O -name '*.d' 2>/dev/null)
