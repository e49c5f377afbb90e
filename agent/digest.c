/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "digest.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "cleanup.h"
#include "control.h"

enum { CHUNK = 1 << 20 };

static size_t left(long long bytes)
{
    return bytes < CHUNK ? (size_t)bytes : CHUNK;
}

static int hash_all(int fd, XXH3_state_t *state, struct control *control, long long *length, struct err *err)
{
    _cleanup_(freep) char *buffer = malloc(CHUNK);
    struct stat st;
    ssize_t n = 0;

    if (!buffer || fstat(fd, &st) < 0)
        return err_errno(err, "cannot read the memory image");
    /* not what is appended meanwhile */
    for (*length = 0; *length < st.st_size && (n = pread(fd, buffer, left(st.st_size - *length), *length)) > 0;) {
        *length += n;
        XXH3_128bits_update(state, buffer, (size_t)n);
        if (control_fd(control) >= 0)
            control_read(control);
        if (control_cancelled(control))
            return err_set(err, ERR_CANCELLED, "cancelled while reading the memory image");
        if (st.st_size > 0)
            control_progress(control, control->stage, (int)(*length * 100 / st.st_size));
    }
    return n < 0 ? err_errno(err, "cannot read the memory image") : 0;
}

int digest_file(int fd, struct control *control, char *text, size_t size, long long *length, struct err *err)
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t hash;
    int rc;

    if (!state)
        return err_set(err, ERR_IO, "out of memory");
    XXH3_128bits_reset(state);
    rc = hash_all(fd, state, control, length, err);
    hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(text, size, "xxh3:%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    return rc;
}
