/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLANNING_H
#define PLANNING_H

/* A domain for plan.c, whose disks are what the test says: in place of xl_config.c. */

#include "plan.h"
#include "request_disks.h"
#include "snapshot.h"
#include "xl.h"

/* What the domain has; the configuration itself is libxl's. */
struct xl_config {
    struct xl_disk disks[DISKS_MAX + 8];
    size_t count;
};

size_t xl_config_disks(const struct xl_config *config, struct xl_disk *disks, size_t size)
{
    size_t count = config->count < size ? config->count : size;

    memcpy(disks, config->disks, count * sizeof *disks);
    return count;
}

/* A domain, what is asked for, and the record that comes of it. */
struct plan {
    struct scratch scratch;
    struct store *store;
    struct xl_config config;
    struct request request;
    struct record record;
    struct err err;
};

static inline void plan_remove(struct plan *plan)
{
    store_close(plan->store);
    scratch_remove(&plan->scratch);
}

static inline void plan_make(struct plan *plan)
{
    *plan = (struct plan){ .scratch = scratch_make(), .request = { .operation = OPERATION_CREATE } };
    plan->store = new_store(&plan->scratch);
}

/* A path below the scratch directory; good until the next call. */
static inline const char *at(const struct plan *plan, const char *name)
{
    return scratch_path(&plan->scratch, name);
}

/* A disk of the domain in an image of its own, which is there; the caller may make it another. */
static inline struct xl_disk *add_disk(struct plan *plan, const char *vdev, const char *format)
{
    struct xl_disk *disk = &plan->config.disks[plan->config.count++];
    char name[32];

    *disk = (struct xl_disk){ .qdisk = true, .writable = true };
    snprintf(disk->vdev, sizeof disk->vdev, "%s", vdev);
    snprintf(disk->format, sizeof disk->format, "%s", format);
    snprintf(name, sizeof name, "%s.img", vdev);
    snprintf(disk->target, sizeof disk->target, "%s", at(plan, name));
    scratch_write(&plan->scratch, name, "");
    return disk;
}

/* As "disk-VDEV" would; VALUE "" as "disks" would. */
static inline void wish(struct plan *plan, const char *vdev, const char *value)
{
    struct err err = { 0 };

    CHECK_INT(*value ? request_disk_set(&plan->request, vdev, value, &err)
                     : request_disks_set(&plan->request, vdev, &err), 0);
}

static inline void wish_target(struct plan *plan, const char *vdev, const char *path)
{
    char value[PATH_SIZE + 16];

    snprintf(value, sizeof value, "target=%s", path);
    wish(plan, vdev, value);
}

/* With a record as op_create.c begins it. */
static inline int run(struct plan *plan)
{
    struct record *record = &plan->record;

    *record = (struct record){ .id = ID1, .name = "n", .vm = VM1, .state = "running",
                               .memory = !plan->request.disk_only };
    memcpy(record->memory_file, plan->request.memory, sizeof record->memory_file);
    plan->err = (struct err){ 0 };
    return plan_disks(record, &plan->config, &plan->request, plan->store, &plan->err);
}

static inline void check_planned(struct plan *plan)
{
    if (!CHECK_INT(run(plan), 0))
        printf("#     %s\n", plan->err.text);
}

#endif
