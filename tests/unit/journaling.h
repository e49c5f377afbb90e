/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef JOURNALING_H
#define JOURNALING_H

/* A journal in a store of the test's own, for one VM and one order. */

#include "journal.h"
#include "snapshot.h"

#define JOURNAL "store/" VM1 "/journal"

static const struct journal_order create = {
    .order = { .vm = VM1, .domid = 5, .home = 5,
               .request = { .id = "r-1", .operation = OPERATION_CREATE, .name = "gr\xc3\xbc\xc3\x9f \"x\" \\",
                            .description = "as agreed" } },
    .snapshot = ID1,
};

static inline struct journal *begin(struct store *store, const struct journal_order *order)
{
    struct journal *journal = NULL;
    struct err err = { 0 };

    if (journal_begin(&journal, store, order, &err) < 0) {
        printf("# journal_begin: %s\n", err.text);
        check_failed = true;
    }
    return journal;
}

static inline void step(struct journal *journal, const char *name, enum durability durability)
{
    struct err err = { 0 };

    CHECK_INT(journal_step(journal, name, durability, &err), 0);
}

static inline struct journal *take(struct store *store, struct journal_state *state)
{
    struct journal *journal = NULL;
    struct err err = { 0 };

    memset(state, 0xaa, sizeof *state);
    CHECK_INT(journal_take(&journal, store, VM1, state, &err), 0);
    return journal;
}

static inline void check_order(const struct journal_order *is, const struct journal_order *wanted)
{
    CHECK_STR(is->order.vm, wanted->order.vm);
    CHECK_INT(is->order.domid, wanted->order.domid);
    CHECK_INT(is->order.home, wanted->order.home);
    CHECK_STR(is->order.request.id, wanted->order.request.id);
    CHECK_INT(is->order.request.operation, wanted->order.request.operation);
    CHECK_STR(is->order.request.name, wanted->order.request.name);
    CHECK_STR(is->order.request.description, wanted->order.request.description);
    CHECK_INT(is->order.request.start, wanted->order.request.start);
    CHECK_STR(is->snapshot, wanted->snapshot);
    CHECK(!is->order.recover);
}

#endif
