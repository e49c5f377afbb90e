/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XenStore from inside the guest, which has no Xen tools: paths are relative to the guest's own.  Dom0 has it too, for
 * a static program starts in half the time there.
 *     xs read PATH | write PATH VALUE | rm PATH | mkdir PATH | ls PATH | watch PATH [COUNT]
 *     xs put PATH KEY VALUE [KEY VALUE]... | time PATH VALUE ANSWER | flood PATH SECONDS | junk PATH SECONDS
 *     xs await NAME PATH SECONDS [FILE] | appear PATH SECONDS
 * watch prints the path of each event; the first event only says that the watch is set.  put writes PATH/KEY, all in
 * one transaction.  time writes, and prints how many ms pass until the node ANSWER is there.  flood writes children of
 * PATH as fast as it can; junk writes what a request node should not hold, and rewrites and removes the node, too.
 * await, in dom0, waits until a domain of that name has a node PATH below its own, whichever domain that is by then,
 * and prints the domid; or until there is no FILE any more.  appear waits for a node that nobody replaces.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

static int fail(const char *what)
{
    fprintf(stderr, "xs: %s: %s\n", what, strerror(errno));
    return 1;
}

static int do_read(struct xs_handle *xs, const char *path)
{
    unsigned len;
    char *value = xs_read(xs, XBT_NULL, path, &len);

    if (!value)
        return fail(path);
    printf("%.*s\n", (int)len, value);
    free(value);
    return 0;
}

static int do_ls(struct xs_handle *xs, const char *path)
{
    unsigned count;
    char **names = xs_directory(xs, XBT_NULL, path, &count);

    if (!names)
        return fail(path);
    for (unsigned i = 0; i < count; i++)
        printf("%s\n", names[i]);
    free(names);
    return 0;
}

static int do_watch(struct xs_handle *xs, const char *path, unsigned count)
{
    if (!xs_watch(xs, path, "token"))
        return fail(path);
    for (unsigned i = 0; i < count; i++) {
        unsigned len;
        char **event = xs_read_watch(xs, &len);

        if (!event)
            return fail(path);
        printf("%s\n", event[XS_WATCH_PATH]);
        free(event);
    }
    return 0;
}

static bool put_all(struct xs_handle *xs, xs_transaction_t t, const char *path, int count, char **words)
{
    bool well = true;

    for (int i = 0; well && i + 1 < count; i += 2) {
        char child[512];

        snprintf(child, sizeof child, "%s/%s", path, words[i]);
        well = xs_write(xs, t, child, words[i + 1], strlen(words[i + 1]));
    }
    return well;
}

static int do_put(struct xs_handle *xs, const char *path, int count, char **words)
{
    do {
        xs_transaction_t t = xs_transaction_start(xs);

        if (!put_all(xs, t, path, count, words)) {
            int error = errno;

            xs_transaction_end(xs, t, true);
            errno = error;
            return fail(path);
        }
        if (xs_transaction_end(xs, t, false))
            return 0;
    } while (errno == EAGAIN);
    return fail(path);
}

static long long now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Looks again and again: the static libxenstore now and then fails to read the event of a watch.  Not too often, for
 * each look takes xenstored's time from the answer. */
static int do_time(struct xs_handle *xs, const char *path, const char *value, const char *answer)
{
    long long begin = now_us();
    char *found = NULL;
    unsigned len;

    if (!xs_write(xs, XBT_NULL, path, value, strlen(value)))
        return fail(path);
    while (!(found = xs_read(xs, XBT_NULL, answer, &len)) && now_us() < begin + 60 * 1000000LL)
        usleep(20000);
    if (!found)
        return fail(answer);
    printf("%lld.%03lld ms\n", (now_us() - begin) / 1000, (now_us() - begin) % 1000);
    free(found);
    return 0;
}

static char *read_of(struct xs_handle *xs, const char *domid, const char *node)
{
    char path[512];
    unsigned len;

    snprintf(path, sizeof path, "/local/domain/%s/%s", domid, node);
    return xs_read(xs, XBT_NULL, path, &len);
}

static bool named_one_has(struct xs_handle *xs, const char *domid, const char *name, const char *node)
{
    char *its_name = read_of(xs, domid, "name"), *value = NULL;
    bool found;

    if (its_name && strcmp(its_name, name) == 0)
        value = read_of(xs, domid, node);
    if (value)
        printf("%s\n", domid);
    free(its_name);
    found = value != NULL;
    free(value);
    return found;
}

static bool find_named(struct xs_handle *xs, const char *name, const char *node)
{
    unsigned count = 0;
    char **domids = xs_directory(xs, XBT_NULL, "/local/domain", &count);
    bool found = false;

    for (unsigned i = 0; i < count && !found; i++)
        found = named_one_has(xs, domids[i], name, node);
    free(domids);
    return found;
}

static bool is_gone(const char *file)
{
    return file && access(file, F_OK) < 0;
}

static int do_await(struct xs_handle *xs, const char *name, const char *node, long seconds, const char *file)
{
    long long end = now_us() + seconds * 1000000LL;

    while (!is_gone(file) && !find_named(xs, name, node)) {
        if (now_us() > end)
            return 1;
        usleep(200000);
    }
    return 0;
}

static int do_appear(struct xs_handle *xs, const char *path, long seconds)
{
    long long end = now_us() + seconds * 1000000LL;
    char *value = NULL;
    unsigned len;

    while (!(value = xs_read(xs, XBT_NULL, path, &len)) && now_us() < end)
        usleep(100000);
    free(value);
    return value ? 0 : 1;
}

static int do_flood(struct xs_handle *xs, const char *path, long seconds)
{
    long long end = now_us() + seconds * 1000000LL;
    unsigned long written = 0, refused = 0;

    while (now_us() < end) {
        char child[512];

        snprintf(child, sizeof child, "%s/f%lu", path, (written + refused) % 64);
        if (xs_write(xs, XBT_NULL, child, "x", 1))
            written++;
        else
            refused++;
    }
    printf("%lu written, %lu refused\n", written, refused);
    return 0;
}

static int do_junk(struct xs_handle *xs, const char *path, long seconds)
{
    static const char *const tails[] = { "", "/junk", "/deep/a/b/c/d/e/f", "/@@@", "/n/operation",
                                        "/n/operation/more" };
    static const char *const values[] = { "create name=one", "create name=", "", "\001\377\"", "list list", "revert" };
    long long end = now_us() + seconds * 1000000LL;
    unsigned long n = 0, written = 0;

    for (; now_us() < end; n++) {
        const char *value = values[n / 6 % 6];
        char child[512];

        snprintf(child, sizeof child, "%s%s", path, tails[n % 6]);
        written += xs_write(xs, XBT_NULL, child, value, strlen(value));
        if (n % 32 == 31)
            xs_rm(xs, XBT_NULL, path);
    }
    printf("%lu written, %lu refused\n", written, n - written);
    return 0;
}

int main(int argc, char **argv)
{
    struct xs_handle *xs;
    const char *verb = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : NULL;

    if (!path)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    xs = xs_open(0);
    if (!xs)
        return fail("xenstore");
    if (strcmp(verb, "read") == 0)
        return do_read(xs, path);
    if (strcmp(verb, "ls") == 0)
        return do_ls(xs, path);
    if (strcmp(verb, "watch") == 0)
        return do_watch(xs, path, argc > 3 ? strtoul(argv[3], NULL, 10) : -1u);
    if (strcmp(verb, "rm") == 0)
        return xs_rm(xs, XBT_NULL, path) ? 0 : fail(path);
    if (strcmp(verb, "mkdir") == 0)
        return xs_mkdir(xs, XBT_NULL, path) ? 0 : fail(path);
    if (strcmp(verb, "write") == 0 && argc > 3)
        return xs_write(xs, XBT_NULL, path, argv[3], strlen(argv[3])) ? 0 : fail(path);
    if (strcmp(verb, "put") == 0)
        return do_put(xs, path, argc - 3, argv + 3);
    if (strcmp(verb, "time") == 0 && argc > 4)
        return do_time(xs, path, argv[3], argv[4]);
    if (strcmp(verb, "flood") == 0 && argc > 3)
        return do_flood(xs, path, atol(argv[3]));
    if (strcmp(verb, "await") == 0 && argc > 4)
        return do_await(xs, path, argv[3], atol(argv[4]), argv[5]);
    if (strcmp(verb, "appear") == 0 && argc > 3)
        return do_appear(xs, path, atol(argv[3]));
    if (strcmp(verb, "junk") == 0 && argc > 3)
        return do_junk(xs, path, atol(argv[3]));
    return 2;
}
