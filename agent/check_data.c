/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "draft.h"
#include "look.h"
#include "qemu_img.h"

/* linux/ioprio.h, which Debian 12 does not install */
enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13 };

/* Also of the qemu-img that are started. */
static void be_idle(void)
{
    setpriority(PRIO_PROCESS, 0, 19);
    syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT);
}

/* It may take hours, and somebody may be looking on. */
static void tell(const struct look *look, const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s: reading %s\n", *look->problems->name ? look->problems->name : look_vm(look), what);
}

static void check_memory(struct look *look, const struct record *record)
{
    struct err err;
    _cleanup_(closep) int fd = record->memory ? store_open_memory(look->work.store, record, &err) : -1;
    char hash[sizeof record->memory_hash], thing[NAME_MAX_BYTES + UUID_LENGTH + 16];
    long long length;

    if (fd < 0)
        return; /* it has none, or that was told of */
    snprintf(thing, sizeof thing, "snapshot %s (%s)", record->name, record->id);
    tell(look, thing);
    if (digest_file(fd, &look->control, hash, sizeof hash, &length, &err) == 0) {
        if (length != record->memory_size || strcmp(hash, record->memory_hash) == 0)
            return; /* another length was told of */
        err_set(&err, ERR_CORRUPT, "the memory image is not what was written: its checksum is another one");
    }
    if (!look_has_snapshot(look, record->id))
        return; /* it was deleted while it was read, and emptied for that */
    found(look, "memory", thing, "%s", err.text);
    way_out(look, "put it back from a backup, or xensnap delete %s %s", look_vm(look), record->id);
}

/* An image that is merged or removed while it is read is not damaged. */
static bool is_certain(struct look *look, const struct link *link)
{
    if (look_is_steady(look))
        return true;
    problems_note(look->problems, link->path, "qemu-img has found something in it, and something was done on the VM "
                  "meanwhile: check it again");
    look->problems->unlooked = true;
    return false;
}

static void check_image(struct look *look, const struct link *link)
{
    struct image_check check;
    struct err err;
    int rc;

    if (!link->read || strcmp(link->format, "qcow2") != 0)
        return;
    if (link->node == NODE_TOP || reach_check_unwritten(&look->reach, link->path, link->vdev, &err) < 0) {
        problems_note(look->problems, link->path, "in use, not read");
        return;
    }
    tell(look, link->path);
    rc = qemu_img_check(link->path, &check, &look->control, &err);
    if ((rc < 0 || check.corruptions > 0 || check.leaks > 0) && !is_certain(look, link))
        return;
    if (rc < 0) {
        found(look, "image", link->path, "qemu-img cannot check it: %s", err.text);
        say_backup(look, link);
    } else if (check.corruptions > 0) {
        found(look, "corrupt", link->path, "qemu-img has found %lld errors in it", check.corruptions);
        if (!say_in_use(look, link))
            way_out(look, "copy it first; then, while nobody has it open: qemu-img check -f qcow2 -r all %s",
                    quoted(link->path));
    } else if (check.leaks > 0) {
        found(look, "leaks", link->path, "%lld clusters in it belong to nothing; no data is lost",
              check.leaks);
        if (!say_in_use(look, link))
            way_out(look, "while nobody has it open: qemu-img check -f qcow2 -r leaks %s", quoted(link->path));
    }
}

void check_data(struct look *look)
{
    be_idle();
    for (size_t i = 0; i < look->snapshots.count; i++)
        check_memory(look, &look->snapshots.records[i]);
    for (size_t n = 0; n < look->chain.count; n++)
        check_image(look, &look->chain.item[n]);
}
