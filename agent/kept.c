/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kept.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "boot.h"
#include "cleanup.h"
#include "clock.h"
#include "files.h"
#include "op.h"
#include "store.h"
#include "vmconfig.h"
#include "xenstore.h"
#include "xl.h"

#define KEPT "kept"

enum { TREE_SECONDS = 5, LOOK_MS = 250 };

int kept_note(struct work *w, const struct xl_domain *domain, struct xl_config *next, char mark[UUID_LENGTH + 1],
              struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) char *json = NULL, *text = NULL;
    const char *state = !domain ? "stopped" : domain->life == XL_PAUSED ? "paused" : "running";
    char boot[UUID_LENGTH + 1];
    uuid_t uuid;

    boot_read(boot);
    if (dir < 0 || vmconfig_load(w, domain, &config, err) < 0)
        return -1;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, mark);
    xl_config_set_mark(next, mark);
    xl_config_set_mark(config, mark);
    json = xl_config_format(w->xl, config);
    if (!json || asprintf(&text, "%s %d %s %s\n%s", state, domain ? (int)domain->domid : -1, boot, mark,
                          json) < 0)
        return err_set(err, ERR_XEN, "libxl cannot write the configuration");
    return file_replace(dir, KEPT, text, err);
}

int kept_mark(struct work *w, char mark[UUID_LENGTH + 1], struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, KEPT);

    *mark = '\0';
    if (dir < 0 || (!text && errno != ENOENT))
        return dir < 0 ? -1 : err_errno(err, "cannot read what the VM was before (kept)");
    if (text && sscanf(text, "%*s %*d %*s %36s", mark) != 1)
        *mark = '\0';
    return 0;
}

int kept_load(struct kept *kept, struct work *w, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, KEPT);
    const char *json = text ? strchr(text, '\n') : NULL;
    char now[UUID_LENGTH + 1], boot[UUID_LENGTH + 1];

    *kept = (struct kept){ .domid = -1 };
    if (!json || sscanf(text, "%11s %d %36s %36s", kept->state, &kept->domid, boot, kept->mark) != 4)
        return err_set(err, ERR_CORRUPT, "it is not known what the domain was before");
    boot_read(now); /* a domid means one domain as long as the host runs */
    kept->this_boot = strcmp(boot, now) == 0;
    if (!kept->this_boot)
        kept->domid = -1;
    return xl_config_parse(w->xl, json + 1, &kept->config, err);
}

/* 1: that is the domain's mark; 0: it has none, or another; -1: it has no tree at all. */
static int has_mark(struct xenstore *xs, const struct kept *kept, unsigned domid)
{
    char path[XS_PATH_SIZE];
    _cleanup_(freep) char *mark = NULL;

    path_domain(path, domid, XL_MARK_NODE, NULL, NULL);
    mark = xenstore_read(xs, path, NULL);
    if (mark)
        return strcmp(mark, kept->mark) == 0;
    path_domain(path, domid, "vm", NULL, NULL);
    return xenstore_exists(xs, path) ? 0 : -1;
}

/* Xen has a domain a moment before xenstored does.  One that stays without a tree is the half of one that a worker was
 * killed at: whoever else makes one goes on with it. */
int kept_check_ours(const struct kept *kept, struct work *w, const struct xl_domain *domain, struct err *err)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    long long deadline = clock_ms() + TREE_SECONDS * 1000;
    int marked;

    if (kept->domid >= 0 && domain->domid == (unsigned)kept->domid)
        return 0;
    if (xenstore_open(&xs, err) < 0)
        return -1;
    while ((marked = has_mark(xs, kept, domain->domid)) < 0 && clock_ms() < deadline)
        if (xl_let_pass(w->xl, LOOK_MS, err) < 0)
            return -1;
    if (marked != 0)
        return 0;
    if (journal_note_others(w->journal, err) < 0)
        return -1;
    return err_set(err, ERR_BUSY,
                   "domain %u of this VM was started by somebody else while a revert was not finished, and is not "
                   "touched; when it has ended (xl shutdown %u) its disks stay as they are, and the VM can be reverted "
                   "again or started; or let it be the VM: xensnap accept %u", domain->domid, domain->domid,
                   domain->domid);
}

int kept_forget(struct work *w, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);

    return dir < 0 ? -1 : file_remove(dir, KEPT, err);
}

void kept_deinit(struct kept *kept)
{
    kept->config = xl_config_free(kept->config);
}
