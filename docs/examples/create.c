/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create DOMAIN NAME: has a snapshot made, and says how it ended.  cc create.c $(pkg-config --cflags --libs xensnap) */
#include <poll.h>
#include <stdio.h>
#include <xensnap.h>

static int ask(struct xensnap *xensnap, char *const words[], char id[XENSNAP_ID_SIZE], struct xensnap_error *error)
{
    struct xensnap_map *request = xensnap_map_new();
    int result = -1;

    if (request && xensnap_map_set(request, "operation", "create") == 0 &&
        xensnap_map_set(request, "domain", words[1]) == 0 && xensnap_map_set(request, "name", words[2]) == 0)
        result = xensnap_send(xensnap, request, id, error);
    else
        xensnap_error_set(error, XENSNAP_IO, "out of memory");
    xensnap_map_free(request);
    return result;
}

/* What the loop of a program does for this descriptor.  Each event says "look again"; so does the heartbeat. */
static struct xensnap_map *await(struct xensnap *xensnap, const char *id)
{
    struct pollfd fd = { .fd = xensnap_fd(xensnap), .events = POLLIN };
    struct xensnap_map *status = NULL;
    char changed[XENSNAP_ID_SIZE];
    int more = 0;

    while (more == 0 && xensnap_outcome(status) == XENSNAP_PENDING) {
        poll(&fd, 1, 5000);
        while ((more = xensnap_dispatch(xensnap, changed)) == 1)
            ;
        xensnap_map_free(status);
        status = xensnap_status(xensnap, id);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct xensnap *xensnap = NULL;
    struct xensnap_map *status = NULL;
    struct xensnap_error error = { XENSNAP_INVALID, "usage: create DOMAIN NAME" };
    char id[XENSNAP_ID_SIZE];

    if (argc == 3 && xensnap_open(&xensnap, &error) == 0 && ask(xensnap, argv, id, &error) == 0) {
        status = await(xensnap, id);
        error.code = status ? (int)xensnap_code(status) : XENSNAP_IO;
        xensnap_error_set(&error, error.code, "%s", error.code && status ? xensnap_map_get(status, "message") : id);
    }
    if (error.code == XENSNAP_OK)
        printf("%s: %s\n", xensnap_map_get(status, "snapshot"), xensnap_map_get(status, "state"));
    else
        fprintf(stderr, "create: %s: %s\n", xensnap_word(error.code), error.message);
    xensnap_map_free(status);
    xensnap_close(xensnap);
    return error.code;
}
