/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REVERSION_INTERNAL_H
#define REVERSION_INTERNAL_H

/* The files of a revert in the VM's directory, for reversion.c and reversion_end.c. */

#define NEXT "next.json"
#define RESERVE "reserve"

#endif
