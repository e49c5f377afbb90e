/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains of the double, for scripts: what an administrator's xl does, and what a guest does to itself.
 *   domain create [-p]              builds a domain from the configuration on stdin and lets it run; prints its domid
 *   domain life DOMID               running, paused, suspended, shutdown or dying; exit code 1 where there is none
 *   domain list                     "DOMID UUID LIFE" a line
 *   domain config DOMID             its stored configuration
 *   domain disks DOMID              "VDEV FORMAT TARGET" a line
 *   domain pause|unpause|resume|destroy DOMID
 *   domain shutdown DOMID REASON    the guest does it: poweroff, reboot, crash, suspend, watchdog
 *   domain write DOMID VDEV "COMMAND" [MEMORY]   the guest does it, if it runs (else exit code 3): a qemu-io command on
 *                                   its disk; MEMORY is what it holds in memory from then on
 *   domain memory DOMID             what the guest holds in memory */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "qemu.h"
#include "reaper.h"
#include "table.h"

enum { WRITE_SECONDS = 60, DOES_NOT_RUN = 3 };

static const char *const lives[] = { [XL_RUNNING] = "running", [XL_PAUSED] = "paused", [XL_SUSPENDED] = "suspended",
                                     [XL_SHUT_DOWN] = "shutdown", [XL_DYING] = "dying" };

struct call {
    struct xl *xl;
    unsigned domid;
    int argc; /* of what follows the domid */
    char **argv;
};

static int do_create(struct call *call, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    bool paused = call->argc > 0 && strcmp(call->argv[0], "-p") == 0;
    static char text[64 << 10];
    unsigned domid;

    text[fread(text, 1, sizeof text - 1, stdin)] = '\0';
    if (xl_config_parse(call->xl, text, &config, err) < 0 || xl_create(call->xl, config, &domid, err) < 0)
        return -1;
    printf("%u\n", domid);
    return paused ? 0 : xl_unpause(call->xl, domid, err);
}

static int do_life(struct call *call, struct err *err)
{
    struct xl_domain domain;

    if (xl_look(call->xl, call->domid, &domain, err) < 0)
        return -1;
    puts(lives[domain.life]);
    return 0;
}

static int do_list(struct call *call, struct err *err)
{
    struct guest guests[GUESTS_MAX];
    size_t count = table_list(guests);

    (void)call, (void)err;
    for (size_t i = 0; i < count; i++) {
        struct xl_domain domain;

        table_describe(&guests[i], &domain);
        printf("%u %s %s\n", domain.domid, domain.uuid, lives[domain.life]);
    }
    return 0;
}

static int do_config(struct call *call, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) char *text = NULL;

    if (xl_config_read(call->xl, call->domid, &config, err) < 0)
        return -1;
    text = xl_config_format(call->xl, config);
    fputs(text, stdout);
    return 0;
}

static int do_disks(struct call *call, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;

    if (xl_config_read(call->xl, call->domid, &config, err) < 0)
        return -1;
    for (size_t i = 0; i < config->count; i++)
        printf("%s %s %s\n", config->disks[i].vdev, config->disks[i].format, config->disks[i].target);
    return 0;
}

static int do_pause(struct call *call, struct err *err)
{
    return xl_pause(call->xl, call->domid, err);
}

static int do_unpause(struct call *call, struct err *err)
{
    return xl_unpause(call->xl, call->domid, err);
}

static int do_resume(struct call *call, struct err *err)
{
    return xl_resume(call->xl, call->domid, err);
}

static int do_destroy(struct call *call, struct err *err)
{
    return xl_destroy(call->xl, call->domid, err);
}

static int do_shutdown(struct call *call, struct err *err)
{
    _cleanup_(closep) int held = -1;
    struct guest guest;

    if (call->argc < 1)
        return err_set(err, ERR_INVALID, "shutdown takes a reason");
    if (table_hold(call->domid, &guest, &held, err) < 0)
        return -1;
    snprintf(guest.shutdown, sizeof guest.shutdown, "%s", call->argv[0]);
    return table_put(&guest, err);
}

static int set_memory(unsigned domid, const char *text, struct err *err)
{
    char path[DOUBLE_PATH];

    double_path(path, "domains/%u/memory", domid);
    return double_write(path, text, strlen(text), err);
}

static int write_disk(unsigned domid, const char *vdev, const char *command, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    _cleanup_(freep) char *line = NULL;

    if (asprintf(&line, "qemu-io -d /machine/peripheral/%s/virtio-backend \"%s\"", vdev, command) < 0)
        return err_set(err, ERR_IO, "out of memory");
    json_object(w, NULL);
    json_put_string(w, "execute", "human-monitor-command");
    json_object(w, "arguments");
    json_put_string(w, "command-line", line);
    json_end_object(w);
    json_end_object(w);
    return qemu_call(domid, "writer", json_text(w), WRITE_SECONDS, err);
}

static int do_write(struct call *call, struct err *err)
{
    _cleanup_(closep) int held = -1;

    if (call->argc < 2)
        return err_set(err, ERR_INVALID, "write takes a disk and a command");
    if (!table_run(call->domid, &held))
        exit(DOES_NOT_RUN);
    if (write_disk(call->domid, call->argv[0], call->argv[1], err) < 0)
        return -1;
    return call->argc > 2 ? set_memory(call->domid, call->argv[2], err) : 0;
}

static int do_memory(struct call *call, struct err *err)
{
    char path[DOUBLE_PATH];
    _cleanup_(freep) char *text = NULL;

    (void)err;
    double_path(path, "domains/%u/memory", call->domid);
    text = double_read(path, NULL);
    puts(text ? text : "");
    return 0;
}

static const struct {
    const char *word;
    bool of_domain; /* takes a domid */
    int (*call)(struct call *call, struct err *err);
} commands[] = {
    { "create", false, do_create }, { "list", false, do_list },        { "life", true, do_life },
    { "config", true, do_config },  { "disks", true, do_disks },       { "pause", true, do_pause },
    { "resume", true, do_resume },  { "unpause", true, do_unpause },   { "destroy", true, do_destroy },
    { "write", true, do_write },    { "shutdown", true, do_shutdown }, { "memory", true, do_memory },
};

static int run(int argc, char **argv, struct err *err)
{
    struct call call = { .argc = argc - 2, .argv = argv + 2 };
    int rc;

    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].word, argv[1]) != 0)
            continue;
        if (commands[i].of_domain && (call.argc-- < 1 || !domid_parse(*call.argv++, &call.domid)))
            break;
        if (xl_open(&call.xl, NULL, err) < 0)
            return -1;
        rc = commands[i].call(&call, err);
        xl_close(call.xl);
        return rc;
    }
    return err_set(err, ERR_INVALID, "domain: see the head of domain-main.c");
}

int main(int argc, char **argv)
{
    struct err err;
    unsigned domid;

    if (argc == 3 && strcmp(argv[1], "reap") == 0 && domid_parse(argv[2], &domid))
        return reaper_main(domid);
    if (run(argc, argv, &err) == 0)
        return 0;
    fprintf(stderr, "domain: %s\n", err.text);
    return 1;
}
