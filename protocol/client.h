/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLIENT_H
#define CLIENT_H

/* Asking the agent: what a program in dom0 or in a guest needs to have snapshots made.
 * All paths are relative to the caller's own tree, so that the same code works in both, and goes on working
 * in a guest that a revert has moved to another domid.  A client is used by one thread. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "entry.h"
#include "errors.h"
#include "request.h"
#include "status.h"

struct client;

/* One request and how it is doing. */
struct client_request {
    char id[REQUEST_ID_MAX + 1];
    struct status status;
};

enum client_event {
    CLIENT_CHANGED,     /* there is a status that differs from the one before */
    CLIENT_TIMEOUT,
    CLIENT_INTERRUPTED, /* a signal handler ran */
    CLIENT_LOST,        /* xenstore itself is gone */
};

int client_open(struct client **out, struct err *err);
struct client *client_close(struct client *client);

/* Whether somebody takes requests from this domain. */
bool client_has_agent(struct client *client);
/* Whether this is dom0, where a request has to say whom it is about. */
bool client_is_dom0(struct client *client);

/* Hands a request over and watches its status.  It gets request->id, or a new one where that is "". */
int client_send(struct client *client, const struct request *request, char id[REQUEST_ID_MAX + 1],
                struct err *err);
int client_cancel(struct client *client, const char *id, struct err *err);
/* Takes back a request that nobody has taken up yet; false where it is too late for that. */
bool client_withdraw(struct client *client, const char *id);
/* Watches a request again that another program or an earlier client has sent. */
int client_follow(struct client *client, const char *id, struct err *err);
/* No more of it; where the caller may write there, its status goes as well. */
void client_forget(struct client *client, const char *id);

/* For a program with a loop of its own: when the descriptor is readable, call client_dispatch() until it
 * is false; each time ID may have a new status. */
int client_fd(struct client *client);
bool client_dispatch(struct client *client, char id[REQUEST_ID_MAX + 1]);
/* The status as it stands now; false where there is none (yet). */
bool client_status(struct client *client, const char *id, struct status *status);

/* For a program without: blocks until ID's status is another one than STATUS, which the caller has set to
 * status_initial before the first call, and stores it there.  Milliseconds below 0 are for ever.  MASK is
 * the signal mask while it sleeps, or NULL. */
enum client_event client_wait(struct client *client, const char *id, struct status *status, int timeout_ms,
                              const sigset_t *mask);

/* The published listing of VM, oldest first; NULL is the caller's own domain.  One free() frees it.
 * It is as the agent wrote it last: an OPERATION_LIST request renews it and tells the VM's UUID. */
int client_list(struct client *client, const char *vm, struct entry **out, size_t *count, struct err *err);

/* Every request that has a status below domain DOMID, or below the caller's own where it is -1. */
int client_requests(struct client *client, int domid, struct client_request **out, size_t *count,
                    struct err *err);

/* The name and the running domain of a VM; false where that is not known. */
bool client_vm_name(struct client *client, const char *vm, char name[NAME_MAX_BYTES + 1]);
bool client_vm_domid(struct client *client, const char *vm, unsigned *domid);
/* The UUID of DOMAIN: a domid, a UUID or a name, of what runs or has snapshots; NULL is the caller's own. */
bool client_vm_find(struct client *client, const char *domain, char vm[UUID_LENGTH + 1]);

static inline void client_closep(struct client **client)
{
    client_close(*client);
}

#endif
