/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LATE_H
#define LATE_H

/* A guest that was asked to suspend and did not may still do it when everybody has given up waiting, and nobody
 * would let it go on. */

#include "errors.h"

struct xl;

/* Looks out for that, for some minutes: 1: it has suspended itself and was resumed; 0: it did not, it is gone, or
 * somebody else has asked it for a shutdown meanwhile, and sees to what comes of that. */
int late_suspend(struct xl *xl, const char *vm, unsigned domid, struct err *err);

#endif
