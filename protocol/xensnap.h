/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSNAP_H
#define XENSNAP_H

/* libxensnap: asking xensnapd for snapshots of Xen domains, from dom0 or from inside a guest.  See xensnap(3), and
 * xensnap-protocol(7) for the keys and values that stand in the maps.
 *
 * A connection and what comes from it belong to one thread at a time; different connections do not touch each other.
 * The library installs no signal handlers and writes to no stream, and has no thread but the one that libxenstore
 * starts for watches.  All descriptors are close-on-exec; a child that was only forked must not use a connection of its
 * parent.
 *
 * Functions that return int return 0, or -1 and say why in ERROR, which may be NULL.  Strings are UTF-8; those that
 * are returned belong to the map or to the library, never to the caller. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors -------------------------------------------------------------------------------------------- */

/* The protocol's error words.  A later version may add some; what is not known yet is XENSNAP_INTERNAL. */
enum xensnap_code {
    XENSNAP_OK,
    XENSNAP_INVALID,       /* the request itself is wrong */
    XENSNAP_DENIED,        /* this domain may not do that */
    XENSNAP_NOT_FOUND,     /* no such domain, snapshot or request; or nobody takes requests */
    XENSNAP_EXISTS,        /* the name is taken, or a file that was to be made is there */
    XENSNAP_BUSY,          /* asking again later may work */
    XENSNAP_QUOTA,         /* a limit of the policy */
    XENSNAP_NO_SPACE,      /* the store or an image has no room */
    XENSNAP_UNSUPPORTED,   /* this domain, disk or option cannot be served */
    XENSNAP_DOMAIN_GONE,   /* the domain ended meanwhile */
    XENSNAP_GUEST_TIMEOUT, /* the guest did not answer */
    XENSNAP_CANCELLED,
    XENSNAP_CORRUPT,       /* what was stored is not what is there now */
    XENSNAP_XEN,           /* libxl or the hypervisor refused */
    XENSNAP_QEMU,          /* QEMU or qemu-img refused */
    XENSNAP_IO,            /* a file or xenstore could not be read or written, or memory is short */
    XENSNAP_INTERNAL       /* a defect of xensnap, or an interruption */
};

enum { XENSNAP_MESSAGE_SIZE = 320 };

/* The caller's, usually on the stack.  The message is one sentence without a full stop. */
struct xensnap_error {
    int code; /* enum xensnap_code */
    char message[XENSNAP_MESSAGE_SIZE];
};

/* The word that stands in xenstore: "not-found".  Also of a code that is none: "internal". */
const char *xensnap_word(int code);
/* For programs that report errors of their own in the same way; cuts what is too long.  Returns -1. */
int xensnap_error_set(struct xensnap_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- maps ---------------------------------------------------------------------------------------------- */

/* KEY = VALUE, what stands below one node of the protocol: a request, its status, a snapshot in a list.  The keys are
 * those of the protocol, so that a new one needs no new function. */
struct xensnap_map;

/* NULL where memory is short. */
struct xensnap_map *xensnap_map_new(void);
void xensnap_map_free(struct xensnap_map *map); /* NULL is fine */
/* An array that ends with NULL, and all in it; NULL is fine. */
void xensnap_maps_free(struct xensnap_map **maps);

/* Copies both; a NULL value removes the key.  -1 where memory is short. */
int xensnap_map_set(struct xensnap_map *map, const char *key, const char *value);
/* Until the map is changed or freed; NULL where there is no such key. */
const char *xensnap_map_get(const struct xensnap_map *map, const char *key);
/* OTHERWISE where there is no such key, or its value is no decimal integer. */
long long xensnap_map_number(const struct xensnap_map *map, const char *key, long long otherwise);
/* The keys, in no particular order; NULL behind the last. */
const char *xensnap_map_key(const struct xensnap_map *map, size_t index);

/* ---- a connection -------------------------------------------------------------------------------------- */

struct xensnap;

/* To xenstored, through its socket or, in a guest, /dev/xen/xenbus.  There need not be an agent.  XENSNAP_IO. */
int xensnap_open(struct xensnap **out, struct xensnap_error *error);
void xensnap_close(struct xensnap *xensnap); /* NULL is fine; requests go on */

/* Whether somebody takes requests from this domain. */
bool xensnap_has_agent(struct xensnap *xensnap);
/* Whether this is dom0, where a request has to say whom it is about. */
bool xensnap_is_dom0(struct xensnap *xensnap);

/* ---- requests ------------------------------------------------------------------------------------------ */

/* A request is a map with "operation" and the keys that go with it; "id" chooses its ID, 1 to 64 of A-Z a-z 0-9 _ -. */

enum { XENSNAP_ID_SIZE = 65 };

/* Whether the agent would take it as far as its form goes: XENSNAP_INVALID, in the agent's words. */
int xensnap_check(const struct xensnap_map *request, struct xensnap_error *error);
/* Checks it, hands it over, and follows it; returns at once.  ID is its "id" or a new one.
 * XENSNAP_INVALID, XENSNAP_DENIED, XENSNAP_NOT_FOUND (nobody takes requests), XENSNAP_IO. */
int xensnap_send(struct xensnap *xensnap, const struct xensnap_map *request, char id[XENSNAP_ID_SIZE],
                 struct xensnap_error *error);
/* Asks for an end of request ID, which then still has to be waited for, and may be done. */
int xensnap_cancel(struct xensnap *xensnap, const char *id, struct xensnap_error *error);
/* Takes back a request that nobody has taken up yet; false where it is too late for that. */
bool xensnap_withdraw(struct xensnap *xensnap, const char *id);
/* Watches the status of a request that was sent through another connection, or by another program. */
int xensnap_follow(struct xensnap *xensnap, const char *id, struct xensnap_error *error);
/* Watches it no longer; in dom0 its status is removed, too. */
void xensnap_forget(struct xensnap *xensnap, const char *id);

/* ---- statuses ------------------------------------------------------------------------------------------ */

/* A status is a map with the keys of ~/snapshot/status/ID, and "request", the ID. */

enum xensnap_outcome {
    XENSNAP_PENDING,  /* it waits or runs */
    XENSNAP_DONE,     /* it is as asked */
    XENSNAP_RETURNED, /* it was, long ago: this domain has been brought back to that moment */
    XENSNAP_FAILED    /* it failed, or was cancelled or rejected: see xensnap_code() and "message" */
};

/* PENDING for a state that is not known yet, and for NULL. */
enum xensnap_outcome xensnap_outcome(const struct xensnap_map *status);
/* Of a request that has failed; XENSNAP_OK of any other. */
enum xensnap_code xensnap_code(const struct xensnap_map *status);

/* The status as it stands now, to be freed; NULL where there is none (yet). */
struct xensnap_map *xensnap_status(struct xensnap *xensnap, const char *id);

enum xensnap_event {
    XENSNAP_CHANGED,     /* there is another status than the one before */
    XENSNAP_TIMEOUT,
    XENSNAP_INTERRUPTED, /* a signal handler ran */
    XENSNAP_GONE,        /* there was a status and there is none now: this domain was brought back to a moment of
                          * another request, or the status was removed */
    XENSNAP_LOST         /* xenstored has ended the connection */
};

/* For a program without a loop: blocks until the status of ID, which was sent or is followed, is another one than
 * *STATUS; frees that and puts the new one there.  *STATUS is NULL before the first call and the caller's to free after
 * the last.  Milliseconds below 0 are for ever.  MASK is the signal mask while it sleeps, or NULL. */
enum xensnap_event xensnap_wait(struct xensnap *xensnap, const char *id, struct xensnap_map **status, int timeout_ms,
                                const sigset_t *mask);

/* For a program with a loop: readable when there is something for xensnap_dispatch().  The same descriptor for as long
 * as the connection is open; it is to be polled and nothing else. */
int xensnap_fd(struct xensnap *xensnap);
/* To be called until it is not 1, each time that the descriptor is readable.  1: request ID may have a new status, see
 * xensnap_status().  0: that was all.  -1: xenstored has ended the connection, of which the descriptor need not tell.
 * Never blocks for long. */
int xensnap_dispatch(struct xensnap *xensnap, char id[XENSNAP_ID_SIZE]);

/* ---- what is published --------------------------------------------------------------------------------- */

/* The snapshots of the VM with that UUID, oldest first, as the agent wrote them last ("operation" = "list" makes it
 * write them anew); NULL is the caller's own.  To be freed with xensnap_maps_free().
 * NULL: XENSNAP_INVALID, XENSNAP_BUSY (it changes all the time), XENSNAP_IO. */
struct xensnap_map **xensnap_list(struct xensnap *xensnap, const char *vm, struct xensnap_error *error);
/* The statuses of all requests that were made in the tree of that domain, or in the caller's own where it is -1. */
struct xensnap_map **xensnap_requests(struct xensnap *xensnap, int domid, struct xensnap_error *error);
/* What DOMAIN, a domid, a UUID or a name of what runs or has snapshots, stands for; NULL is the caller's own.  Keys:
 * "vm", the UUID, and where they are known "name" and "domid".  To be freed; NULL where there is no such domain, or
 * several that do not run have that name. */
struct xensnap_map *xensnap_vm(struct xensnap *xensnap, const char *domain);

#ifdef __cplusplus
}
#endif

#endif
