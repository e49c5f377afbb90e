/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "owed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "op.h"
#include "store.h"

#define OWED "owed"

/* What the file holds, "" where there is none, to be freed; NULL: it cannot be read. */
static char *read_marks(int dir, struct err *err)
{
    char *text;

    errno = 0;
    text = file_read(dir, OWED);
    if (!text && errno == ENOENT)
        text = strdup("");
    if (!text)
        err_errno(err, "cannot read what earlier reverts have kept (owed)");
    return text;
}

/* Each stands on a line of its own, and none is part of another. */
static char *find_mark(char *marks, const char *mark)
{
    return *mark ? strstr(marks, mark) : NULL;
}

int owed_note(struct work *w, const char *mark, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *marks = dir < 0 ? NULL : read_marks(dir, err), *more = NULL;

    if (!marks)
        return -1;
    if (!*mark || find_mark(marks, mark))
        return 0;
    if (asprintf(&more, "%s%s\n", marks, mark) < 0)
        return err_set(err, ERR_IO, "out of memory");
    return file_replace(dir, OWED, more, err);
}

int owed_settle(struct work *w, const char *mark, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *marks = dir < 0 ? NULL : read_marks(dir, err);
    char *line = marks ? find_mark(marks, mark) : NULL, *rest;

    if (!line)
        return marks ? 0 : -1;
    rest = line + strcspn(line, "\n");
    rest += *rest == '\n';
    memmove(line, rest, strlen(rest) + 1);
    if (*marks)
        return file_replace(dir, OWED, marks, err);
    return unlinkat(dir, OWED, 0) < 0 || fsync(dir) < 0 ? err_errno(err, "cannot remove owed") : 0;
}

int owed_has(struct work *w, const char *mark, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *marks = dir < 0 ? NULL : read_marks(dir, err);

    return marks ? find_mark(marks, mark) != NULL : -1;
}
