/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMCONFIG_H
#define VMCONFIG_H

/* The configuration that a VM has now: libxl's while it runs, and VM/config.json of the last time that we
 * touched it while it does not.  Beside that stands VM/disk.cfg, the disks as a line for xl.cfg: after an external
 * snapshot the administrator's own file still names the base. */

#include "errors.h"
#include "xl.h"

struct work;

/* DOMAIN is NULL where the VM does not run. */
int vmconfig_load(struct work *work, const struct xl_domain *domain, struct xl_config **out, struct err *err);
/* What of it the images of disks are about.  Where WORK has no libxl, that of a VM that does not run is read all the
 * same. */
struct vm_disks {
    char name[NAME_MAX_BYTES + 1];
    size_t count;
    struct xl_disk item[DISKS_MAX];
};
int vmconfig_disks(struct work *work, const struct xl_domain *domain, struct vm_disks *disks, struct err *err);
/* Writes it for the time when the VM does not run. */
int vmconfig_save(struct work *work, struct xl_config *config, struct err *err);
/* The disk goes on in that image: in libxl's copy, if it runs, and in ours.  Durable when it returns. */
int vmconfig_switch(struct work *work, const struct xl_domain *domain, const char *vdev, const char *path,
                    const char *format, struct err *err);

#endif
