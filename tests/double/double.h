/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOUBLE_H
#define DOUBLE_H

/* In the place of libxl and the hypervisor, where there is none: agent/xl.h over small files, the test's real xenstored
 * and a real QEMU for each domain.  tests/contract says what it has in common with libxl.
 *
 * Environment: XL_DOUBLE, the directory below; XEN_RUN_DIR, where the monitors are; XENSTORED_PATH or XENSTORED_RUNDIR.
 *
 * Files in $XL_DOUBLE:
 *   xen/DOMID              what the hypervisor knows of the domain: "UUID pv|hvm PAUSES SHUTDOWN DYING MEMORY_KB",
 *                          SHUTDOWN being "-" or a reason.  No file, no domain.  xenstored-shim.so reads it, too:
 *                          SHIM_DOMAINS is this directory, and a change in it is what VIRQ_DOM_EXC is elsewhere.
 *   domains/DOMID/lock     held (flock) alone by whoever changes xen/DOMID, shared by a guest's program while it does
 *                          something: so a guest does nothing while it is paused, suspended or gone
 *   domains/DOMID/memory   what the guest holds in memory, up to 64 KiB; saved with it and brought back by a restore.
 *                          Empty after a boot.
 *   domains/DOMID/qemu.pid, reaper.pid   processes that are not the test's children
 *   userdata/DOMID         the stored configuration, libxl's "libxl-json"; there once the domain is built
 *   next-domid             the domid that the next domain gets, unless there is one; missing: 5
 * and, for a test to make:
 *   hang                   while it is there, a save does not get on unless it is cancelled
 *   save-fails             a save fails: "refused" before its first page, "written" before the guest is suspended,
 *                          "suspended" behind it, "timeout" when the guest is asked to suspend
 *   build-fails            how many of the next domains cannot be built to the end
 *   unpause-fails, resume-fails   while it is there, that does: as where libxl or QEMU does not answer
 *   qemu-exit-ms           how long a QEMU outlives its domain's destruction; missing: 30
 *   wait-ms                xl_wait_end() waits no longer than that, unless it is for ever; missing: as long as it is
 *                          told to.  (An operation that is broken off gives the guest 5 s to suspend itself after all.)
 *   xl-ends-at-suspend     what xl_daemon_ends_at_suspend() says, 0 or 1; missing: 0
 *   free-kb                what xl_free_memory() says; missing: 4 GiB less what the domains have
 *   pools                  the names of CPU pools that there are beside Pool-0, a line each
 *   halt.bin               made by the double: the firmware of its guests, which stands still
 *
 * A configuration is text (xl_config_format() gives it, userdata/DOMID holds it), a line each, the target last:
 *   name NAME
 *   uuid UUID
 *   kind pv|hvm            of a pv domain no live save can be made, and a save leaves its QEMU alone
 *   memory KB
 *   on poweroff|reboot|crash|watchdog|soft_reset NUMBER   a number of enum xl_action; missing: as xl's
 *   need kernel|ramdisk|bootloader|firmware|device_model|script|bridge NAME   without which it is not built
 *   mark TEXT              xl_config_set_mark()'s
 *   pool NAME              its CPU pool; missing: Pool-0
 *   disk VDEV FORMAT rw|ro|cdrom TARGET
 *
 * A guest's disks: QEMU's device of a disk is /machine/peripheral/VDEV/virtio-backend, its first node VDEV-DRIVER.
 * What is written through the device, whatever its images are by then, is the guest's own doing:
 *   {"execute": "human-monitor-command", "arguments": {"command-line":
 *    "qemu-io -d /machine/peripheral/xvda/virtio-backend \"write -P 7 1M 64k\""}}
 * at the monitor $XEN_RUN_DIR/writer-DOMID, which is the tests' alone; "flush" puts qcow2's own tables into the file.
 * $O/tests/double/domain does that for scripts; see domain-main.c.  But while a job is about to end, QEMU 7.2 stands
 * still or dies of such a command.  What is to write all the while drives the device itself, as a guest does, through
 * $XEN_RUN_DIR/qtest-DOMID: tests/kill/guest_disk.py. */

#include "xl.h"

struct xs_handle;

struct xl {
    struct control *control;
    struct xs_handle *xs;      /* NULL until it is needed */
    unsigned suspend_reported; /* the domid whose suspend xl_wait_end() has told already */
};

enum { DOUBLE_PATH = 512, DOUBLE_NEEDS = 8 };

struct xl_config {
    char name[NAME_MAX_BYTES + 1];
    char uuid[UUID_LENGTH + 1];
    bool hvm;
    long long memory_kb;
    int actions[XL_END_TIMEOUT + 1]; /* by enum xl_end */
    char pool[NAME_MAX_BYTES + 1], mark[UUID_LENGTH + 1];
    struct xl_disk disks[DISKS_MAX];
    size_t count;
    struct xl_need needs[DOUBLE_NEEDS];
    size_t need_count;
};

/* $XL_DOUBLE/NAME, NAME being a format. */
void double_path(char path[DOUBLE_PATH], const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The number in that file of $XL_DOUBLE. */
long long double_setting(const char *name, long long otherwise);
/* Writes the file anew, in one step. */
int double_write(const char *path, const void *data, size_t size, struct err *err);
/* Whether a test has made that file of $XL_DOUBLE. */
bool double_asked(const char *name);
/* The whole file, with a NUL behind it; to be freed, or NULL. */
char *double_read(const char *path, size_t *size);

/* Whether what the configuration needs is there, in the place of libxl's trying. */
int double_needs(struct xl *xl, const struct xl_config *config, bool boots, struct err *err);
/* The configuration of a domain with that domid, as stored, or NULL. */
struct xl_config *double_stored(unsigned domid);
int double_store(unsigned domid, const struct xl_config *config, struct err *err);

#endif
