# SPDX-License-Identifier: LGPL-2.1-or-later
# make unit: builds every test-NAME in tests/unit, which tests/run.sh runs.

unit-tests := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test-*.c))

# Which objects each is linked with: what it tests, and what that calls.
unit-request := $(addprefix protocol/,errors names pairs request request_disks)
unit-record  := $(unit-request) $(addprefix protocol/,entry json) agent/record
unit-store   := $(unit-record) $(addprefix agent/,files log store)

test-errors   := protocol/errors
test-names    := protocol/names
test-json     := protocol/json
test-pairs    := protocol/pairs
test-request  := $(unit-request)
test-quiesce  := $(addprefix protocol/,names quiesce)
test-status   := $(unit-request) protocol/status
test-entry    := $(addprefix protocol/,entry names pairs)
test-settings := $(library) tools/settings
test-snapconf := $(library) tools/snapconf
test-map      := $(library)
test-tree     := $(library) tools/tree
test-hooks    := protocol/errors tools/guestd/hooks
test-mounts   := tools/guestd/mounts
test-job      := $(unit-request) protocol/status agent/job
test-queue    := $(unit-request) protocol/status agent/job agent/queue
test-record   := $(unit-record)
test-msg      := agent/msg
test-care     := $(addprefix protocol/,errors names) agent/care agent/files
test-conf     := $(unit-request) protocol/policy protocol/conf
test-policy   := $(unit-request) protocol/policy
test-flood    := agent/flood
test-unsettled := agent/unsettled
test-scrub    := agent/scrub
test-files    := protocol/errors agent/files
test-store    := $(unit-store)
test-draft    := $(unit-store) agent/draft
test-images   := $(unit-store) agent/boot agent/images agent/images_note
test-images-next := $(unit-store) agent/boot agent/images agent/images_next
test-plan     := $(unit-store) agent/plan
test-plan-told := $(unit-store) agent/plan
test-nodes    := $(addprefix protocol/,errors json names) $(addprefix agent/,files nodes)
test-qmp      := $(addprefix protocol/,errors json) $(addprefix agent/,control msg qmp)
test-qcow2    := protocol/errors agent/qcow2
test-userdata := protocol/errors $(addprefix agent/,files userdata)
test-journal  := $(unit-store) agent/journal
test-journal-request := $(unit-store) agent/journal
test-journal-torn := $(unit-store) agent/journal
test-loop     := protocol/errors agent/loop
test-savefile := protocol/errors agent/savefile
test-answers  := protocol/errors agent/answers agent/files
test-holders  := protocol/errors $(addprefix agent/,holders life)
test-life     := agent/life
test-problems := $(addprefix protocol/,errors json names) agent/problems
test-qemu-img := $(addprefix protocol/,errors json names) $(addprefix agent/,answers control files life msg qemu_img)
test-image-info := $(addprefix protocol/,errors json names) \
                 $(addprefix agent/,answers control files image_info life msg qcow2 qemu_img)
test-digest   := protocol/errors $(addprefix agent/,control digest msg)

# One name for the libraries, so that what a test needs can be read off the list above.
unit-libs = $(if $(filter protocol/xenstore,$($*)),-lxenstore) $(if $(filter protocol/json,$($*)),-lyajl) \
            $(if $(filter agent/digest,$($*)),-lxxhash) \
            $(if $(filter protocol/conf,$($*)),-linih) \
            $(if $(filter tools/snapconf,$($*)),-lxlutil -lxenlight)

$O/tests/unit/%.o: CPPFLAGS += -iquote tools -iquote tools/guestd

.SECONDEXPANSION:
$(unit-tests:%=$O/tests/unit/%): $O/tests/unit/%: $O/tests/unit/%.o $$(addprefix $O/,$$(addsuffix .o,$$($$*)))
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(unit-libs)

unit: $(unit-tests:%=$O/tests/unit/%)

.PHONY: unit

unit: $O/tests/unit/print-protocol
$O/tests/unit/print-protocol: $(addprefix $O/,tests/unit/print-protocol.o $(unit-request:%=%.o) protocol/status.o protocol/entry.o)
	$(call run,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
