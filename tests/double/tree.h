/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TREE_H
#define TREE_H

/* A domain's nodes in xenstore, as libxl makes and removes them. */

#include "table.h"

/* Opens the connection that XL keeps. */
int tree_open(struct xl *xl, struct err *err);
/* Whether a domain that is still there has that name; GUEST may be NULL. */
bool tree_has_name(struct xl *xl, const char *name, struct guest *guest);
int tree_make(struct xl *xl, const struct guest *guest, const char *name, const char *mark, struct err *err);
/* Which process is the domain's QEMU, as who ends it later goes by. */
void tree_put_qemu(struct xl *xl, unsigned domid, int pid);
/* xenstored hears of the domain: @introduceDomain. */
int tree_introduce(struct xl *xl, unsigned domid, struct err *err);
void tree_remove(struct xl *xl, unsigned domid);
/* xl save's word to a PV guest, which takes it at once. */
void tree_ask_suspend(struct xl *xl, unsigned domid);
/* @releaseDomain is to come again for a domain that has been suspended. */
void tree_resume(struct xl *xl, unsigned domid);

#endif
