/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SESSION_H
#define SESSION_H

/* One freeze, from the request to the thaw.  From session_begin() until the file systems are thawed nothing is written
 * but to xenstore: a log could end in one of them. */

#include <stdbool.h>

#include "freezer.h"
#include "guard.h"
#include "hooks.h"
#include "quiesce.h"

struct doorbell;
struct err;
struct xenstore;

struct session {
    struct xenstore *xs;
    bool active;
    char token[REQUEST_ID_MAX + 1];
    int seconds;
    long long deadline; /* on clock_ms(): thaw by yourself */
    struct doorbell *bell;
    struct hooks hooks;
    struct freezer *freezer; /* in memory that is shared with the guard */
    struct guard guard;
};

enum session_end { SESSION_ASKED, SESSION_BROKEN_OFF };

/* What it has to say; called only while nothing is frozen. */
struct session_log {
    void (*failed)(const char *text);
    void (*said)(const char *text);
};

/* XS is the caller's, and is used until the end. */
int session_init(struct session *session, struct xenstore *xs, struct err *err);
/* Hooks, then file systems; answers.  If something fails, everything is thawed again and the session is not active. */
void session_begin(struct session *session, const struct quiesce_action *action, const struct session_log *log);
/* File systems, then hooks; answers.  WHY is for one that was broken off. */
void session_end(struct session *session, enum session_end end, const char *why, const struct session_log *log);

#endif
