/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "request.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pairs.h"
#include "request_disks.h"

static const char *const operations[OPERATIONS] = {
    [OPERATION_NONE] = "none",     [OPERATION_CREATE] = "create", [OPERATION_LIST] = "list",
    [OPERATION_DELETE] = "delete", [OPERATION_REVERT] = "revert", [OPERATION_CANCEL] = "cancel",
    [OPERATION_RELEASE] = "release", [OPERATION_ACCEPT] = "accept", [OPERATION_FORGET] = "forget",
};

const char *operation_word(enum operation operation)
{
    return operations[operation < OPERATIONS ? operation : OPERATION_NONE];
}

bool operation_is_of_dom0(enum operation operation)
{
    return operation == OPERATION_RELEASE || operation == OPERATION_ACCEPT || operation == OPERATION_FORGET;
}

/* One function for each key.  They see a value that is no longer than REQUEST_VALUE_MAX. */

static int set_operation(struct request *request, const char *value, struct err *err)
{
    for (enum operation op = OPERATION_CREATE; op < OPERATIONS; op++)
        if (strcmp(value, operations[op]) == 0) {
            request->operation = op;
            return 0;
        }
    return err_set(err, ERR_INVALID, "unknown operation; it is create, list, delete, revert, cancel, release, "
                                     "accept or forget");
}

static int set_id(struct request *request, const char *value, struct err *err)
{
    if (!request_id_valid(value))
        return err_set(err, ERR_INVALID, "id is 1 to %d of A-Z a-z 0-9 _ -", REQUEST_ID_MAX);
    snprintf(request->id, sizeof request->id, "%.*s", REQUEST_ID_MAX, value);
    return 0;
}

static int set_request(struct request *request, const char *value, struct err *err)
{
    if (!request_id_valid(value))
        return err_set(err, ERR_INVALID, "request is the id of the request that is to be cancelled");
    snprintf(request->about, sizeof request->about, "%s", value);
    return 0;
}

static int set_domain(struct request *request, const char *value, struct err *err)
{
    if (!name_valid(value))
        return err_set(err, ERR_INVALID, "domain is a domid, a UUID or a name of at most %d bytes",
                       NAME_MAX_BYTES);
    snprintf(request->domain, sizeof request->domain, "%s", value);
    return 0;
}

static int set_name(struct request *request, const char *value, struct err *err)
{
    if (!name_valid(value))
        return err_set(err, ERR_INVALID, "name is 1 to %d bytes of printable text", NAME_MAX_BYTES);
    if (name_reserved(value))
        return err_set(err, ERR_INVALID, "the name %s is reserved", value);
    snprintf(request->name, sizeof request->name, "%s", value);
    return 0;
}

static int set_image(struct request *request, const char *value, struct err *err)
{
    if (!path_valid(value))
        return err_set(err, ERR_INVALID, "image is the absolute path of an image");
    snprintf(request->image, sizeof request->image, "%s", value);
    return 0;
}

static int set_description(struct request *request, const char *value, struct err *err)
{
    if (!description_valid(value))
        return err_set(err, ERR_INVALID, "description is at most %d bytes of printable text",
                       DESCRIPTION_MAX_BYTES);
    snprintf(request->description, sizeof request->description, "%s", value);
    return 0;
}

static int set_memory(struct request *request, const char *value, struct err *err)
{
    bool no = strcmp(value, "no") == 0 || strcmp(value, "0") == 0;

    if (!no && strcmp(value, "yes") != 0 && strcmp(value, "1") != 0 && !path_valid(value))
        return err_set(err, ERR_INVALID, "memory is yes, no or the absolute path of a file to be made");
    request->disk_only = no;
    if (*value == '/')
        snprintf(request->memory, sizeof request->memory, "%s", value);
    return 0;
}

static int set_type(struct request *request, const char *value, struct err *err)
{
    if (strcmp(value, "internal") == 0)
        request->type = PLACE_INTERNAL;
    else if (strcmp(value, "external") == 0)
        request->type = PLACE_EXTERNAL;
    else
        return err_set(err, ERR_INVALID, "type is internal or external");
    return 0;
}

static const char *const quiesces[] = {
    [QUIESCE_NO] = "no", [QUIESCE_TRY] = "try", [QUIESCE_MUST] = "must",
};

const char *quiesce_word(enum quiesce quiesce)
{
    return quiesces[quiesce];
}

static int set_quiesce(struct request *request, const char *value, struct err *err)
{
    for (enum quiesce quiesce = QUIESCE_NO; quiesce <= QUIESCE_MUST; quiesce++)
        if (strcmp(value, quiesces[quiesce]) == 0) {
            request->quiesce = quiesce;
            return 0;
        }
    return err_set(err, ERR_INVALID, "quiesce is no, try or must");
}

static int set_dry_run(struct request *request, const char *value, struct err *err)
{
    request->dry_run = strcmp(value, "yes") == 0 || strcmp(value, "1") == 0;
    if (!request->dry_run && strcmp(value, "no") != 0 && strcmp(value, "0") != 0)
        return err_set(err, ERR_INVALID, "dry-run is yes or no");
    return 0;
}

static int set_start(struct request *request, const char *value, struct err *err)
{
    if (strcmp(value, "running") == 0)
        request->start = START_RUNNING;
    else if (strcmp(value, "paused") == 0)
        request->start = START_PAUSED;
    else
        return err_set(err, ERR_INVALID, "start is running or paused");
    return 0;
}

#define BIT(operation) (1u << (operation))
#define ANY (~0u)

static const struct key {
    const char *name;
    unsigned operations; /* for which the key means something */
    int (*set)(struct request *request, const char *value, struct err *err);
} keys[] = {
    { "operation", ANY, set_operation },
    { "domain", ANY, set_domain },
    { "name", BIT(OPERATION_CREATE) | BIT(OPERATION_DELETE) | BIT(OPERATION_REVERT) | BIT(OPERATION_RELEASE),
      set_name },
    { "image", BIT(OPERATION_RELEASE), set_image },
    { "description", BIT(OPERATION_CREATE), set_description },
    { "memory", BIT(OPERATION_CREATE), set_memory },
    { "type", BIT(OPERATION_CREATE), set_type },
    { "disks", BIT(OPERATION_CREATE), request_disks_set },
    { "disk-VDEV", BIT(OPERATION_CREATE), NULL }, /* one for each disk: request_disk_set() */
    { "quiesce", BIT(OPERATION_CREATE), set_quiesce },
    { "dry-run", BIT(OPERATION_CREATE) | BIT(OPERATION_RELEASE) | BIT(OPERATION_ACCEPT) | BIT(OPERATION_FORGET),
      set_dry_run },
    { "start", BIT(OPERATION_REVERT), set_start },
    { "request", BIT(OPERATION_CANCEL), set_request },
};

const char *request_key(size_t index)
{
    return index < sizeof keys / sizeof *keys ? keys[index].name : NULL;
}

static const struct key *find_key(const char *name)
{
    if (strncmp(name, DISK_KEY, strlen(DISK_KEY)) == 0)
        name = "disk-VDEV";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* A key goes back to whoever may have sent it: only if it can be shown. */
static const char *shown(const char *key)
{
    return name_valid(key) && strlen(key) < 40 ? key : "(unprintable)";
}

static int check_key(const struct request *request, const char *name, struct err *err)
{
    const struct key *key = find_key(name);

    if (strncmp(name, "x-", 2) == 0)
        return 0;
    if (!key)
        return err_set(err, ERR_INVALID, "unknown key %s", shown(name));
    if (!(key->operations & BIT(request->operation)))
        return err_set(err, ERR_INVALID, "%s means nothing to %s", name,
                       operation_word(request->operation));
    return 0;
}

static int check_whole(const struct request *request, struct err *err)
{
    bool by_name = request->operation == OPERATION_DELETE || request->operation == OPERATION_REVERT;

    if (by_name && !*request->name)
        return err_set(err, ERR_INVALID, "%s needs a name", operation_word(request->operation));
    if (request->operation == OPERATION_RELEASE && !*request->name == !*request->image)
        return err_set(err, ERR_INVALID, "release needs either an image or, as name, a snapshot's id");
    if (request->operation == OPERATION_CANCEL && !*request->about)
        return err_set(err, ERR_INVALID, "cancel needs request=ID");
    if (request->quiesce != QUIESCE_NO && !request->disk_only)
        return err_set(err, ERR_INVALID, "quiesce means nothing with the memory, which is of one instant with the "
                                         "disks; say memory=no");
    return 0;
}

static int set_key(struct request *request, const struct pair *pair, struct err *err)
{
    const struct key *key = find_key(pair->key);

    if (!key)
        return 0; /* x-... */
    return key->set ? key->set(request, pair->value, err)
                    : request_disk_set(request, pair->key + strlen(DISK_KEY), pair->value, err);
}

int request_parse_pairs(struct request *request, const struct pairs *pairs, struct err *err)
{
    const char *operation = pairs_get(pairs, "operation");

    if (!*operation)
        return err_set(err, ERR_INVALID, "no operation");
    if (set_operation(request, operation, err) < 0)
        return -1;
    for (size_t i = 0; i < pairs->count; i++)
        if (check_key(request, pairs->item[i].key, err) < 0 || set_key(request, &pairs->item[i], err) < 0)
            return -1;
    return check_whole(request, err);
}

bool request_parse_known(struct request *request, const struct pairs *pairs)
{
    struct err err;
    bool all = set_operation(request, pairs_get(pairs, "operation"), &err) == 0;

    for (size_t i = 0; i < pairs->count; i++)
        all &= check_key(request, pairs->item[i].key, &err) == 0 && set_key(request, &pairs->item[i], &err) == 0;
    return all && check_whole(request, &err) == 0;
}

/* Reads one value, quoted or up to the next blank; returns where it ends, or NULL where it can't. */
static const char *read_value(const char *s, char value[REQUEST_VALUE_MAX], struct err *err)
{
    bool quoted = *s == '"';
    size_t used = 0;

    for (s += quoted; quoted ? *s != '"' : *s && *s != ' '; s++) {
        if (quoted && *s == '\\')
            s++;
        if (!*s) {
            err_set(err, ERR_INVALID, "a quoted value has no end");
            return NULL;
        }
        if (used == REQUEST_VALUE_MAX - 1) {
            err_set(err, ERR_INVALID, "a value is longer than %d bytes", REQUEST_VALUE_MAX - 1);
            return NULL;
        }
        value[used++] = *s;
    }
    value[used] = '\0';
    s += quoted;
    if (*s && *s != ' ') {
        err_set(err, ERR_INVALID, "a quoted value ends in the middle of a word");
        return NULL;
    }
    return s;
}

/* Also with an empty value, which pairs_get() does not tell from none. */
static bool has_key(const struct pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->item[i].key, key) == 0)
            return true;
    return false;
}

/* The id is a key of the line alone (a directory has its name), and is known from then on, so that a line
 * that goes wrong after it is answered under it. */
static const char *read_pair(const char *s, struct request *request, struct pairs *pairs, struct err *err)
{
    size_t length = strcspn(s, "= ");
    char value[REQUEST_VALUE_MAX], key[PAIR_KEY_SIZE];

    if (s[length] != '=' || length == 0 || length >= sizeof key) {
        err_set(err, ERR_INVALID, "after the operation come words of the form KEY=VALUE");
        return NULL;
    }
    snprintf(key, sizeof key, "%.*s", (int)length, s);
    if (has_key(pairs, key) || pairs->count == PAIRS_MAX || (strcmp(key, "id") == 0 && *request->id)) {
        err_set(err, ERR_INVALID, "%s is given twice, or there are too many keys", shown(key));
        return NULL;
    }
    s = read_value(s + length + 1, value, err);
    if (s && strcmp(key, "id") == 0)
        return set_id(request, value, err) < 0 ? NULL : s;
    if (s)
        pairs_add(pairs, key, "%s", value);
    return s;
}

int request_parse_line(struct request *request, const char *line, size_t length, struct err *err)
{
    struct pairs pairs = { 0 };
    size_t word = strcspn(line, " ");

    if (length > REQUEST_LINE_MAX)
        return err_set(err, ERR_INVALID, "the line is longer than %d bytes", REQUEST_LINE_MAX);
    if (strlen(line) != length)
        return err_set(err, ERR_INVALID, "the line holds a NUL byte");
    pairs_add(&pairs, "operation", "%.*s", (int)word, line);
    for (const char *s = line + word; *s;) {
        if (*s == ' ') {
            s++;
            continue;
        }
        s = read_pair(s, request, &pairs, err);
        if (!s)
            return -1;
    }
    return request_parse_pairs(request, &pairs, err);
}

void request_format(const struct request *request, struct pairs *pairs)
{
    pairs_add(pairs, "operation", "%s", operation_word(request->operation));
    if (*request->domain)
        pairs_add(pairs, "domain", "%s", request->domain);
    if (*request->name)
        pairs_add(pairs, "name", "%s", request->name);
    if (*request->image)
        pairs_add(pairs, "image", "%s", request->image);
    if (*request->description)
        pairs_add(pairs, "description", "%s", request->description);
    if (*request->about)
        pairs_add(pairs, "request", "%s", request->about);
    if (request->operation == OPERATION_REVERT)
        pairs_add(pairs, "start", "%s", request->start == START_PAUSED ? "paused" : "running");
    if (*request->memory || request->disk_only)
        pairs_add(pairs, "memory", "%s", request->disk_only ? "no" : request->memory);
    if (request->type != PLACE_DEFAULT)
        pairs_add(pairs, "type", "%s", place_word(request->type));
    if (request->quiesce != QUIESCE_NO)
        pairs_add(pairs, "quiesce", "%s", quiesce_word(request->quiesce));
    if (request->dry_run)
        pairs_add(pairs, "dry-run", "yes");
    request_disks_format(request, pairs);
}
