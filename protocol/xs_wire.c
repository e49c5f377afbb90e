/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of libxenstore that xenstore.c makes, over wire.c: for statically linked programs, which a guest needs no
 * library for.  Debian's static libxenstore has no thread to take events, and its descriptor never becomes readable, so
 * that nothing that waits can be built on it. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>
#include <xenstore.h>

#include "cleanup.h"
#include "wire.h"

struct xs_handle {
    struct wire *wire;
};

struct xs_handle *xs_open(unsigned long flags)
{
    struct xs_handle *handle = calloc(1, sizeof *handle);

    (void)flags;
    if (handle && !(handle->wire = wire_open())) {
        int error = errno;

        free(handle);
        errno = error;
        return NULL;
    }
    return handle;
}

void xs_close(struct xs_handle *handle)
{
    if (handle)
        wire_close(handle->wire);
    free(handle);
}

/* ---- questions ----------------------------------------------------------------------------------------- */

static char *ask_path(struct xs_handle *handle, uint32_t type, xs_transaction_t transaction, const char *path,
                      size_t *length)
{
    return wire_ask(handle->wire, type, transaction, path, strlen(path) + 1, length);
}

/* Where only success counts, with MORE behind the path. */
static bool tell(struct xs_handle *handle, uint32_t type, xs_transaction_t transaction, const char *path,
                 const void *more, size_t size)
{
    size_t length = strlen(path) + 1;
    char data[XENSTORE_PAYLOAD_MAX];
    _cleanup_(freep) char *answer = NULL;

    if (length > sizeof data || size > sizeof data - length) {
        errno = E2BIG;
        return false;
    }
    memcpy(data, path, length);
    memcpy(data + length, more, size);
    answer = wire_ask(handle->wire, type, transaction, data, length + size, &length);
    return answer != NULL;
}

xs_transaction_t xs_transaction_start(struct xs_handle *handle)
{
    size_t length;
    _cleanup_(freep) char *answer = ask_path(handle, XS_TRANSACTION_START, XBT_NULL, "", &length);

    return answer ? (xs_transaction_t)strtoul(answer, NULL, 10) : XBT_NULL;
}

bool xs_transaction_end(struct xs_handle *handle, xs_transaction_t transaction, bool abort)
{
    return tell(handle, XS_TRANSACTION_END, transaction, abort ? "F" : "T", "", 0);
}

/* ---- nodes --------------------------------------------------------------------------------------------- */

void *xs_read(struct xs_handle *handle, xs_transaction_t transaction, const char *path, unsigned int *length)
{
    size_t size;
    char *value = ask_path(handle, XS_READ, transaction, path, &size);

    if (value && length)
        *length = (unsigned int)size;
    return value;
}

bool xs_write(struct xs_handle *handle, xs_transaction_t transaction, const char *path, const void *data,
              unsigned int length)
{
    return tell(handle, XS_WRITE, transaction, path, data, length);
}

bool xs_rm(struct xs_handle *handle, xs_transaction_t transaction, const char *path)
{
    return tell(handle, XS_RM, transaction, path, "", 0);
}

/* A list that is too long for one answer comes in parts: "GENERATION", a NUL, and the names from an offset on; behind
 * the last stands an empty one.  Where the generation is another one it begins anew. */
static char *ask_parts(struct xs_handle *handle, xs_transaction_t transaction, const char *path, size_t *length)
{
    _cleanup_(freep) char *list = NULL;
    char generation[24] = "", *result;
    bool ended = false;

    for (*length = 0; !ended;) {
        char question[XENSTORE_PAYLOAD_MAX], *more;
        int size = snprintf(question, sizeof question, "%s%c%zu", path, 0, *length);
        size_t got = 0, head;
        _cleanup_(freep) char *part = wire_ask(handle->wire, XS_DIRECTORY_PART, transaction, question,
                                               (size_t)size + 1, &got);

        head = part ? strlen(part) + 1 : 0;
        if (!part || head >= got || head > sizeof generation)
            return NULL;
        if (*length > 0 && strcmp(part, generation) != 0) {
            *length = 0;
            continue;
        }
        memcpy(generation, part, head);
        more = realloc(list, *length + got - head);
        if (!more)
            return NULL;
        list = more;
        memcpy(list + *length, part + head, got - head);
        *length += got - head;
        ended = *length == 1 || (list[*length - 1] == '\0' && list[*length - 2] == '\0');
    }
    --*length; /* the empty name */
    result = list;
    list = NULL;
    return result;
}

/* The names as an array, with their text behind it. */
static char **split(const char *list, size_t length, unsigned int *count)
{
    size_t names = 0;
    char **array, *text;

    for (size_t i = 0; i < length; i++)
        names += list[i] == '\0';
    array = malloc((names + 1) * sizeof *array + length + 1);
    if (!array)
        return NULL;
    text = memcpy((char *)(array + names + 1), list, length);
    text[length] = '\0';
    for (size_t i = 0; i < names; i++) {
        array[i] = text;
        text += strlen(text) + 1;
    }
    *count = (unsigned int)names;
    return array;
}

char **xs_directory(struct xs_handle *handle, xs_transaction_t transaction, const char *path, unsigned int *count)
{
    size_t length = 0;
    _cleanup_(freep) char *list = ask_path(handle, XS_DIRECTORY, transaction, path, &length);

    if (!list && errno == E2BIG)
        list = ask_parts(handle, transaction, path, &length);
    return list ? split(list, length, count) : NULL;
}

/* ---- permissions: "n0", "r5", ... ----------------------------------------------------------------------- */

static unsigned int permission_of(char letter)
{
    return letter == 'b' ? XS_PERM_READ | XS_PERM_WRITE
                         : letter == 'w' ? XS_PERM_WRITE : letter == 'r' ? XS_PERM_READ : XS_PERM_NONE;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *handle, xs_transaction_t transaction, const char *path,
                                          unsigned int *count)
{
    size_t length = 0;
    _cleanup_(freep) char *list = ask_path(handle, XS_GET_PERMS, transaction, path, &length);
    struct xs_permissions *permissions = list ? calloc(length + 1, sizeof *permissions) : NULL;

    *count = 0;
    for (size_t at = 0; permissions && at < length; at += strlen(list + at) + 1)
        if (list[at])
            permissions[(*count)++] = (struct xs_permissions){
                .id = (unsigned int)strtoul(list + at + 1, NULL, 10), .perms = permission_of(list[at])
            };
    return permissions;
}

bool xs_set_permissions(struct xs_handle *handle, xs_transaction_t transaction, const char *path,
                        struct xs_permissions *permissions, unsigned int count)
{
    char list[XENSTORE_PAYLOAD_MAX];
    size_t used = 0;

    for (unsigned int i = 0; i < count; i++) {
        char letter = "nrwb"[permissions[i].perms & (XS_PERM_READ | XS_PERM_WRITE)];
        int length = snprintf(list + used, sizeof list - used, "%c%u", letter, permissions[i].id);

        if ((size_t)length >= sizeof list - used) {
            errno = E2BIG;
            return false;
        }
        used += (size_t)length + 1;
    }
    return tell(handle, XS_SET_PERMS, transaction, path, list, used);
}

/* ---- watches ------------------------------------------------------------------------------------------- */

bool xs_watch(struct xs_handle *handle, const char *path, const char *token)
{
    return tell(handle, XS_WATCH, XBT_NULL, path, token, strlen(token) + 1);
}

bool xs_unwatch(struct xs_handle *handle, const char *path, const char *token)
{
    return tell(handle, XS_UNWATCH, XBT_NULL, path, token, strlen(token) + 1);
}

int xs_fileno(struct xs_handle *handle)
{
    return wire_fd(handle->wire);
}

char **xs_check_watch(struct xs_handle *handle)
{
    _cleanup_(freep) char *event = wire_event(handle->wire);
    unsigned int count;

    return event ? split(event, strlen(event) + strlen(event + strlen(event) + 1) + 2, &count) : NULL;
}
