/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nodes.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "qmp.h"

enum { QUERY_SECONDS = 60, XEN_VENDOR = 0x5853 };

void nodes_deinit(struct nodes *nodes)
{
    json_free(nodes->devices);
    json_free(nodes->all);
    *nodes = (struct nodes){ 0 };
}

/* QEMU's drives have names, and what Xen attaches has none. */
static bool is_emulated_disk(const struct json *device)
{
    const char *name = json_string(json_get(device, "device"));
    const struct json *inserted = json_get(device, "inserted");

    return name && *name && inserted && !json_true(json_get(inserted, "ro"));
}

static bool has_emulated_disk(const struct nodes *nodes)
{
    const struct json *devices = json_get(nodes->devices, "return");

    for (size_t i = 0; i < json_count(devices); i++)
        if (is_emulated_disk(json_at(devices, i)))
            return true;
    return false;
}

/* By way of Xen's platform device a guest finds its PV disks and gives up the emulated ones. */
static int look_for_platform(struct nodes *nodes, struct qmp *qmp, struct err *err)
{
    _cleanup_(json_freep) struct json *reply = NULL;
    const struct json *buses;

    if (qmp_call(qmp, "query-pci", NULL, QUERY_SECONDS, &reply, err) < 0)
        return -1;
    nodes->emulated = true;
    buses = json_get(reply, "return");
    for (size_t i = 0; i < json_count(buses); i++) {
        const struct json *devices = json_get(json_at(buses, i), "devices");

        for (size_t j = 0; j < json_count(devices); j++)
            if (json_integer(json_get(json_get(json_at(devices, j), "id"), "vendor"), 0) == XEN_VENDOR)
                nodes->emulated = false;
    }
    return 0;
}

int nodes_load(struct nodes *nodes, struct qmp *qmp, struct err *err)
{
    nodes_deinit(nodes);
    if (qmp_call(qmp, "query-block", NULL, QUERY_SECONDS, &nodes->devices, err) < 0 ||
        (has_emulated_disk(nodes) && look_for_platform(nodes, qmp, err) < 0))
        return -1;
    return qmp_call(qmp, "query-named-block-nodes", "{\"flat\":true}", QUERY_SECONDS, &nodes->all, err);
}

/* QEMU's name for an image is a path, or, where a link was given by us and not by the file's header, JSON. */
static void read_path(const struct json *name, char path[PATH_SIZE])
{
    const char *text = json_string(name);
    _cleanup_(json_freep) struct json *spec = NULL;

    if (text && strncmp(text, "json:", 5) == 0) {
        spec = json_parse(text + 5);
        text = json_string(json_get(json_get(spec, "file"), "filename"));
        if (!text)
            text = json_string(json_get(spec, "file.filename"));
    }
    snprintf(path, PATH_SIZE, "%s", text ? text : "");
}

/* The file that is looked for; and that one of QEMU's could not be looked at, which may be this one. */
struct sought {
    struct stat file;
    bool unknown;
    struct err *err;
};

static bool is_image(const struct json *name, struct sought *image)
{
    char path[PATH_SIZE];
    struct stat st;
    int there;

    read_path(name, path);
    there = *path ? file_look(path, &st, image->err) : 0;
    image->unknown |= there < 0;
    return there > 0 && st.st_dev == image->file.st_dev && st.st_ino == image->file.st_ino;
}

static bool holds_tag(const struct json *image, const char *tag)
{
    const struct json *snapshots = json_get(image, "snapshots");

    for (size_t i = 0; tag && i < json_count(snapshots); i++) {
        const char *name = json_string(json_get(json_at(snapshots, i), "name"));

        if (name && strcmp(name, tag) == 0)
            return true;
    }
    return false;
}

/* The image somewhere below the top of a device. */
static bool stands_on(const struct json *inserted, struct sought *image)
{
    const struct json *below = json_get(json_get(inserted, "image"), "backing-image");

    for (; below; below = json_get(below, "backing-image"))
        if (is_image(json_get(below, "filename"), image))
            return true;
    return false;
}

/* The format node of the image, and the file node below it, which has the same file. */
static void find_name(const struct nodes *nodes, struct sought *image, const char *tag, struct node *node)
{
    const struct json *all = json_get(nodes->all, "return");
    int files = 0;

    for (size_t i = 0; i < json_count(all); i++) {
        const struct json *one = json_at(all, i), *active = json_get(one, "active");
        const char *driver = json_string(json_get(one, "drv"));

        if (!driver || !is_image(json_get(one, "file"), image))
            continue;
        if (strcmp(driver, "file") == 0) {
            json_copy(one, "node-name", node->file, ++files == 1 ? sizeof node->file : 1);
            continue;
        }
        if (!json_copy(json_get(one, "image"), "full-backing-filename", node->backing, sizeof node->backing))
            json_copy(json_get(one, "image"), "backing-filename", node->backing, sizeof node->backing);
        json_copy(one, "node-name", node->name, sizeof node->name);
        node->tagged = holds_tag(json_get(one, "image"), tag);
        node->active = !active || json_true(active); /* QEMU before 10 does not say */
    }
}

static void find_role(const struct nodes *nodes, struct sought *image, const char *tag, struct node *node)
{
    const struct json *devices = json_get(nodes->devices, "return");

    for (size_t i = 0; i < json_count(devices); i++) {
        const struct json *inserted = json_get(json_at(devices, i), "inserted");

        if (nodes->emulated && !is_emulated_disk(json_at(devices, i))) {
            node->pinned |= stands_on(inserted, image);
            continue;
        }
        if (is_image(json_get(inserted, "file"), image)) {
            bool writes = !json_true(json_get(inserted, "ro"));

            node->role = NODE_TOP;
            node->writers += writes;
            if (writes || node->writers == 0) {
                json_copy(inserted, "node-name", node->name, sizeof node->name);
                node->tagged = holds_tag(json_get(inserted, "image"), tag);
            }
            memcpy(node->top, node->name, sizeof node->top);
            read_path(json_get(inserted, "file"), node->top_file);
        } else if (node->role == NODE_ABSENT && stands_on(inserted, image)) {
            node->role = NODE_BELOW;
            json_copy(inserted, "node-name", node->top, sizeof node->top);
            read_path(json_get(inserted, "file"), node->top_file);
        }
    }
}

int nodes_find(const struct nodes *nodes, const char *image, const char *tag, struct node *node, struct err *err)
{
    struct sought sought = { .err = err };
    int there = file_look(image, &sought.file, err);

    *node = (struct node){ .role = NODE_ABSENT };
    if (there <= 0)
        return there;
    find_name(nodes, &sought, tag, node);
    find_role(nodes, &sought, tag, node);
    return sought.unknown ? -1 : 0;
}
