/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "xl_internal.h"

int xl_save(struct xl *xl, unsigned domid, int fd, enum xl_save_kind kind, struct xl_saved *saved,
            struct err *err)
{
    int rc;

    xl->saved = (struct xl_saved){ 0 };
    rc = libxl_domain_suspend(xl->ctx, domid, fd, kind == XL_SAVE_LIVE ? LIBXL_SUSPEND_LIVE : 0, &xl->how);
    rc = xl_finish(xl, rc, "saving the memory", err);
    *saved = xl->saved;
    return rc;
}

/* CONFIG says how large the domain was, and libxl stores that as what it was built with; but a restore leaves
 * nothing to be populated on demand, and the next snapshot must not be refused for it. */
static void forget_demand(struct xl *xl, unsigned domid)
{
    struct err err;

    if (xl_config_store_populated(xl, domid, &err) < 0)
        log_warning("domain %u: %s", domid, err.text);
}

int xl_restore(struct xl *xl, struct xl_config *config, int fd, unsigned *domid, struct err *err)
{
    libxl_domain_config *d = &config->config;
    libxl_domain_restore_params params;
    uint32_t new_domid = INVALID_DOMID;
    int rc;

    libxl_domain_restore_params_init(&params);
    params.stream_version = 2; /* its own default is the stream of Xen 4.5 and before */
    d->c_info.domid = 0;
    /* The guest must notice that its time was turned back; plain xl restore hands out the old one again. */
    if (d->c_info.type == LIBXL_DOMAIN_TYPE_HVM && !libxl_ms_vm_genid_is_zero(&d->b_info.u.hvm.ms_vm_genid))
        libxl_ms_vm_genid_generate(xl->ctx, &d->b_info.u.hvm.ms_vm_genid);
    rc = libxl_domain_create_restore(xl->ctx, d, &new_domid, fd, -1, &params, &xl->how, NULL);
    rc = xl_finish(xl, rc, "restoring the domain", err);
    libxl_domain_restore_params_dispose(&params);
    *domid = new_domid;
    if (rc == 0)
        forget_demand(xl, new_domid);
    return rc;
}

int xl_create(struct xl *xl, struct xl_config *config, unsigned *domid, struct err *err)
{
    uint32_t new_domid = INVALID_DOMID;
    int rc;

    config->config.c_info.domid = 0;
    rc = libxl_domain_create_new(xl->ctx, &config->config, &new_domid, &xl->how, NULL);
    rc = xl_finish(xl, rc, "starting the domain", err);
    *domid = new_domid;
    return rc;
}

int xl_preserve(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err)
{
    char suffix[24];
    time_t now = time(NULL);
    struct tm tm;
    libxl_uuid uuid;
    int rc;

    strftime(suffix, sizeof suffix, "-%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    libxl_uuid_generate(&uuid);
    rc = libxl_domain_preserve(xl->ctx, domid, &config->config.c_info, suffix, uuid);
    return rc ? err_set(err, ERR_XEN, "cannot keep the old domain under another name (libxl %d)", rc) : 0;
}

int xl_soft_reset(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err)
{
    return xl_finish(xl, libxl_domain_soft_reset(xl->ctx, &config->config, domid, &xl->how, NULL),
                     "resetting the domain", err);
}
