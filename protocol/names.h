/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NAMES_H
#define NAMES_H

/* What may be a name, and every xenstore path the protocol knows.  docs/protocol.md lists the same nodes;
 * a test compares the two. */

#include <stdbool.h>
#include <stddef.h>

enum {
    NAME_MAX_BYTES = 128,        /* a snapshot's or a domain's name */
    DESCRIPTION_MAX_BYTES = 512, /* two of them still fit a guest's node of 2048 bytes */
    REQUEST_ID_MAX = 64,
    UUID_LENGTH = 36,
    VDEV_SIZE = 16,              /* "xvda" and its NUL */
    PATH_SIZE = 960,             /* of an image; as a value it has company */
    DISKS_MAX = 32,
    XS_PATH_SIZE = 256, /* the longest path made here is under 200 */
};

/* Snapshot names and descriptions: well-formed UTF-8 without control characters.  A name is never empty, has no
 * blank at either end, and is a value, never a part of a path. */
bool name_valid(const char *name);
bool name_reserved(const char *name); /* "current" and "pending" mean something else */
bool description_valid(const char *text);

bool request_id_valid(const char *id);  /* [A-Za-z0-9_-]{1,64} */
bool uuid_valid(const char *uuid);      /* lower case, with hyphens */
/* What a person wrote, in whatever letters, as the UUID that it is; false where it is none. */
bool uuid_read(const char *text, char uuid[UUID_LENGTH + 1]);
bool vdev_valid(const char *vdev);      /* as in xl-disk-configuration: [a-z0-9]{1,15} */
/* An absolute path of printable text that goes nowhere in between ("..", "//"); dom0's alone to give. */
bool path_valid(const char *path);
/* One that means the same within quotes in xl.cfg, and as one of the options on QEMU's command line, where libxl puts
 * it as it is.  Every file that we make for a domain has to be such a one. */
bool path_plain(const char *path);
bool domid_parse(const char *text, unsigned *domid);

/* Nodes below a domain's ~/snapshot. */
#define NODE_FEATURE "control/platform-feature-snapshot"
#define NODE_ROOT "snapshot"
#define NODE_PROTOCOL "snapshot/protocol"
#define NODE_OPERATIONS "snapshot/operations"
#define NODE_EPOCH "snapshot/epoch"
#define NODE_REQUEST "snapshot/request"
#define NODE_STATUS "snapshot/status"
#define NODE_LIST "snapshot/list"
#define NODE_QUIESCE "snapshot/quiesce"
#define NODE_QUIESCE_FEATURE NODE_QUIESCE "/feature"
#define NODE_QUIESCE_ACTION NODE_QUIESCE "/action"
#define NODE_QUIESCE_STATUS NODE_QUIESCE "/status"
#define NODE_QUIESCE_ERROR NODE_QUIESCE "/error"
#define NODE_QUIESCE_PORT NODE_QUIESCE "/event-channel"
#define NODE_VMS "/tool/xensnap/vm"

#define PROTOCOL_VERSION "1"

/* /local/domain/DOMID/NODE[/CHILD[/KEY]]; CHILD and KEY may be NULL. */
void path_domain(char path[XS_PATH_SIZE], unsigned domid, const char *node, const char *child,
                 const char *key);
/* /tool/xensnap/vm/UUID[/KEY] */
void path_vm(char path[XS_PATH_SIZE], const char *uuid, const char *key);

#endif
