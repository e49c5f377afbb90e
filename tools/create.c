/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "create.h"

#include <stdio.h>
#include <sys/stat.h>

#include "pairs.h"
#include "settings.h"
#include "snapconf.h"

/* ---- DOMAIN CONFIGFILE, or CONFIGFILE DOMAIN ----------------------------------------------------------- */

struct word {
    const char *text;
    bool is_file, is_domain;
};

static struct word look(struct client *client, const char *text)
{
    char vm[UUID_LENGTH + 1];
    struct stat st;

    return (struct word){
        .text = text,
        .is_file = stat(text, &st) == 0 && S_ISREG(st.st_mode),
        .is_domain = client_vm_find(client, text, vm),
    };
}

static int no_file(const struct word *file, const struct word *domain, struct err *err)
{
    return err_set(err, ERR_INVALID, "there is no file %s, which would be the configuration file of a snapshot of %s",
                   file->text, domain->text);
}

static int unclear(const struct word *a, const struct word *b, struct err *err)
{
    if (a->is_file && b->is_file)
        return err_set(err, ERR_INVALID,
                       "%s and %s are both files and %s a domain: which is the configuration file?  Say --config FILE",
                       a->text, b->text, a->is_domain ? "each is also" : "neither is");
    return err_set(err, ERR_INVALID, "%s and %s: one is to be a domain and the other its configuration file, "
                                     "but neither is a file%s", a->text, b->text,
                   a->is_domain ? "; to snapshot two domains, ask twice" : " or a domain");
}

int create_words(struct client *client, struct options *options, struct err *err)
{
    struct word a, b;
    bool a_is_file;

    if (!options->either_order)
        return 0;
    a = look(client, options->domain);
    b = look(client, options->config);
    if (a.is_domain != b.is_domain) {
        a_is_file = b.is_domain;
        if (!(a_is_file ? a.is_file : b.is_file))
            return a_is_file ? no_file(&a, &b, err) : no_file(&b, &a, err);
    } else if (a.is_file != b.is_file) {
        a_is_file = a.is_file;
    } else {
        return unclear(&a, &b, err);
    }
    options->config = a_is_file ? a.text : b.text;
    options->domain = a_is_file ? b.text : a.text;
    options->either_order = false;
    return 0;
}

/* ---- the request --------------------------------------------------------------------------------------- */

static int put_uuid(struct client *client, const struct options *options, struct pairs *pairs, struct err *err)
{
    char vm[UUID_LENGTH + 1];

    if (!settings_need_uuid(pairs))
        return 0;
    if (!client_vm_find(client, options->domain, vm))
        return err_set(err, ERR_NOT_FOUND, "the UUID for " UUID_MARK " is not known: there is no domain %s",
                       options->domain ? options->domain : "here");
    settings_put_uuid(pairs, vm);
    return 0;
}

int create_pairs(struct client *client, const struct options *options, struct pairs *pairs, struct err *err)
{
    struct pairs file = { 0 };

    if (settings_of_options(options, pairs, err) < 0 || put_uuid(client, options, pairs, err) < 0)
        return -1;
    if (!options->config)
        return 0;
    if (snapconf_read(options->config, &file, err) < 0 || put_uuid(client, options, &file, err) < 0)
        return -1;
    if (*pairs_get(&file, "creationtime"))
        fprintf(stderr, "xensnap: create: creationtime in %s is ignored: a snapshot has the time at which it is made\n",
                options->config);
    return settings_add_file(pairs, options, &file, options->config, err);
}
