/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints what the code knows of the protocol, for tests/house/protocol-doc.sh. */

#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "pairs.h"
#include "status.h"

static void print_keys(const char *node, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        printf("node ~/%s/%s\n", node, pairs->item[i].key);
}

/* Every key of a status has a value in this one. */
static void print_status(void)
{
    struct status status = { .operation = OPERATION_CREATE, .state = STATE_FAILED, .stage = "x", .progress = 1,
                             .error = { ERR_IO, "x" }, .vm = "x", .snapshot = "x", .name = "x", .started = 1,
                             .finished = 1, .downtime_ms = 1, .returned_by_revert = true, .plan = "x",
                             .freeze_ms = 1, .warning = "x" };
    struct pairs pairs = { 0 };

    status_format(&status, &pairs);
    print_keys(NODE_STATUS "/ID", &pairs);
}

static void print_entry(void)
{
    struct entry entry = { .parent = "x", .description = "x", .left_out = "x", .detail_count = 1,
                           .detail[0] = { "VDEV", "x" } };
    struct pairs pairs = { 0 };

    entry_format(&entry, &pairs);
    print_keys(NODE_LIST "/N", &pairs);
}

static void print_words(void)
{
    for (enum operation operation = OPERATION_CREATE; operation < OPERATIONS; operation++)
        printf("operation %s\n", operation_word(operation));
    for (enum state state = 0; state < STATES; state++)
        printf("state %s\n", state_word(state));
    for (enum err_code code = ERR_NONE; code < ERR_CODES; code++)
        printf("error %s\n", err_word(code));
}

int main(void)
{
    static const char *const nodes[] = { NODE_FEATURE, NODE_PROTOCOL, NODE_OPERATIONS, NODE_EPOCH, NODE_REQUEST,
                                         NODE_REQUEST "/ID/cancel", NODE_LIST "/generation", NODE_LIST "/count",
                                         NODE_QUIESCE_FEATURE, NODE_QUIESCE_ACTION, NODE_QUIESCE_STATUS,
                                         NODE_QUIESCE_ERROR, NODE_QUIESCE_PORT };
    const char *key;

    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        printf("node ~/%s\n", nodes[i]);
    for (size_t i = 0; (key = request_key(i)); i++)
        printf("node ~/" NODE_REQUEST "/ID/%s\n", key);
    printf("node " NODE_VMS "/UUID/name\nnode " NODE_VMS "/UUID/domid\nnode " NODE_VMS "/UUID/list\n");
    print_status();
    print_entry();
    print_words();
    return 0;
}
