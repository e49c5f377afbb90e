/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWED_H
#define OWED_H

/* VM/owed: the marks (kept.h), one a line, of the reverts that have kept content inside images (replaced.h) and came to
 * neither end: the VM has not the snapshot's state, and its disks are not all what they were.  What was kept under such
 * a mark may be the only copy, and is not removed by any later operation. */

#include <stdbool.h>

#include "errors.h"

struct work;

/* Durable.  A second time is no error; "" is nobody's mark. */
int owed_note(struct work *work, const char *mark, struct err *err);
/* The revert has come to an end. */
int owed_settle(struct work *work, const char *mark, struct err *err);
/* 1: it is owed; 0: it is not; -1: the file cannot be read. */
int owed_has(struct work *work, const char *mark, struct err *err);

#endif
