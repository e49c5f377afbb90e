/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIFELINE_H
#define LIFELINE_H

/* A connection to xenstored on which nothing is ever said: it ends when xenstored does.  libxenstore's own descriptor
 * is a pipe from its thread, and does not tell. */

/* A descriptor that becomes readable at that moment, or -1 where there is no xenstored to be connected to: one in a
 * domain of its own is reached through the kernel. */
int lifeline_open(void);

#endif
