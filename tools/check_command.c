/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xensnap check: the worker looks at the store.  Neither the agent nor xenstored is asked, for they may be what is
 * wrong. */
#include "commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define WORKER LIBEXECDIR "/xensnap-worker"

enum { WORDS_MAX = 8, NOT_LOOKED = 2 };

int command_check(struct xensnap *xensnap, const struct options *options)
{
    const char *words[WORDS_MAX] = { WORKER, "--check" };
    size_t n = 2;

    (void)xensnap;
    if (options->json)
        words[n++] = "--json";
    if (options->data)
        words[n++] = "--data";
    if (options->config) {
        words[n++] = "--config";
        words[n++] = options->config;
    }
    if (options->domain) {
        words[n++] = "--";
        words[n++] = options->domain;
    }
    execv(WORKER, (char *const *)words);
    if (errno == ENOENT)
        return report_as(options, NOT_LOOKED, "unsupported", "%s is not there: check is for dom0, where the store is",
                         WORKER);
    return report_as(options, NOT_LOOKED, "io", "cannot start %s: %s", WORKER, strerror(errno));
}
