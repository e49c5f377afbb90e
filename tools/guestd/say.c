/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "say.h"

#include <stdio.h>

#include "cleanup.h"
#include "xenstore.h"

void say_answer(struct xenstore *xs, enum quiesce_reply word, const char *token, int hooks)
{
    struct quiesce_answer answer = { .word = word, .hooks = hooks };
    char text[QUIESCE_TEXT_SIZE];

    snprintf(answer.token, sizeof answer.token, "%s", token);
    quiesce_format_answer(&answer, text);
    xenstore_write(xs, NODE_QUIESCE_STATUS, text);
}

void say_failed(struct xenstore *xs, const char *token, const char *why)
{
    xenstore_write(xs, NODE_QUIESCE_ERROR, why);
    say_answer(xs, QUIESCE_FAILED, token, 0);
}

void say_port(struct xenstore *xs, unsigned port)
{
    char text[16] = "";

    if (port)
        snprintf(text, sizeof text, "%u", port);
    xenstore_write(xs, NODE_QUIESCE_PORT, text);
}

void say_feature(struct xenstore *xs)
{
    _cleanup_(freep) char *is = xenstore_read(xs, NODE_QUIESCE_FEATURE, NULL);

    if (is && !*is)
        xenstore_write(xs, NODE_QUIESCE_FEATURE, "1");
}

void say_no_feature(struct xenstore *xs)
{
    xenstore_write(xs, NODE_QUIESCE_FEATURE, "");
}
