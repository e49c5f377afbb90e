/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "eviction.h"

#include <stdlib.h>

#include "cleanup.h"
#include "holders.h"
#include "op.h"
#include "reversion.h"
#include "xl.h"

/* A QEMU that was told to exit is waited for as long as it gets on, and for so long in which it does nothing. */
enum { QEMU_SILENT_SECONDS = 600 };

static int add_holders(const struct xl_config *config, struct holders *holders, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(config, disks, DISKS_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        if (disks[i].qdisk && disks[i].writable && holders_find_writers(holders, disks[i].target, err) < 0)
            return -1;
    return 0;
}

/* Who can write to the disks that the new domain is to have, or to the snapshot's. */
static int find_next_holders(const struct reversion *r, struct holders *holders, struct err *err)
{
    if (add_holders(r->config, holders, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record.disk_count; i++)
        if (holders_find_writers(holders, r->record.disks[i].target, err) < 0)
            return -1;
    return 0;
}

/* The old domain's QEMU, or what has its disks open. */
static int find_holders(struct work *w, const struct reversion *r, struct holders *holders, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *now = NULL;

    /* what is left of a domain that was built by halves may have no configuration to read */
    if (xl_config_read(w->xl, r->reach.domain.domid, &now, err) == 0 && add_holders(now, holders, err) < 0)
        return -1;
    return find_next_holders(r, holders, err);
}

/* The QEMU of a domain that was built by halves may still be starting, and open its disks when it was told to exit. */
int eviction_wait(const struct reversion *r, struct err *err)
{
    size_t found;
    int rc;

    do {
        struct holders holders = { 0 };

        rc = find_next_holders(r, &holders, err);
        found = holders.count;
        if (rc == 0)
            rc = holders_wait(&holders, QEMU_SILENT_SECONDS, err);
        holders_deinit(&holders);
    } while (rc == 0 && found > 0);
    return rc;
}

/* libxl does not wait for QEMU to exit, and qemu-img must not touch an image that QEMU still has. */
int eviction_of_domain(struct work *w, struct reversion *r, struct err *err)
{
    struct holders holders = { 0 };
    int rc = find_holders(w, r, &holders, err);

    if (rc == 0)
        rc = xl_destroy(w->xl, r->reach.domain.domid, err);
    if (rc < 0 && err->code == ERR_DOMAIN_GONE)
        rc = 0; /* it was dying, and has gone since it was found */
    if (rc == 0)
        rc = holders_wait(&holders, QEMU_SILENT_SECONDS, err);
    holders_deinit(&holders);
    return rc < 0 ? -1 : eviction_wait(r, err);
}
