/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLAN_H
#define PLAN_H

/* What a create is going to do with each disk, decided and checked before anything is done. */

#include "record.h"
#include "status.h"

struct store;
struct xl_config;

/* Fills RECORD's disks from the configuration and the request, with tags and overlays for snapshot RECORD->id.
 * CD-ROMs and read-only disks are left out; one that is not to be snapshotted is, if RECORD has no memory.
 * A disk that cannot be snapshotted is ERR_UNSUPPORTED, by name; an overlay that exists already ERR_EXISTS. */
int plan_disks(struct record *record, const struct xl_config *config, const struct request *request,
               struct store *store, struct err *err);
/* So many bytes of memory image are expected of a domain of that size. */
long long plan_memory_bytes(long long memory_kb);
/* ERR_NO_SPACE where the memory image's or an overlay's file system is too full. */
int plan_check_space(const struct record *record, struct store *store, long long memory_kb, struct err *err);
/* For people: a line for each thing that would be made, and the forecast of bytes. */
void plan_describe(const struct record *record, struct store *store, long long memory_kb,
                   char text[STATUS_PLAN_SIZE]);

#endif
