/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERRORS_H
#define ERRORS_H

/* Why something failed: an error word of the protocol and a sentence for a person.
 * Plain data on the caller's stack: owns nothing, cannot fail itself, and travels between processes as it
 * is.  The one who knows writes the sentence, those above may add context, and it is reported once. */

#include <stdarg.h>

enum err_code {
    ERR_NONE,
    ERR_INVALID,       /* the request itself is wrong */
    ERR_DENIED,        /* whoever could have written it may not do this */
    ERR_NOT_FOUND,     /* no such domain, snapshot or request */
    ERR_EXISTS,        /* the name is taken */
    ERR_BUSY,          /* something else has it now; asking again later may work */
    ERR_QUOTA,         /* a limit of the policy */
    ERR_NO_SPACE,      /* the store or an image has no room */
    ERR_UNSUPPORTED,   /* this domain, disk or option cannot be served */
    ERR_DOMAIN_GONE,   /* the domain died meanwhile */
    ERR_GUEST_TIMEOUT, /* the guest did not answer */
    ERR_CANCELLED,     /* asked for, or the agent was stopped */
    ERR_CORRUPT,       /* what was stored is not what is there now */
    ERR_XEN,           /* libxl or the hypervisor refused */
    ERR_QEMU,          /* QEMU or qemu-img refused */
    ERR_IO,            /* a file or xenstore could not be read or written */
    ERR_INTERNAL,      /* a defect of ours */
    ERR_CODES
};

struct err {
    enum err_code code;
    char text[320];
};

/* All return -1, so that a caller can write "return err_set(...)". */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int err_set_list(struct err *err, enum err_code code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
int err_context(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same from errno: ENOSPC and EDQUOT become ERR_NO_SPACE, the rest ERR_IO, and strerror is added. */
int err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word that stands in xenstore, and back; an unknown word is ERR_INTERNAL. */
const char *err_word(enum err_code code);
enum err_code err_from_word(const char *word);

#endif
