/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cleanup.h"
#include "create.h"
#include "pairs.h"
#include "report.h"
#include "show.h"
#include "text.h"

/* ---- requests ------------------------------------------------------------------------------------------ */

static void add(struct pairs *pairs, const char *key, const char *value)
{
    if (value)
        pairs_add(pairs, key, "%s", value);
}

static int other_pairs(enum operation operation, const struct options *options, struct pairs *pairs)
{
    add(pairs, "operation", operation_word(operation));
    add(pairs, "domain", options->domain);
    if (operation != OPERATION_LIST)
        add(pairs, "name", options->name);
    add(pairs, "start", options->paused ? "paused" : NULL);
    return 0;
}

/* By way of the parser, so that what the agent would refuse is refused here, in the same words. */
static int make_request(struct client *client, struct request *request, enum operation operation,
                        const struct options *options)
{
    struct pairs pairs = { 0 };
    struct err err;
    int result = operation == OPERATION_CREATE ? create_pairs(client, options, &pairs, &err)
                                               : other_pairs(operation, options, &pairs);

    *request = (struct request){ 0 };
    return result < 0 || request_parse_pairs(request, &pairs, &err) < 0 ? report(options, &err) : 0;
}

static int need_domain(struct client *client, const struct options *options)
{
    if (options->domain || !client_is_dom0(client))
        return 0;
    return report_usage(options, "which domain?");
}

static int operate(struct client *client, const struct options *options, enum operation operation,
                   void (*tell)(struct client *client, const struct options *options,
                                const struct status *status))
{
    struct client_request result;
    struct request request;
    int code = need_domain(client, options);

    if (code == 0)
        code = make_request(client, &request, operation, options);
    if (code == 0)
        code = options->no_wait ? ask_send(client, options, &request, result.id)
                                : ask(client, options, &request, &result);
    if (code != 0)
        return code;
    if (*result.status.warning) {
        fprintf(stderr, "xensnap: %s: ", options->command);
        text_put(stderr, result.status.warning, 0);
        putc('\n', stderr);
    }
    if (options->no_wait && options->json)
        show_id_json(result.id);
    else if (options->no_wait)
        puts(result.id);
    else if (options->json)
        show_result_json(&result);
    else if (!options->quiet || options->dry_run)
        tell(client, options, &result.status);
    return 0;
}

/* ---- results, as sentences ----------------------------------------------------------------------------- */

static void put_vm(struct client *client, const struct options *options, const struct status *status)
{
    char name[NAME_MAX_BYTES + 1];

    if (client_vm_name(client, status->vm, name))
        text_put(stdout, name, 0);
    else
        text_put(stdout, options->domain ? options->domain : "this domain", 0);
}

static void put_snapshot(struct client *client, const struct options *options, const struct status *status)
{
    fputs("Snapshot ", stdout);
    text_put(stdout, *status->name ? status->name : status->snapshot, 0);
    fputs(" of ", stdout);
    put_vm(client, options, status);
}

static void tell_created(struct client *client, const struct options *options, const struct status *status)
{
    if (status->returned_by_revert) {
        put_vm(client, options, status);
        fputs(" was brought back to snapshot ", stdout);
        text_put(stdout, status->name, 0);
        putchar('\n');
        return;
    }
    put_snapshot(client, options, status);
    fputs(" created", stdout);
    if (status->downtime_ms >= 0)
        printf("; the domain stood still for %d ms", status->downtime_ms);
    if (status->freeze_ms >= 0)
        printf("; its file systems were frozen for %d ms", status->freeze_ms);
    putchar('\n');
}

static void tell_plan(struct client *client, const struct options *options, const struct status *status)
{
    (void)client, (void)options;
    show_plan(status);
}

static void tell_deleted(struct client *client, const struct options *options, const struct status *status)
{
    put_snapshot(client, options, status);
    puts(" deleted");
}

static void tell_reverted(struct client *client, const struct options *options, const struct status *status)
{
    put_vm(client, options, status);
    fputs(" reverted to snapshot ", stdout);
    text_put(stdout, *status->name ? status->name : options->name, 0);
    puts(options->paused ? "; it is paused" : "");
}

/* ---- create, delete, revert ---------------------------------------------------------------------------- */

int command_create(struct client *client, const struct options *given)
{
    struct options options = *given;
    struct err err;

    if (create_words(client, &options, &err) < 0)
        return report(&options, &err);
    return operate(client, &options, OPERATION_CREATE, options.dry_run ? tell_plan : tell_created);
}

int command_delete(struct client *client, const struct options *options)
{
    return operate(client, options, OPERATION_DELETE, tell_deleted);
}

int command_revert(struct client *client, const struct options *options)
{
    return operate(client, options, OPERATION_REVERT, tell_reverted);
}

/* ---- list ---------------------------------------------------------------------------------------------- */

static int ask_list(struct client *client, const struct options *options, struct client_request *result)
{
    struct request request;
    int code = make_request(client, &request, OPERATION_LIST, options);

    return code ? code : ask(client, options, &request, result);
}

int command_list(struct client *client, const struct options *options)
{
    _cleanup_(freep) struct entry *entries = NULL;
    struct listing listing = { .name = options->name };
    struct client_request result;
    struct err err;
    int code = need_domain(client, options);

    if (code == 0)
        code = ask_list(client, options, &result);
    if (code != 0)
        return code;
    if (client_list(client, options->domain ? result.status.vm : NULL, &entries, &listing.count, &err) < 0)
        return report(options, &err);
    listing.entries = entries;
    if (options->name && !listing_find(&listing, options->name)) {
        err_set(&err, ERR_NOT_FOUND, "no snapshot is named %s", options->name);
        return report(options, &err);
    }
    if (options->json)
        show_list_json(&listing);
    else if (options->long_list)
        show_list_long(&listing);
    else if (options->tree)
        show_list_tree(&listing);
    else
        show_list_table(&listing);
    return 0;
}

/* ---- status -------------------------------------------------------------------------------------------- */

struct found {
    struct shown_request *requests;
    size_t count;
};

static int collect(struct client *client, int home, const char *vm, struct found *found, struct err *err)
{
    _cleanup_(freep) struct client_request *requests = NULL;
    struct shown_request *more;
    size_t count;

    if (client_requests(client, home, &requests, &count, err) < 0)
        return -1;
    more = realloc(found->requests, (found->count + count + 1) * sizeof *more);
    if (!more)
        return err_set(err, ERR_IO, "out of memory");
    found->requests = more;
    for (size_t i = 0; i < count; i++) {
        struct shown_request *shown = &more[found->count];

        if (vm && strcmp(requests[i].status.vm, vm) != 0)
            continue;
        *shown = (struct shown_request){ .request = requests[i], .home = home };
        if (*shown->request.status.vm)
            client_vm_name(client, shown->request.status.vm, shown->vm_name);
        found->count++;
    }
    return 0;
}

/* What was over first comes first, and what is not over last. */
static int compare(const void *a, const void *b)
{
    const struct status *left = &((const struct shown_request *)a)->request.status;
    const struct status *right = &((const struct shown_request *)b)->request.status;

    if (!left->finished != !right->finished)
        return left->finished ? -1 : 1;
    if (left->finished != right->finished)
        return left->finished < right->finished ? -1 : 1;
    return (left->started > right->started) - (left->started < right->started);
}

static int find(struct client *client, const char *vm, struct found *found, struct err *err)
{
    unsigned domid;

    if (collect(client, -1, vm, found, err) < 0)
        return -1;
    if (vm && client_vm_domid(client, vm, &domid))
        return collect(client, (int)domid, NULL, found, err);
    return 0;
}

int command_status(struct client *client, const struct options *options)
{
    struct found found = { 0 };
    struct client_request result;
    struct err err;
    int code = ask_agent(client, options);

    if (code == 0 && options->domain)
        code = ask_list(client, options, &result);
    if (code == 0 && find(client, options->domain ? result.status.vm : NULL, &found, &err) < 0)
        code = report(options, &err);
    if (code == 0 && found.count)
        qsort(found.requests, found.count, sizeof *found.requests, compare);
    if (code == 0 && options->json)
        show_requests_json(found.requests, found.count);
    else if (code == 0)
        show_requests_table(found.requests, found.count);
    free(found.requests);
    return code;
}
