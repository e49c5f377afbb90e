/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REPORT_H
#define REPORT_H

/* Errors on their way out: one line on stderr, an object on stdout with --json, and the exit code that
 * scripts go by.  All functions return that exit code; 0 is not among them. */

#include "options.h"
#include "xensnap.h"

enum { EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_NO_AGENT = 18, EXIT_RETURNED = 19, EXIT_SIGNAL = 128 };

int report(const struct options *options, const struct xensnap_error *error);
/* What the protocol has no word for. */
int report_as(const struct options *options, int code, const char *word, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The command line is wrong: says where to read how it should be. */
int report_usage(const struct options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The table of exit codes, for --help. */
void report_codes(void);

#endif
