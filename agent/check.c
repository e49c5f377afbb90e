/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_who.h"
#include "checks.h"
#include "cleanup.h"
#include "conf.h"
#include "json.h"
#include "log.h"
#include "look.h"
#include "xenstore.h"

enum {
    LOOKS_MAX = 4, /* at a VM in whose directory something changes meanwhile */
    ANSWER_SECONDS = 10,
};

struct check {
    bool json, data, protect;
    const char *config, *store, *word; /* or NULL */
    struct control control;
    struct store *opened;
    struct xl *xl; /* or NULL */
    struct json_writer *writer; /* or NULL */
    size_t problems;
    bool unlooked;
};

static const char usage[] =
    "Usage: xensnap-worker --check [--json] [--data] [--config FILE] [--store DIR] [DOMAIN]\n"
    "Looks at what is stored of VMs, or of one, and says what is wrong with it.  It only reads.\n";

static int refuse(const struct check *check, const struct err *err)
{
    fprintf(stderr, "xensnap: check: %s: %s\n", err_word(err->code), err->text);
    if (check->json)
        printf("{\"error\":\"%s\"}\n", err_word(err->code));
    return CHECK_NOT_LOOKED;
}

/* ---- one VM ---------------------------------------------------------------------------------------------- */

static void run_checks(struct look *look)
{
    check_records(look);
    if (look->under_way) {
        problems_note(look->problems, "operation", "one is being done on this VM; what it changes is not looked at");
        return;
    }
    check_images(look);
    check_ledger(look);
    check_files(look);
    check_config(look);
    check_protect(look);
    check_unknown(look);
}

static void begin_again(struct problems *problems, const char *vm)
{
    problems_deinit(problems);
    memcpy(problems->vm, vm, UUID_LENGTH + 1);
}

static void look_once(const struct check *check, struct look *look, struct problems *problems)
{
    struct err err;

    if (look_begin(look, check->opened, check->xl, problems, &err) < 0 && err.code != ERR_NOT_FOUND) {
        problems_note(problems, "directory", "%s", err.text);
        problems->unlooked = true;
    } else if (look->opened) {
        look->protect = check->protect;
        run_checks(look);
    }
}

static void give_up(struct problems *problems, const char *vm)
{
    char name[sizeof problems->name];

    memcpy(name, problems->name, sizeof name);
    begin_again(problems, vm);
    memcpy(problems->name, name, sizeof name);
    problems_note(problems, "directory", "something was done on it all the while; check it again");
    problems->unlooked = true;
}

/* What is seen while an operation begins or ends does not belong together, and is looked at again.  The data, which
 * takes hours, is read once. */
static void look_at(const struct check *check, const char *vm, struct problems *problems)
{
    struct look look;
    bool steady = false;

    for (int i = 0; i < LOOKS_MAX && !steady; i++) {
        if (i > 0)
            look_end(&look);
        begin_again(problems, vm);
        look_once(check, &look, problems);
        steady = look_is_steady(&look);
    }
    if (!steady)
        give_up(problems, vm);
    else if (check->data && look.opened)
        check_data(&look);
    look_end(&look);
}

static void check_vm(struct check *check, const char *vm)
{
    struct problems problems = { .count = 0 };

    look_at(check, vm, &problems);
    if (check->writer)
        problems_put_json(&problems, check->writer);
    else
        problems_print(&problems);
    fflush(stdout);
    check->problems += problems.count;
    check->unlooked |= problems.unlooked;
    problems_deinit(&problems);
}

/* ---- all of them ----------------------------------------------------------------------------------------- */

static void check_vms(struct check *check, const struct vms *vms)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = check->json ? json_writer_new(true) : NULL;

    check->writer = writer;
    if (writer)
        json_array(writer, NULL);
    for (size_t i = 0; i < vms->count; i++)
        check_vm(check, vms->uuid[i]);
    if (!writer)
        return;
    json_end_array(writer);
    fputs(json_text(writer), stdout);
}

/* Another's directory would be made where it is missing. */
static int open_store(struct check *check, struct err *err)
{
    struct conf conf = conf_default, file = { .workers = 0 };

    if (!check->store && conf_read(&file, check->config ? check->config : CONF_PATH, check->config, err) < 0)
        return -1;
    conf_overlay(&conf, &file);
    check->protect = conf.protect;
    if (check->store)
        snprintf(conf.store, sizeof conf.store, "%s", check->store);
    if (access(conf.store, F_OK) < 0)
        return err_errno(err, "the store %s", conf.store);
    return store_open(&check->opened, conf.store, err);
}

/* For a process that may wait for ever: libxenstore falls back on the kernel's device, behind which nobody answers when
 * xenstored has died. */
static void ask_xenstored(void)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    struct err err;

    if (xenstore_open(&xs, &err) < 0)
        _exit(1);
    xenstore_exists(xs, "/local/domain/0");
    _exit(0);
}

static bool xenstored_answers(void)
{
    pid_t child = fork();
    struct pollfd pollfd = { .fd = -1, .events = POLLIN };
    int status = 1;

    if (child == 0)
        ask_xenstored();
    if (child < 0)
        return false;
    pollfd.fd = (int)syscall(SYS_pidfd_open, child, 0);
    if (pollfd.fd < 0 || poll(&pollfd, 1, ANSWER_SECONDS * 1000) <= 0)
        kill(child, SIGKILL);
    closep(&pollfd.fd);
    return waitpid(child, &status, 0) == child && status == 0;
}

static void open_libxl(struct check *check)
{
    struct err err;

    if (!xenstored_answers())
        err_set(&err, ERR_XEN, "xenstored does not answer");
    else if (xl_open(&check->xl, &check->control, &err) == 0)
        return;
    fprintf(stderr, "xensnap: check: what runs is not looked at: %s\n", err.text);
    check->xl = NULL;
}

static int run(struct check *check)
{
    _cleanup_(vms_deinit) struct vms vms = { .count = 0 };
    struct err err;

    if (open_store(check, &err) < 0)
        return refuse(check, &err);
    open_libxl(check);
    if (vms_find(&vms, check->opened, check->xl, check->word, &err) < 0)
        return refuse(check, &err);
    check_vms(check, &vms);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        err_errno(&err, "cannot write to stdout");
        return refuse(check, &err);
    }
    if (check->problems)
        return CHECK_PROBLEMS;
    return check->unlooked ? CHECK_NOT_LOOKED : CHECK_WELL;
}

static int take_words(struct check *check, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "json", no_argument, NULL, 'j' },         { "data", no_argument, NULL, 'd' },
        { "config", required_argument, NULL, 'c' }, { "store", required_argument, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        switch (option) {
        case 'j': check->json = true; break;
        case 'd': check->data = true; break;
        case 'c': check->config = optarg; break;
        case 's': check->store = optarg; break;
        default: return -1;
        }
    if (optind < argc)
        check->word = argv[optind++];
    return optind < argc ? -1 : 0;
}

int check_main(int argc, char **argv)
{
    struct check check = { .control = { .fd = -1 } };
    int code;

    if (take_words(&check, argc, argv) < 0) {
        fputs(usage, stderr);
        return CHECK_NOT_LOOKED;
    }
    log_set_level(LOG_LEVEL_ERROR); /* what readers would log is told as a problem */
    code = run(&check);
    xl_close(check.xl);
    store_close(check.opened);
    return code;
}
