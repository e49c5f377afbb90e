/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REQUEST_DISKS_H
#define REQUEST_DISKS_H

/* The keys of a create that are about single disks: "disks" and "disk-VDEV".  Pure. */

#include "request.h"

struct pairs;

#define DISK_KEY "disk-"

/* "xvda,xvdb": these, as the whole request says. */
int request_disks_set(struct request *request, const char *value, struct err *err);
/* "internal", "external", or xl-disk-configuration's "format=qcow2,target=PATH" for the overlay's place. */
int request_disk_set(struct request *request, const char *vdev, const char *value, struct err *err);
void request_disks_format(const struct request *request, struct pairs *pairs);
/* What was said of that disk; NULL where it was not named. */
const struct request_disk *request_disk_find(const struct request *request, const char *vdev);

#endif
