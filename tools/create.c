/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "create.h"

#include <stdio.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "maps.h"
#include "settings.h"
#include "snapconf.h"

/* ---- DOMAIN CONFIGFILE, or CONFIGFILE DOMAIN ----------------------------------------------------------- */

struct word {
    const char *text;
    bool is_file, is_domain;
};

static struct word look(struct xensnap *xensnap, const char *text)
{
    _cleanup_(map_freep) struct xensnap_map *vm = xensnap_vm(xensnap, text);
    struct stat st;

    return (struct word){
        .text = text,
        .is_file = stat(text, &st) == 0 && S_ISREG(st.st_mode),
        .is_domain = vm != NULL,
    };
}

static int no_file(const struct word *file, const struct word *domain, struct xensnap_error *error)
{
    return xensnap_error_set(error, XENSNAP_INVALID,
                             "there is no file %s, which would be the configuration file of a snapshot of %s",
                             file->text, domain->text);
}

static int unclear(const struct word *a, const struct word *b, struct xensnap_error *error)
{
    if (a->is_file && b->is_file)
        return xensnap_error_set(error, XENSNAP_INVALID, "%s and %s are both files and %s a domain: which is the "
                                                         "configuration file?  Say --config FILE",
                                 a->text, b->text, a->is_domain ? "each is also" : "neither is");
    return xensnap_error_set(error, XENSNAP_INVALID, "%s and %s: one is to be a domain and the other its configuration "
                                                     "file, but neither is a file%s",
                             a->text, b->text, a->is_domain ? "; to snapshot two domains, ask twice" : " or a domain");
}

int create_words(struct xensnap *xensnap, struct options *options, struct xensnap_error *error)
{
    struct word a, b;
    bool a_is_file;

    if (!options->either_order)
        return 0;
    a = look(xensnap, options->domain);
    b = look(xensnap, options->config);
    if (a.is_domain != b.is_domain) {
        a_is_file = b.is_domain;
        if (!(a_is_file ? a.is_file : b.is_file))
            return a_is_file ? no_file(&a, &b, error) : no_file(&b, &a, error);
    } else if (a.is_file != b.is_file) {
        a_is_file = a.is_file;
    } else {
        return unclear(&a, &b, error);
    }
    options->config = a_is_file ? a.text : b.text;
    options->domain = a_is_file ? b.text : a.text;
    options->either_order = false;
    return 0;
}

/* ---- the request --------------------------------------------------------------------------------------- */

static int put_uuid(struct xensnap *xensnap, const struct options *options, struct xensnap_map *request,
                    struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *vm = NULL;

    if (!settings_need_uuid(request))
        return 0;
    vm = xensnap_vm(xensnap, options->domain);
    if (!vm)
        return xensnap_error_set(error, XENSNAP_NOT_FOUND,
                                 "the UUID for " UUID_MARK " is not known: there is no domain %s",
                                 options->domain ? options->domain : "here");
    settings_put_uuid(request, map_text(vm, "vm"));
    return 0;
}

int create_request(struct xensnap *xensnap, const struct options *options, struct xensnap_map *request,
                   struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *file = map_new();

    if (settings_of_options(options, request, error) < 0 || put_uuid(xensnap, options, request, error) < 0)
        return -1;
    if (!options->config)
        return 0;
    if (snapconf_read(options->config, file, error) < 0 || put_uuid(xensnap, options, file, error) < 0)
        return -1;
    if (xensnap_map_get(file, "creationtime"))
        fprintf(stderr, "xensnap: create: creationtime in %s is ignored: a snapshot has the time at which it is made\n",
                options->config);
    return settings_add_file(request, options, file, options->config, error);
}
