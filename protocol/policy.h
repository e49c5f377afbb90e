/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef POLICY_H
#define POLICY_H

/* What guests may ask for: the [guest] sections of xensnap.conf.  Pure: no section, no rights.
 * Plain data that owns nothing, so that one policy replaces another by assignment. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"
#include "request.h"

enum { POLICY_RULES_MAX = 64, POLICY_TARGETS_SIZE = 200, POLICY_WORDS_SIZE = 64, POLICY_WHO_SIZE = 160 };

/* One section. */
struct policy_rule {
    char who[NAME_MAX_BYTES + 1]; /* a pattern for names, or a UUID */
    bool by_uuid;
    int line;                     /* where the section begins */
    unsigned allow;               /* a bit for each enum operation */
    bool memory;                  /* whether snapshots may have the memory */
    int max_snapshots;            /* of one VM, whoever made them */
    long long max_bytes;          /* of the memory images of one VM */
    int min_interval;             /* seconds between two creates for one VM */
    int max_pending;              /* requests of this guest that are not over */
    char targets[POLICY_TARGETS_SIZE]; /* words: self, uuid:UUID, or a pattern for names */
};

struct policy {
    size_t count;
    struct policy_rule rules[POLICY_RULES_MAX]; /* in the file's order */
};

/* Somebody as dom0 knows him.  The texts are the caller's; NAME is "" where there is none that can be relied on. */
struct policy_subject {
    const char *name;
    const char *uuid;
};

/* What a create would come on top of. */
struct policy_usage {
    int snapshots;        /* that the VM has, and creates that wait */
    long long bytes;      /* of their memory images */
    long long more_bytes; /* that the new one's would have; 0 without memory */
    long long since;      /* seconds since the last create, -1: there was none */
};

/* ---- the grammar */

/* Begins a section with the text between "[guest" and "]", WHO in double quotes: a pattern, or uuid:UUID.  Fails
 * where there is such a section already or the table is full; POLICY is then as it was. */
int policy_begin(struct policy *policy, const char *quoted, int line, struct err *err);
/* One key of the section that was begun last. */
int policy_set(struct policy *policy, const char *key, const char *value, struct err *err);
/* The names of the keys, NULL behind the last. */
const char *policy_key(size_t index);

/* ---- decisions.  RULE may be NULL: nothing is allowed. */

/* The section that counts: of those with a UUID the one with his, else the first whose pattern fits his name. */
const struct policy_rule *policy_find(const struct policy *policy, const struct policy_subject *subject);
/* The operations, as words with blanks between them; "" where there are none. */
void policy_operations(const struct policy_rule *rule, char words[POLICY_WORDS_SIZE]);
/* Whether its targets are more than the guest itself. */
bool policy_has_others(const struct policy_rule *rule);
/* The section's name as it stands in the file. */
void policy_who(const struct policy_rule *rule, char who[POLICY_WHO_SIZE]);

/* Each gives 0, or -1 with ERR_DENIED, ERR_QUOTA or ERR_BUSY and a sentence that the guest may read. */

/* Whether a guest may ask for this at all, whomever it is about. */
int policy_check_request(const struct policy_rule *rule, const struct request *request, struct err *err);
/* Whether it may be about TARGET; SELF: that is the one who asks. */
int policy_check_target(const struct policy_rule *rule, const struct policy_subject *target, bool self,
                        struct err *err);
/* PENDING requests of the guest are not over. */
int policy_check_pending(const struct policy_rule *rule, int pending, struct err *err);
/* Whether one more snapshot is within the limits. */
int policy_check_create(const struct policy_rule *rule, const struct policy_usage *usage, struct err *err);

#endif
