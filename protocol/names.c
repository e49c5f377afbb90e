/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes the UTF-8 character at s takes, or 0 where it is malformed, over-long or a surrogate. */
static size_t utf8_length(const unsigned char *s, uint32_t *character)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;

    if (length == 0)
        return 0;
    *character = length == 1 ? *s : *s & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        *character = *character << 6 | (s[i] & 0x3f);
    }
    if (*character < least[length] || *character > 0x10ffff || (*character >> 11) == 0x1b)
        return 0;
    return length;
}

static bool printable(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s) {
        uint32_t character = 0;
        size_t length = utf8_length(s, &character);

        if (length == 0 || character < 0x20 || (character >= 0x7f && character < 0xa0))
            return false;
        s += length;
    }
    return true;
}

static bool blank_at_an_end(const char *text)
{
    return *text == ' ' || (*text && text[strlen(text) - 1] == ' ');
}

bool name_valid(const char *name)
{
    return *name && strlen(name) <= NAME_MAX_BYTES && !blank_at_an_end(name) && printable(name);
}

bool name_reserved(const char *name)
{
    return strcmp(name, "current") == 0 || strcmp(name, "pending") == 0;
}

bool description_valid(const char *text)
{
    return strlen(text) <= DESCRIPTION_MAX_BYTES && printable(text);
}

static bool only(const char *text, const char *alphabet)
{
    return text[strspn(text, alphabet)] == '\0';
}

bool request_id_valid(const char *id)
{
    return *id && strlen(id) <= REQUEST_ID_MAX &&
           only(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
}

bool uuid_valid(const char *uuid)
{
    if (strlen(uuid) != UUID_LENGTH || !only(uuid, "0123456789abcdef-"))
        return false;
    for (size_t i = 0; i < UUID_LENGTH; i++)
        if ((uuid[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
            return false;
    return true;
}

bool uuid_read(const char *text, char uuid[UUID_LENGTH + 1])
{
    size_t length = strlen(text);

    for (size_t i = 0; length == UUID_LENGTH && i <= length; i++)
        uuid[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    return length == UUID_LENGTH && uuid_valid(uuid);
}

bool vdev_valid(const char *vdev)
{
    return *vdev && strlen(vdev) < VDEV_SIZE && only(vdev, "abcdefghijklmnopqrstuvwxyz0123456789");
}

bool path_valid(const char *path)
{
    size_t length = strlen(path);

    return *path == '/' && length > 1 && length < PATH_SIZE && path[length - 1] != '/' && printable(path) &&
           !strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./") &&
           strcmp(path + length - 2, "/.") != 0 && (length < 3 || strcmp(path + length - 3, "/..") != 0);
}

bool path_plain(const char *path)
{
    return !strpbrk(path, ",\"\\");
}

bool domid_parse(const char *text, unsigned *domid)
{
    /* Xen's first reserved domid is 0x7ff0 */
    if (!*text || strlen(text) > 5 || !only(text, "0123456789") || atoi(text) >= 0x7ff0)
        return false;
    *domid = (unsigned)atoi(text);
    return true;
}

static void append(char path[XS_PATH_SIZE], const char *part)
{
    size_t used = strlen(path);

    if (part)
        snprintf(path + used, XS_PATH_SIZE - used, "/%s", part);
}

void path_domain(char path[XS_PATH_SIZE], unsigned domid, const char *node, const char *child,
                 const char *key)
{
    snprintf(path, XS_PATH_SIZE, "/local/domain/%u/%s", domid, node);
    append(path, child);
    append(path, key);
}

void path_vm(char path[XS_PATH_SIZE], const char *uuid, const char *key)
{
    snprintf(path, XS_PATH_SIZE, NODE_VMS "/%s", uuid);
    append(path, key);
}
