/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const words[ERR_CODES] = {
    [ERR_NONE] = "none",
    [ERR_INVALID] = "invalid",
    [ERR_DENIED] = "denied",
    [ERR_NOT_FOUND] = "not-found",
    [ERR_EXISTS] = "exists",
    [ERR_BUSY] = "busy",
    [ERR_QUOTA] = "quota",
    [ERR_NO_SPACE] = "no-space",
    [ERR_UNSUPPORTED] = "unsupported",
    [ERR_DOMAIN_GONE] = "domain-gone",
    [ERR_GUEST_TIMEOUT] = "guest-timeout",
    [ERR_CANCELLED] = "cancelled",
    [ERR_CORRUPT] = "corrupt",
    [ERR_XEN] = "xen",
    [ERR_QEMU] = "qemu",
    [ERR_IO] = "io",
    [ERR_INTERNAL] = "internal",
};

/* A text that was cut is not cut inside a UTF-8 character: it goes into JSON and into xenstore. */
static void end_whole(struct err *err)
{
    size_t length = strlen(err->text), tail = 0;
    unsigned char lead;

    if (length < sizeof err->text - 1)
        return;
    while (tail < 3 && ((unsigned char)err->text[length - 1 - tail] & 0xc0) == 0x80)
        tail++;
    lead = (unsigned char)err->text[length - 1 - tail];
    if (lead >= 0xc0 && tail < (lead >= 0xf0 ? 3u : lead >= 0xe0 ? 2u : 1u))
        err->text[length - 1 - tail] = '\0';
}

int err_set_list(struct err *err, enum err_code code, const char *format, va_list args)
{
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
    end_whole(err);
    return -1;
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    err_set_list(err, code, format, args);
    va_end(args);
    return -1;
}

static void append(struct err *err, const char *more)
{
    size_t used = strlen(err->text);

    snprintf(err->text + used, sizeof err->text - used, ": %s", more);
    end_whole(err);
}

int err_context(struct err *err, const char *format, ...)
{
    char cause[sizeof err->text];
    va_list args;

    memcpy(cause, err->text, sizeof cause);
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    append(err, cause);
    return -1;
}

int err_errno(struct err *err, const char *format, ...)
{
    int error = errno;
    va_list args;

    err->code = error == ENOSPC || error == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    append(err, strerror(error));
    return -1;
}

const char *err_word(enum err_code code)
{
    return code < ERR_CODES ? words[code] : words[ERR_INTERNAL];
}

enum err_code err_from_word(const char *word)
{
    for (enum err_code code = ERR_NONE; code < ERR_CODES; code++)
        if (strcmp(word, words[code]) == 0)
            return code;
    return ERR_INTERNAL;
}
