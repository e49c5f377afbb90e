/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "userdata.h"
#include "xl_internal.h"

enum { LOCK_SECONDS = 10 };

static struct xl_config *config_new(void)
{
    struct xl_config *config = calloc(1, sizeof *config);

    if (config)
        libxl_domain_config_init(&config->config);
    return config;
}

struct xl_config *xl_config_free(struct xl_config *config)
{
    if (config) {
        libxl_domain_config_dispose(&config->config);
        free(config);
    }
    return NULL;
}

int xl_config_read(struct xl *xl, unsigned domid, struct xl_config **out, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = config_new();

    if (!config)
        return err_set(err, ERR_IO, "out of memory");
    if (xl_finish(xl, libxl_retrieve_domain_configuration(xl->ctx, domid, &config->config, &xl->how),
                  "reading the domain's configuration", err) < 0)
        return -1;
    config->config.c_info.domid = 0; /* any: a domid that was just in use is refused for a minute */
    *out = config;
    config = NULL;
    return 0;
}

int xl_config_parse(struct xl *xl, const char *json, struct xl_config **out, struct err *err)
{
    struct xl_config *config = config_new();

    if (!config)
        return err_set(err, ERR_IO, "out of memory");
    if (libxl_domain_config_from_json(xl->ctx, &config->config, json)) {
        xl_config_free(config);
        return err_set(err, ERR_CORRUPT, "the stored configuration cannot be read by this libxl");
    }
    *out = config;
    return 0;
}

char *xl_config_format(struct xl *xl, struct xl_config *config)
{
    return libxl_domain_config_to_json(xl->ctx, &config->config);
}

const char *xl_config_name(const struct xl_config *config)
{
    return config->config.c_info.name ? config->config.c_info.name : "";
}

static const char *format_word(libxl_disk_format format)
{
    const char *word = libxl_disk_format_to_string(format);

    return word ? word : "unknown";
}

void xl_config_set_disk(struct xl_config *config, const char *vdev, const char *path, const char *format)
{
    libxl_domain_config *d = &config->config;

    for (int i = 0; i < d->num_disks; i++) {
        libxl_device_disk *disk = &d->disks[i];

        if (!disk->vdev || strcmp(disk->vdev, vdev) != 0)
            continue;
        free(disk->pdev_path);
        disk->pdev_path = strdup(path);
        disk->backend = LIBXL_DISK_BACKEND_QDISK;
        libxl_disk_format_from_string(format, &disk->format);
    }
}

void xl_config_set_mark(struct xl_config *config, const char *mark)
{
    libxl_key_value_list *nodes = &config->config.c_info.xsdata;

    libxl_key_value_list_dispose(nodes);
    *nodes = calloc(3, sizeof **nodes); /* a name, its value, and an end */
    if (!*nodes)
        return;
    (*nodes)[0] = strdup(XL_MARK_NODE);
    (*nodes)[1] = strdup(mark);
}

/* ---- what libxl has stored for a running domain ---------------------------------------------------------- */

static int find_userdata(struct xl *xl, unsigned domid, struct userdata *userdata, struct err *err)
{
    struct xl_domain domain;

    if (xl_look(xl, domid, &domain, err) < 0)
        return -1;
    *userdata = (struct userdata){ .dir = USERDATA_DIR, .domid = domid };
    memcpy(userdata->uuid, domain.uuid, sizeof userdata->uuid);
    return 0;
}

static int read_stored(struct xl *xl, const struct userdata *userdata, struct xl_config **out, struct err *err)
{
    _cleanup_(freep) char *json = userdata_read(userdata);

    if (!json)
        return err_set(err, ERR_XEN, "libxl has no stored configuration of the domain");
    return xl_config_parse(xl, json, out, err);
}

struct change {
    const char *vdev, *path, *format; /* VDEV NULL: it was not populated on demand */
};

static bool is_done(const struct xl_config *config, const struct change *change)
{
    const libxl_domain_config *d = &config->config;

    if (!change->vdev)
        return d->b_info.target_memkb == d->b_info.max_memkb;
    for (int i = 0; i < d->num_disks; i++) {
        const libxl_device_disk *disk = &d->disks[i];

        if (disk->vdev && strcmp(disk->vdev, change->vdev) == 0 &&
            (disk->backend != LIBXL_DISK_BACKEND_QDISK || !disk->pdev_path ||
             strcmp(disk->pdev_path, change->path) != 0 || strcmp(format_word(disk->format), change->format) != 0))
            return false;
    }
    return true;
}

static void make_change(struct xl_config *config, const struct change *change)
{
    if (change->vdev)
        xl_config_set_disk(config, change->vdev, change->path, change->format);
    else
        config->config.b_info.target_memkb = config->config.b_info.max_memkb;
}

/* With the lock held. */
static int change_held(struct xl *xl, const struct userdata *userdata, const struct change *change, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) char *json = NULL;

    if (read_stored(xl, userdata, &config, err) < 0)
        return -1;
    make_change(config, change);
    json = xl_config_format(xl, config);
    return json ? userdata_write(userdata, json, err)
                : err_set(err, ERR_XEN, "libxl cannot write the configuration");
}

/* Nothing is waited for where it is as it should be: a guest may be standing still. */
static int change_stored(struct xl *xl, unsigned domid, const struct change *change, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *now = NULL;
    struct userdata userdata;
    int lock, rc;

    if (find_userdata(xl, domid, &userdata, err) < 0 || read_stored(xl, &userdata, &now, err) < 0)
        return -1;
    if (is_done(now, change))
        return 0;
    lock = userdata_lock(&userdata, LOCK_SECONDS, err);
    if (lock < 0)
        return -1;
    rc = change_held(xl, &userdata, change, err);
    userdata_unlock(&userdata, lock);
    return rc;
}

/* libxl's own call waits for its lock without a limit, while a guest may be standing still. */
bool xl_is_built(struct xl *xl, unsigned domid)
{
    _cleanup_(freep) char *json = NULL;
    struct userdata userdata;
    struct err err;

    if (find_userdata(xl, domid, &userdata, &err) == 0)
        json = userdata_read(&userdata);
    return json && *json;
}

int xl_config_store_disk(struct xl *xl, unsigned domid, const char *vdev, const char *path, const char *format,
                         struct err *err)
{
    return change_stored(xl, domid, &(struct change){ .vdev = vdev, .path = path, .format = format }, err);
}

int xl_config_store_populated(struct xl *xl, unsigned domid, struct err *err)
{
    return change_stored(xl, domid, &(struct change){ .vdev = NULL }, err);
}

/* ---- what cannot be done ------------------------------------------------------------------------------ */

static int refuse(struct err *err, const char *what)
{
    return err_set(err, ERR_UNSUPPORTED, "the domain has %s, which a memory image does not hold", what);
}

static bool has_userdata(struct xl *xl, unsigned domid, const char *name)
{
    uint8_t *data = NULL;
    int length = 0;
    bool has;

    has = libxl_userdata_retrieve(xl->ctx, domid, name, &data, &length) == 0 && data && length > 0;
    free(data);
    return has;
}

/* libxl_defbool_val() aborts on one that was left to libxl. */
static bool is_on(libxl_defbool value)
{
    return !libxl_defbool_is_default(value) && libxl_defbool_val(value);
}

/* Saving asks for every page, and the pool of a domain that has not ballooned down yet has too few.  libxl builds
 * a domain so if it gets less than it may grow to; what it was built with stands in the stored configuration,
 * while a read one holds what a balloon has left it since. */
static int check_populated(struct xl *xl, unsigned domid, const libxl_domain_config *d, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *stored = NULL;
    struct userdata userdata;

    if (d->c_info.type == LIBXL_DOMAIN_TYPE_PV)
        return 0;
    if (find_userdata(xl, domid, &userdata, err) < 0 || read_stored(xl, &userdata, &stored, err) < 0)
        return -1;
    if (stored->config.b_info.target_memkb < d->b_info.max_memkb)
        return refuse(err, "memory populated on demand (memory below maxmem)");
    return 0;
}

/* What is neither in the memory image nor in the stored configuration. */
static int check_memory(const libxl_domain_config *d, struct err *err)
{

    if (d->num_pcidevs || d->num_dtdevs || d->num_rdms)
        return refuse(err, "a passed-through device");
    if (d->num_vtpms)
        return refuse(err, "a vTPM");
    if (d->num_usbdevs)
        return refuse(err, "a passed-through USB device");
    if (d->b_info.num_vnuma_nodes)
        return refuse(err, "a vNUMA layout");
    if (is_on(d->b_info.nested_hvm))
        return refuse(err, "nested virtualisation");
    if (d->b_info.altp2m != LIBXL_ALTP2M_MODE_DISABLED)
        return refuse(err, "alternate memory views (altp2m)");
    return 0;
}

int xl_config_check(struct xl *xl, unsigned domid, const struct xl_config *config, struct xl_intent intent,
                    struct err *err)
{
    const libxl_domain_config *d = &config->config;

    if (intent.memory && check_memory(d, err) < 0)
        return -1;
    if (intent.saves && check_populated(xl, domid, d, err) < 0)
        return -1;
    if (is_on(d->b_info.device_model_stubdomain))
        return err_set(err, ERR_UNSUPPORTED,
                       "the domain has a device model stubdomain, whose disks cannot be reached");
    if (is_on(d->b_info.dm_restrict))
        return err_set(err, ERR_UNSUPPORTED,
                       "the domain has a restricted device model (dm_restrict), which cannot open new images");
    for (int i = 0; i < d->num_disks; i++)
        if (d->disks[i].backend_domid || d->disks[i].backend_domname)
            return err_set(err, ERR_UNSUPPORTED, "disk %s is served by a driver domain", d->disks[i].vdev);
    /* libvirt keeps its own configuration, and misses what happens to a domain after a suspend that was not
     * its own. */
    if ((intent.memory || intent.switches) && has_userdata(xl, domid, "libvirt-xml"))
        return err_set(err, ERR_UNSUPPORTED,
                       "the domain is libvirt's, which would lose track of it; possible are internal disk-only "
                       "snapshots, listing and deleting them");
    /* the text of an update, which xl takes at the next reboot in the place of libxl's configuration */
    if (intent.switches && has_userdata(xl, domid, "xl"))
        return err_set(err, ERR_UNSUPPORTED,
                       "an xl config-update waits for the domain's next reboot and names its disks as they "
                       "were; reboot the domain first");
    return 0;
}

size_t xl_config_disks(const struct xl_config *config, struct xl_disk *disks, size_t size)
{
    const libxl_domain_config *d = &config->config;
    size_t count = 0;

    for (int i = 0; i < d->num_disks && count < size; i++) {
        const libxl_device_disk *from = &d->disks[i];
        struct xl_disk *disk = &disks[count++];

        *disk = (struct xl_disk){
            /* not said: libxl takes qdisk for anything that is a file */
            .qdisk = from->backend == LIBXL_DISK_BACKEND_QDISK ||
                     (from->backend == LIBXL_DISK_BACKEND_UNKNOWN && from->format != LIBXL_DISK_FORMAT_RAW),
            .writable = from->readwrite,
            .cdrom = from->is_cdrom,
        };
        snprintf(disk->vdev, sizeof disk->vdev, "%s", from->vdev ? from->vdev : "");
        snprintf(disk->target, sizeof disk->target, "%s", from->pdev_path ? from->pdev_path : "");
        snprintf(disk->format, sizeof disk->format, "%s", format_word(from->format));
    }
    return count;
}

char *xl_config_disk_line(const struct xl_config *config)
{
    const libxl_domain_config *d = &config->config;
    char *line = NULL;
    size_t size;
    FILE *stream = open_memstream(&line, &size);

    if (!stream)
        return NULL;
    fputs("disk = [ ", stream);
    for (int i = 0; i < d->num_disks; i++) {
        const libxl_device_disk *disk = &d->disks[i];

        fprintf(stream, "%s\"vdev=%s,%saccess=%s", i ? ", " : "", disk->vdev, disk->is_cdrom ? "devtype=cdrom," : "",
                disk->readwrite ? "rw" : "ro");
        if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN)
            fprintf(stream, ",backendtype=%s", libxl_disk_backend_to_string(disk->backend));
        if (disk->script)
            fprintf(stream, ",script=%s", disk->script);
        if (disk->format != LIBXL_DISK_FORMAT_EMPTY && disk->format != LIBXL_DISK_FORMAT_UNKNOWN)
            fprintf(stream, ",format=%s", format_word(disk->format));
        if (disk->pdev_path)
            fprintf(stream, ",target=%s", disk->pdev_path); /* last: it takes the rest of the text */
        fputs("\"", stream);
    }
    fputs(" ]\n", stream);
    fclose(stream);
    return line;
}

static enum xl_action action_from(libxl_action_on_shutdown action)
{
    switch (action) {
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART: return XL_ACTION_RESTART;
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME: return XL_ACTION_RENAME_RESTART;
    case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE: return XL_ACTION_PRESERVE;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY: return XL_ACTION_COREDUMP_DESTROY;
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART: return XL_ACTION_COREDUMP_RESTART;
    case LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET: return XL_ACTION_SOFT_RESET;
    default: return XL_ACTION_DESTROY;
    }
}

enum xl_action xl_config_action(const struct xl_config *config, enum xl_end end)
{
    const libxl_domain_config *d = &config->config;

    switch (end) {
    case XL_END_REBOOT: return action_from(d->on_reboot);
    case XL_END_CRASH: return action_from(d->on_crash);
    case XL_END_WATCHDOG: return action_from(d->on_watchdog);
    case XL_END_SOFT_RESET: return action_from(d->on_soft_reset);
    default: return action_from(d->on_poweroff);
    }
}

int xl_config_need_memory(struct xl *xl, const struct xl_config *config, long long *kb, struct err *err)
{
    libxl_domain_config copy;
    uint64_t need = 0;
    int rc;

    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(xl->ctx, &copy, &config->config);
    rc = libxl_domain_need_memory(xl->ctx, &copy, INVALID_DOMID, &need);
    libxl_domain_config_dispose(&copy);
    *kb = (long long)need;
    return rc ? err_set(err, ERR_XEN, "cannot tell how much memory the domain needs (libxl %d)", rc) : 0;
}

int xl_free_memory(struct xl *xl, long long *kb, struct err *err)
{
    uint64_t free_kb = 0;
    int rc = libxl_get_free_memory(xl->ctx, &free_kb);

    *kb = (long long)free_kb;
    return rc ? err_set(err, ERR_XEN, "cannot tell how much memory is free (libxl %d)", rc) : 0;
}
