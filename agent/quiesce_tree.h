/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QUIESCE_TREE_H
#define QUIESCE_TREE_H

/* ~/snapshot/quiesce: what is dom0's in it, and what the guest may write.  In the caller's transaction, if there is
 * one; who commits it learns what went wrong. */

struct xenstore;

/* Makes it, unless it is there.  Dom0 has none. */
void quiesce_tree_offer(struct xenstore *xs, unsigned domid);
/* The guest's answers, empty and with nothing below them, whatever it has made of them. */
void quiesce_tree_clear(struct xenstore *xs, unsigned domid);

#endif
