/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmconfig.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "draft.h"
#include "files.h"
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

int vmconfig_load(struct work *w, const struct xl_domain *domain, struct xl_config **out, struct err *err)
{
    _cleanup_(closep) int dir = -1;
    _cleanup_(freep) char *text = NULL;

    if (domain)
        return xl_config_read(w->xl, domain->domid, out, err);
    dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    if (dir < 0)
        return -1;
    text = file_read(dir, "config.json");
    if (!text && errno != ENOENT)
        return err_errno(err, "cannot read the domain's configuration");
    if (!text)
        text = read_from_snapshot(w, err);
    return text ? xl_config_parse(w->xl, text, out, err) : -1;
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
