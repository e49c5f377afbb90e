/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "look.h"
#include "qcow2.h"
#include "vmconfig.h"

/* ---- what is stored for the time when it does not run ------------------------------------------------------ */

static void check_line(struct look *look, int dir, const struct xl_config *config)
{
    _cleanup_(freep) char *line = xl_config_disk_line(config), *text = file_read(dir, "disk.cfg");

    if (line && text && strcmp(line, text) == 0)
        return;
    found(look, "config", "disk.cfg", text ? "it names other disks than config.json" : "it cannot be read");
    way_out(look, "do not start the VM by either before you know which is right: images.json has the images as head "
            "that its disks are in; the next create or revert writes it as config.json is");
}

static void check_stored(struct look *look)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, "config.json");
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(json_freep) struct json *json = NULL;

    if (dir < 0 || (!text && errno == ENOENT && !look->snapshots.count))
        return;
    if (!text)
        err_errno(&err, "config.json");
    else if (look->work.xl)
        xl_config_parse(look->work.xl, text, &config, &err);
    else if (!(json = json_parse(text)))
        err_set(&err, ERR_CORRUPT, "config.json is not JSON");
    if (config)
        check_line(look, dir, config);
    if (config || json)
        return;
    found(look, "config", "config.json", "the VM's configuration cannot be read: %s", err.text);
    way_out(look, "put it back from a backup that names the disks as disk.cfg does; while the VM runs the next create "
            "writes it anew");
}

/* ---- what runs --------------------------------------------------------------------------------------------- */

static bool counts(const struct xl_disk *disk)
{
    return *disk->target == '/' && !disk->cdrom && disk->writable;
}

static const struct xl_disk *find_disk(const struct vm_disks *disks, const char *vdev)
{
    for (size_t i = 0; i < disks->count; i++)
        if (strcmp(disks->item[i].vdev, vdev) == 0)
            return &disks->item[i];
    return NULL;
}

/* By what the VM would be started the next time.  A disk that is none of ours is changed by whoever likes to. */
static void check_same(struct look *look, const struct vm_disks *stored, const struct vm_disks *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct xl_disk *disk = &now->item[i], *old = find_disk(stored, disk->vdev);
        const struct link *link = chain_find(&look->chain, disk->target);

        if (!counts(disk) || !old || !link || link->entry < 0 || link == chain_find(&look->chain, old->target) ||
            same_file(disk->target, old->target))
            continue;
        found(look, "config", "config.json", "it names %s for disk %s, and the domain has %s", old->target,
              disk->vdev, disk->target);
        way_out(look, "do not start the VM by disk.cfg before it is right; the next create writes it anew");
    }
}

static int load_stored(struct look *look, struct vm_disks *disks, struct err *err)
{
    return vmconfig_disks(&look->work, NULL, disks, err);
}

/* QEMU decides what the domain writes to; libxl's configuration decides where the next reboot goes on. */
static void check_qemu(struct look *look)
{
    for (size_t n = 0; look->has_qemu && n < look->chain.count; n++) {
        const struct link *link = &look->chain.item[n];

        if (!link->there || link->active == link->named || (link->named && !link->writable))
            continue; /* where it is not there QEMU has what was removed, which is told of */
        if (link->active)
            found(look, "config", link->path, "the domain writes to it, and libxl's configuration does not name it");
        else
            found(look, "config", link->path, "libxl's configuration names it for disk %s, and the domain does not "
                  "write to it", link->vdev);
        way_out(look, "do not reboot the domain; stop it, and start it with the image that it writes to now");
    }
}

/* ---- both ---------------------------------------------------------------------------------------------------- */

/* What we have made is qcow2.  Of everything else either side may be wrong, and a guest that is given the wrong one
 * writes over its disk. */
static void say_format(struct look *look, const struct link *link)
{
    if (look->images.item[link->entry].made && strcmp(link->format, "qcow2") == 0 && qcow2_is_image(link->path))
        way_out(look, "write format=qcow2 for it in the VM's configuration");
    else
        way_out(look, "one of them is wrong: do not start the VM, and revert to nothing, before you know with which it "
                "was made; then put the other one right");
}

static void check_formats(struct look *look, const struct vm_disks *disks)
{
    for (size_t i = 0; i < disks->count; i++) {
        const struct xl_disk *disk = &disks->item[i];
        const struct link *link = chain_find(&look->chain, disk->target);

        if (!counts(disk) || !link || link->entry < 0 || !*link->format || strcmp(link->format, disk->format) == 0)
            continue;
        found(look, "format", link->path, "the VM's configuration has it as %s for disk %s, and it is "
              "written down as %s", disk->format, disk->vdev, link->format);
        say_format(look, link);
    }
}

static void check_disks(struct look *look)
{
    struct vm_disks *now = calloc(2, sizeof *now), *stored = now + 1;
    struct err err;

    if (!now)
        abort();
    if (vmconfig_disks(&look->work, reach_domain(&look->reach), now, &err) == 0)
        check_formats(look, now);
    if (look->reach.runs && load_stored(look, stored, &err) == 0)
        check_same(look, stored, now);
    free(now);
}

static void check_meant(struct look *look)
{
    struct err err = { .code = ERR_NONE };

    if (chain_check_own(&look->chain, &err) < 0) {
        found(look, "stranger", "domain", "%s", err.text);
        way_out(look, "stop it, and start it with a uuid of its own in its xl.cfg; or, if it is the VM: "
                "xensnap accept %s", look_vm(look));
    } else if (look->current && look->chain.misused.code != ERR_NONE) {
        found(look, "misused", "domain", "%s", look->chain.misused.text);
        way_out(look, "stop it, and copy that image and those that stand on it: what it has written is in the one "
                "alone, and the others have changed with it; then start it with the disks that disk.cfg names; or, if "
                "this is to be the VM: xensnap accept %s", look_vm(look));
    }
}

void check_config(struct look *look)
{
    check_meant(look);
    if (look_in_between(look))
        return;
    check_stored(look);
    if (look->unsettled || !look->current)
        return;
    check_disks(look);
    check_qemu(look);
}
