/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounts.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_BEFORE = 6, LINE_SIZE = 16384 };

/* The kernel writes blanks, tabs, newlines and backslashes in octal: \040. */
static bool unescape(char *into, size_t size, const char *text)
{
    size_t used = 0;

    while (*text) {
        char c = *text++;

        if (c == '\\') {
            unsigned value;

            if (strspn(text, "01234567") < 3 || sscanf(text, "%3o", &value) != 1 || value == 0 || value > 255)
                return false;
            c = (char)value;
            text += 3;
        }
        if (used + 1 >= size)
            return false;
        into[used++] = c;
    }
    into[used] = '\0';
    return used > 0;
}

static bool has_option(const char *options, const char *option)
{
    size_t length = strlen(option);

    for (; *options; options += strcspn(options, ","), options += *options == ',')
        if (strncmp(options, option, length) == 0 && (options[length] == ',' || !options[length]))
            return true;
    return false;
}

/* The next word, cut off; NULL behind the last. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " ");

    if (!*word)
        return NULL;
    *line = word + strcspn(word, " ");
    if (**line)
        *(*line)++ = '\0';
    return word;
}

/* A file system on a block device has that device's numbers; btrfs and bcachefs, which may have several devices, are
 * told by their type, as everything else with major 0 is made by the kernel or comes over a network. */
static bool is_on_disk(const struct mount *mount, const char *source)
{
    if (strcmp(mount->type, "fuseblk") == 0)
        return false;
    return mount->major != 0 ||
           ((strcmp(mount->type, "btrfs") == 0 || strcmp(mount->type, "bcachefs") == 0) && *source == '/');
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue": mount, parent, numbers, root, mount
 * point, the mount's options, optional fields; then type, source, the file system's options. */
static bool parse_line(struct mount *mount, char *line)
{
    char *before[FIELDS_BEFORE], *word, *type, *source, *options;
    char end;

    for (int i = 0; i < FIELDS_BEFORE; i++)
        if (!(before[i] = next_word(&line)))
            return false;
    while ((word = next_word(&line)) && strcmp(word, "-") != 0)
        continue;
    type = next_word(&line);
    source = next_word(&line);
    options = next_word(&line);
    if (!word || !type || !source || !options || strlen(type) >= sizeof mount->type)
        return false;
    if (sscanf(before[2], "%9u:%9u%c", &mount->major, &mount->minor, &end) != 2)
        return false;
    snprintf(mount->type, sizeof mount->type, "%s", type);
    return has_option(options, "rw") && is_on_disk(mount, source) &&
           unescape(mount->point, sizeof mount->point, before[4]) && *mount->point == '/';
}

bool mounts_parse(struct mounts *mounts, const char *text)
{
    struct mount mount;

    mounts->count = 0;
    while (*text) {
        char line[LINE_SIZE];
        size_t length = strcspn(text, "\n");

        snprintf(line, sizeof line, "%.*s", length < sizeof line ? (int)length : 0, text);
        text += length + (text[length] == '\n');
        if (!parse_line(&mount, line))
            continue;
        if (mounts->count == MOUNTS_MAX)
            return false;
        mounts->item[mounts->count++] = mount;
    }
    return true;
}
