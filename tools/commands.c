/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cleanup.h"
#include "create.h"
#include "maps.h"
#include "report.h"
#include "show.h"
#include "text.h"

/* ---- requests ------------------------------------------------------------------------------------------ */

static int other_request(const char *operation, const struct options *options, struct xensnap_map *request)
{
    map_put(request, "operation", operation);
    map_put(request, "domain", options->domain);
    if (strcmp(operation, "list") != 0)
        map_put(request, options->image ? "image" : "name", options->name);
    map_put(request, "start", options->paused ? "paused" : NULL);
    map_put(request, "dry-run", options->dry_run ? "yes" : NULL);
    return 0;
}

/* What the agent would refuse is refused here, in the same words. */
static int make_request(struct xensnap *xensnap, struct xensnap_map *request, const char *operation,
                        const struct options *options)
{
    struct xensnap_error error;
    int result = strcmp(operation, "create") == 0 ? create_request(xensnap, options, request, &error)
                                                  : other_request(operation, options, request);

    return result < 0 || xensnap_check(request, &error) < 0 ? report(options, &error) : 0;
}

static int need_domain(struct xensnap *xensnap, const struct options *options)
{
    if (options->domain || !xensnap_is_dom0(xensnap))
        return 0;
    return report_usage(options, "which domain?");
}

typedef void (*tell_result)(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status);

static int operate_and_leave(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request)
{
    char id[XENSNAP_ID_SIZE];
    int code = ask_send(xensnap, options, request, id);

    if (code == 0 && options->json)
        show_id_json(id);
    else if (code == 0)
        puts(id);
    return code;
}

static void tell_warning(const struct options *options, const struct xensnap_map *status)
{
    const char *warning = xensnap_map_get(status, "warning");

    if (!warning)
        return;
    fprintf(stderr, "xensnap: %s: ", options->command);
    text_put(stderr, warning, 0);
    putc('\n', stderr);
}

static int operate_and_wait(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request,
                            tell_result tell)
{
    _cleanup_(map_freep) struct xensnap_map *result = NULL;
    int code = ask(xensnap, options, request, &result);

    if (code != 0)
        return code;
    tell_warning(options, result);
    if (options->json)
        show_result_json(result);
    else if (!options->quiet || options->dry_run)
        tell(xensnap, options, result);
    return xensnap_outcome(result) == XENSNAP_RETURNED ? EXIT_RETURNED : 0;
}

static int operate(struct xensnap *xensnap, const struct options *options, const char *operation, tell_result tell)
{
    _cleanup_(map_freep) struct xensnap_map *request = map_new();
    int code = need_domain(xensnap, options);

    if (code == 0)
        code = make_request(xensnap, request, operation, options);
    if (code != 0)
        return code;
    return options->no_wait ? operate_and_leave(xensnap, options, request)
                            : operate_and_wait(xensnap, options, request, tell);
}

/* ---- results, as sentences ----------------------------------------------------------------------------- */

static void put_vm(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    _cleanup_(map_freep) struct xensnap_map *vm = xensnap_vm(xensnap, xensnap_map_get(status, "vm"));
    const char *name = vm ? map_text(vm, "name") : "";

    if (*name)
        text_put(stdout, name, 0);
    else
        text_put(stdout, options->domain ? options->domain : "this domain", 0);
}

static void put_snapshot(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    const char *name = map_text(status, "name");

    fputs("Snapshot ", stdout);
    text_put(stdout, *name ? name : map_text(status, "snapshot"), 0);
    fputs(" of ", stdout);
    put_vm(xensnap, options, status);
}

static void tell_created(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    long long downtime = xensnap_map_number(status, "downtime-ms", -1);
    long long frozen = xensnap_map_number(status, "freeze-ms", -1);

    if (xensnap_outcome(status) == XENSNAP_RETURNED) {
        put_vm(xensnap, options, status);
        fputs(" was brought back to snapshot ", stdout);
        text_put(stdout, map_text(status, "name"), 0);
        putchar('\n');
        return;
    }
    put_snapshot(xensnap, options, status);
    fputs(" created", stdout);
    if (downtime >= 0)
        printf("; the domain stood still for %lld ms", downtime);
    if (frozen >= 0)
        printf("; its file systems were frozen for %lld ms", frozen);
    putchar('\n');
}

static void tell_plan(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    (void)xensnap, (void)options;
    show_plan(status);
}

static void tell_deleted(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    put_snapshot(xensnap, options, status);
    puts(" deleted");
}

static void tell_reverted(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    const char *name = map_text(status, "name");

    put_vm(xensnap, options, status);
    fputs(" reverted to snapshot ", stdout);
    text_put(stdout, *name ? name : options->name, 0);
    puts(options->paused ? "; it is paused" : "");
}

/* ---- create, delete, revert ---------------------------------------------------------------------------- */

int command_create(struct xensnap *xensnap, const struct options *given)
{
    struct options options = *given;
    struct xensnap_error error;

    if (create_words(xensnap, &options, &error) < 0)
        return report(&options, &error);
    return operate(xensnap, &options, "create", options.dry_run ? tell_plan : tell_created);
}

int command_delete(struct xensnap *xensnap, const struct options *options)
{
    return operate(xensnap, options, "delete", tell_deleted);
}

int command_revert(struct xensnap *xensnap, const struct options *options)
{
    return operate(xensnap, options, "revert", tell_reverted);
}

/* ---- ways out: release, accept, forget ------------------------------------------------------------------ */

static void tell_released(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    text_put(stdout, options->name, 0);
    fputs(" of ", stdout);
    put_vm(xensnap, options, status);
    puts(options->image ? " is yours; the file stays where it is"
                        : " is out of the list; its directory is kept, as damaged-ID");
}

static void tell_accepted(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    fputs("The disks of ", stdout);
    put_vm(xensnap, options, status);
    puts(" are those that it has now");
}

static void tell_forgotten(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *status)
{
    fputs("All snapshots of ", stdout);
    put_vm(xensnap, options, status);
    puts(" are given up");
}

/* Says first what would be done.  Where nobody can answer nothing is done. */
static int operate_if_wanted(struct xensnap *xensnap, const struct options *options, const char *operation,
                             tell_result tell)
{
    struct options look = *options;
    struct xensnap_error error;
    char answer[16] = "";
    int code;

    if (options->dry_run)
        return operate(xensnap, options, operation, tell_plan);
    if (options->yes)
        return operate(xensnap, options, operation, tell);
    if (options->json || options->no_wait)
        return report_usage(options, "without a question: that needs --yes");
    look.dry_run = true;
    code = operate(xensnap, &look, operation, tell_plan);
    if (code != 0)
        return code;
    fputs("Go on? [y/N] ", stdout);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
        return operate(xensnap, options, operation, tell);
    xensnap_error_set(&error, XENSNAP_CANCELLED, "nothing was done");
    return report(options, &error);
}

int command_release(struct xensnap *xensnap, const struct options *options)
{
    return operate_if_wanted(xensnap, options, "release", tell_released);
}

int command_accept(struct xensnap *xensnap, const struct options *options)
{
    return operate_if_wanted(xensnap, options, "accept", tell_accepted);
}

int command_forget(struct xensnap *xensnap, const struct options *options)
{
    return operate_if_wanted(xensnap, options, "forget", tell_forgotten);
}

/* ---- list ---------------------------------------------------------------------------------------------- */

/* Has the list published anew; *VM is whose it is, to be freed. */
static int ask_list(struct xensnap *xensnap, const struct options *options, char **vm)
{
    _cleanup_(map_freep) struct xensnap_map *request = map_new();
    _cleanup_(map_freep) struct xensnap_map *result = NULL;
    int code = make_request(xensnap, request, "list", options);

    if (code == 0)
        code = ask(xensnap, options, request, &result);
    if (code != 0)
        return code;
    tell_warning(options, result);
    *vm = strdup(map_text(result, "vm"));
    if (!*vm)
        abort();
    return 0;
}

int command_list(struct xensnap *xensnap, const struct options *options)
{
    _cleanup_(maps_freep) struct xensnap_map **entries = NULL;
    _cleanup_(freep) char *vm = NULL;
    struct listing listing = { .name = options->name };
    struct xensnap_error error;
    int code = need_domain(xensnap, options);

    if (code == 0)
        code = ask_list(xensnap, options, &vm);
    if (code != 0)
        return code;
    entries = xensnap_list(xensnap, options->domain ? vm : NULL, &error);
    if (!entries)
        return report(options, &error);
    listing.entries = entries;
    if (options->name && !listing_find(&listing, options->name)) {
        xensnap_error_set(&error, XENSNAP_NOT_FOUND, "no snapshot is named %s", options->name);
        return report(options, &error);
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
    struct xensnap_map **own, **others; /* what stands in our tree, and in that of the domain */
    struct shown_request *requests;
    size_t count;
};

static void found_end(struct found *found)
{
    for (size_t i = 0; i < found->count; i++)
        xensnap_map_free(found->requests[i].vm);
    free(found->requests);
    xensnap_maps_free(found->own);
    xensnap_maps_free(found->others);
}

static void add_found(struct xensnap *xensnap, struct found *found, struct xensnap_map **statuses, int home,
                      const char *vm)
{
    for (; *statuses; statuses++) {
        const char *own = xensnap_map_get(*statuses, "vm");
        struct shown_request *more;

        if (vm && (!own || strcmp(own, vm) != 0))
            continue;
        more = realloc(found->requests, (found->count + 1) * sizeof *more);
        if (!more)
            abort();
        found->requests = more;
        more[found->count++] = (struct shown_request){ *statuses, home, own ? xensnap_vm(xensnap, own) : NULL };
    }
}

/* Those about VM, or all; and those that stand in its tree. */
static int find(struct xensnap *xensnap, const char *vm, struct found *found, struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *where = vm ? xensnap_vm(xensnap, vm) : NULL;
    long long domid = where ? xensnap_map_number(where, "domid", -1) : -1;

    found->own = xensnap_requests(xensnap, -1, error);
    if (!found->own)
        return -1;
    add_found(xensnap, found, found->own, -1, vm);
    if (domid < 0)
        return 0;
    found->others = xensnap_requests(xensnap, (int)domid, error);
    if (!found->others)
        return -1;
    add_found(xensnap, found, found->others, (int)domid, NULL);
    return 0;
}

/* What was over first comes first, and what is not over last. */
static int compare(const void *a, const void *b)
{
    const struct xensnap_map *left = ((const struct shown_request *)a)->status;
    const struct xensnap_map *right = ((const struct shown_request *)b)->status;
    long long ended[] = { xensnap_map_number(left, "finished", 0), xensnap_map_number(right, "finished", 0) };
    long long begun[] = { xensnap_map_number(left, "started", 0), xensnap_map_number(right, "started", 0) };

    if (!ended[0] != !ended[1])
        return ended[0] ? -1 : 1;
    if (ended[0] != ended[1])
        return ended[0] < ended[1] ? -1 : 1;
    return (begun[0] > begun[1]) - (begun[0] < begun[1]);
}

int command_status(struct xensnap *xensnap, const struct options *options)
{
    _cleanup_(found_end) struct found found = { 0 };
    _cleanup_(freep) char *vm = NULL;
    struct xensnap_error error;
    int code = ask_agent(xensnap, options);

    if (code == 0 && options->domain)
        code = ask_list(xensnap, options, &vm);
    if (code != 0)
        return code;
    if (find(xensnap, vm, &found, &error) < 0)
        return report(options, &error);
    if (found.count)
        qsort(found.requests, found.count, sizeof *found.requests, compare);
    if (options->json)
        show_requests_json(found.requests, found.count);
    else
        show_requests_table(found.requests, found.count);
    return 0;
}
