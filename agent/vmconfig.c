/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmconfig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "json.h"
#include "op.h"
#include "store.h"
#include "xl.h"

/* Of a VM that has stopped before there was a VM/config.json: that of its current snapshot, else of its last. */
static char *read_from_snapshot(struct work *w, struct err *err)
{
    struct snapshots snapshots = { 0 };
    const struct record *record;
    char *text = NULL;

    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0)
        return NULL;
    record = snapshots_find(&snapshots, snapshots.current);
    if (!record && snapshots.count > 0)
        record = &snapshots.records[snapshots.count - 1];
    if (record)
        text = store_read_file(w->store, record->vm, record->id, "config.json", err);
    else
        err_set(err, ERR_NOT_FOUND, "nothing is known of the domain's configuration");
    snapshots_deinit(&snapshots);
    return text;
}

/* That of a VM that does not run; to be freed. */
static char *read_stored(struct work *w, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    char *text = dir < 0 ? NULL : file_read(dir, "config.json");

    if (dir < 0 || text)
        return text;
    if (errno == ENOENT)
        return read_from_snapshot(w, err);
    err_errno(err, "cannot read the domain's configuration");
    return NULL;
}

int vmconfig_load(struct work *w, const struct xl_domain *domain, struct xl_config **out, struct err *err)
{
    _cleanup_(freep) char *text = NULL;

    if (domain)
        return xl_config_read(w->xl, domain->domid, out, err);
    text = read_stored(w, err);
    return text ? xl_config_parse(w->xl, text, out, err) : -1;
}

/* libxl's JSON, for whoever cannot reach libxl; what is not in there is as libxl takes it. */
static int parse_disks(const char *text, struct vm_disks *disks, struct err *err)
{
    _cleanup_(json_freep) struct json *json = json_parse(text);
    const struct json *list = json_get(json, "disks");

    if (!json)
        return err_set(err, ERR_CORRUPT, "the stored configuration is not JSON");
    json_copy(json_get(json, "c_info"), "name", disks->name, sizeof disks->name);
    for (size_t i = 0; i < json_count(list) && i < DISKS_MAX; i++) {
        const struct json *from = json_at(list, i);
        const char *backend = json_string(json_get(from, "backend"));
        struct xl_disk *disk = &disks->item[disks->count++];

        json_copy(from, "vdev", disk->vdev, sizeof disk->vdev);
        json_copy(from, "pdev_path", disk->target, sizeof disk->target);
        json_copy(from, "format", disk->format, sizeof disk->format);
        disk->writable = json_integer(json_get(from, "readwrite"), 0) != 0;
        disk->cdrom = json_integer(json_get(from, "is_cdrom"), 0) != 0;
        disk->qdisk = backend ? strcmp(backend, "qdisk") == 0 : strcmp(disk->format, "raw") != 0;
    }
    return 0;
}

int vmconfig_disks(struct work *w, const struct xl_domain *domain, struct vm_disks *disks, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) char *text = NULL;

    *disks = (struct vm_disks){ .count = 0 };
    if (!w->xl) {
        text = read_stored(w, err);
        return text ? parse_disks(text, disks, err) : -1;
    }
    if (vmconfig_load(w, domain, &config, err) < 0)
        return -1;
    snprintf(disks->name, sizeof disks->name, "%s", xl_config_name(config));
    disks->count = xl_config_disks(config, disks->item, DISKS_MAX);
    return 0;
}

int vmconfig_save(struct work *w, struct xl_config *config, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *json = xl_config_format(w->xl, config);
    _cleanup_(freep) char *line = xl_config_disk_line(config);

    if (dir < 0)
        return -1;
    if (!json || !line)
        return err_set(err, ERR_XEN, "libxl cannot write the configuration");
    return file_replace(dir, "disk.cfg", line, err) < 0 ? -1 : file_replace(dir, "config.json", json, err);
}

int vmconfig_switch(struct work *w, const struct xl_domain *domain, const char *vdev, const char *path,
                    const char *format, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;

    if (domain && xl_config_store_disk(w->xl, domain->domid, vdev, path, format, err) < 0)
        return -1;
    if (vmconfig_load(w, domain, &config, err) < 0)
        return -1;
    xl_config_set_disk(config, vdev, path, format);
    return vmconfig_save(w, config, err);
}
