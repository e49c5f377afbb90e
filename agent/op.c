/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "op.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "qemu_img.h"
#include "xl.h"

const struct op *const ops[] = { &op_create, &op_delete, &op_revert, &op_release, &op_accept, &op_forget, NULL };

const struct op *op_find(enum operation operation)
{
    for (size_t i = 0; ops[i]; i++)
        if (ops[i]->operation == operation)
            return ops[i];
    return NULL;
}

int work_begin(struct work *work, const char *snapshot, struct err *err)
{
    snprintf(work->begun.snapshot, sizeof work->begun.snapshot, "%s", snapshot);
    snprintf(work->snapshot, sizeof work->snapshot, "%s", snapshot);
    if (journal_begin(&work->journal, work->store, &work->begun, err) < 0)
        return -1;
    qemu_img_keeps_open(journal_lock(work->journal));
    return 0;
}

int work_take_over(struct work *work, struct journal_state *left, struct err *err)
{
    if (journal_take_over(&work->journal, work->store, &work->begun, left, err) < 0)
        return -1;
    qemu_img_keeps_open(journal_lock(work->journal));
    return 0;
}

static bool is_listed(const struct op *op, const char *step, size_t length)
{
    for (size_t i = 0; op->steps[i]; i++)
        if (strlen(op->steps[i]) == length && memcmp(op->steps[i], step, length) == 0)
            return true;
    return false;
}

bool op_knows(const struct op *op, const struct journal_state *state)
{
    if (!op || state->foreign)
        return false;
    for (const char *word = state->steps; *word; word += strcspn(word, " ") + 1)
        if (!is_listed(op, word, strcspn(word, " ")))
            return false;
    return true;
}

int work_step(struct work *work, const char *step, enum durability durability, struct err *err)
{
    assert(is_listed(work->op, step, strlen(step)));
    if (control_fd(work->control) >= 0)
        control_read(work->control);
    if (control_cancelled(work->control))
        return err_set(err, ERR_CANCELLED, "cancelled before: %s", step);
    if (journal_step(work->journal, step, durability, err) < 0)
        return -1;
    work->stepped = true;
    log_debug("request %s: step %s", work->begun.order.request.id, step);
    control_progress(work->control, step, -1);
    return 0;
}

static void warn(struct work *work, const char *format, va_list args)
{
    char text[STATUS_WARNING_SIZE];
    size_t used = strlen(work->warning);

    vsnprintf(text, sizeof text, format, args);
    log_warning("request %s: %s", work->begun.order.request.id, text);
    if (!strstr(work->warning, text))
        snprintf(work->warning + used, sizeof work->warning - used, "%s%s", used ? "; " : "", text);
}

void work_warn(struct work *work, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    warn(work, format, args);
    va_end(args);
}

void work_try_once_more(struct work *work, const char *format, ...)
{
    va_list args;

    work->unsettled |= !work->recovery;
    va_start(args, format);
    warn(work, format, args);
    va_end(args);
}

void work_settled(struct work *work)
{
    struct xl_domain domain;
    struct err err;

    if (xl_find(work->xl, work->begun.order.vm, &domain, &err) > 0 && domain.life != XL_DYING &&
        domain.life != XL_SHUT_DOWN)
        msg_send(work->control->fd, &(struct msg){ .kind = MSG_SETTLED });
}
