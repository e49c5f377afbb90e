/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XenStore from inside the guest, which has no Xen tools: paths are relative to the guest's own.
 *     xs read PATH | write PATH VALUE | rm PATH | mkdir PATH | ls PATH | watch PATH [COUNT]
 * watch prints the path of each event; the first event only says that the watch is set.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

static int fail(const char *what)
{
    printf("xs: %s: %s\n", what, strerror(errno));
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
    return 2;
}
