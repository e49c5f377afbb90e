/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "way_out.h"

#include <stdio.h>
#include <string.h>

#include "images.h"

static void append(struct err *why, const char *way)
{
    size_t room = sizeof why->text - 1, length = strlen(way);
    char text[sizeof why->text];

    snprintf(text, sizeof text, "%.*s%s", length < room ? (int)(room - length) : 0, why->text, way);
    memcpy(why->text, text, sizeof text);
}

void way_out_accept(struct err *why, const char *vm, const char *when)
{
    char way[160];

    snprintf(way, sizeof way, "; %.80s: xensnap accept %s", when, vm);
    append(why, way);
}

void way_out_of_image(struct err *why, const char *vm, const struct image *image, bool in_use)
{
    char way[sizeof why->text];

    if (image_is_handed_over(image))
        snprintf(way, sizeof way, "; it was released, and nothing is done before it is moved away or removed");
    else if (image->role == IMAGE_CONTENT)
        snprintf(way, sizeof way, "; give the snapshot up: xensnap release %s %s", vm, image->snapshot);
    else if (in_use) {
        way_out_accept(why, vm, "when it can be read");
        return;
    } else
        snprintf(way, sizeof way, "; if nobody needs it: xensnap release %s %.200s", vm, image->path);
    append(why, way);
}
