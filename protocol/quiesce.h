/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QUIESCE_H
#define QUIESCE_H

/* What stands in ~/snapshot/quiesce: what dom0 asks of the guest, and what the guest answers.  Pure.
 * A token belongs to one freeze, so that an answer that comes late is never taken for another's. */

#include <stdbool.h>

#include "names.h"

enum { QUIESCE_SECONDS_MAX = 300, QUIESCE_HOOKS_MAX = 999, QUIESCE_TEXT_SIZE = REQUEST_ID_MAX + 24 };

/* "freeze TOKEN SECONDS" or "thaw TOKEN" */
struct quiesce_action {
    bool freeze;
    char token[REQUEST_ID_MAX + 1];
    int seconds; /* freeze: after that many the guest thaws by itself */
};

enum quiesce_reply {
    QUIESCE_FROZEN, /* with the number of hooks that ran, and none failed */
    QUIESCE_THAWED, /* it was frozen until it was asked to thaw */
    QUIESCE_FAILED, /* it is not frozen, or has not stayed so */
    QUIESCE_WORDS
};

/* "frozen TOKEN HOOKS", "thawed TOKEN" or "failed TOKEN" */
struct quiesce_answer {
    enum quiesce_reply word;
    char token[REQUEST_ID_MAX + 1];
    int hooks;
};

/* Both are false where the text is anything else, and leave the struct undefined then. */
bool quiesce_parse_action(struct quiesce_action *action, const char *text);
bool quiesce_parse_answer(struct quiesce_answer *answer, const char *text);
/* An event channel's port: 1 to 131071, which is what Xen has. */
bool quiesce_parse_port(unsigned *port, const char *text);

void quiesce_format_action(const struct quiesce_action *action, char text[QUIESCE_TEXT_SIZE]);
void quiesce_format_answer(const struct quiesce_answer *answer, char text[QUIESCE_TEXT_SIZE]);

#endif
