/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TABLE_H
#define TABLE_H

/* The hypervisor's table of domains: $XL_DOUBLE/xen. */

#include "double.h"

struct guest {
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
    bool hvm;
    int pauses;        /* they are counted */
    char shutdown[12]; /* "-", or why */
    bool dying;
    long long memory_kb;
};

enum { GUESTS_MAX = 64 };

bool table_read(unsigned domid, struct guest *guest);
/* All of them, by domid. */
size_t table_list(struct guest guests[GUESTS_MAX]);
/* Gives it a domid that no domain has had. */
int table_add(struct guest *guest, struct err *err);
void table_remove(unsigned domid);

/* Nobody else changes the domain, and it does nothing, until it is let go.  ERR_DOMAIN_GONE. */
int table_hold(unsigned domid, struct guest *guest, int *held, struct err *err);
int table_put(const struct guest *guest, struct err *err);
/* table_hold() for what a guest does itself: false where it does not run. */
bool table_run(unsigned domid, int *held);

void table_describe(const struct guest *guest, struct xl_domain *domain);

#endif
