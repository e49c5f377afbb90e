/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unsettled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unsettled_vm {
    char vm[UUID_LENGTH + 1];
    long long pause; /* the last one */
    long long due;   /* 0: it is being tried */
    struct unsettled_vm *next;
};

static struct unsettled_vm *find(const struct unsettled *unsettled, const char *vm)
{
    struct unsettled_vm *one = unsettled->vms;

    while (one && strcmp(one->vm, vm) != 0)
        one = one->next;
    return one;
}

static struct unsettled_vm *add(struct unsettled *unsettled, const char *vm)
{
    struct unsettled_vm *one = calloc(1, sizeof *one);

    if (!one)
        return NULL;
    snprintf(one->vm, sizeof one->vm, "%s", vm);
    one->next = unsettled->vms;
    unsettled->vms = one;
    return one;
}

long long unsettled_note(struct unsettled *unsettled, const char *vm, long long now)
{
    struct unsettled_vm *one = find(unsettled, vm);

    if (!one)
        one = add(unsettled, vm);
    if (!one)
        return -1;
    one->pause = one->pause ? one->pause * 2 : UNSETTLED_FIRST_MS;
    if (one->pause > UNSETTLED_LONGEST_MS)
        one->pause = UNSETTLED_LONGEST_MS;
    one->due = now + one->pause;
    return one->pause;
}

void unsettled_forget(struct unsettled *unsettled, const char *vm)
{
    for (struct unsettled_vm **link = &unsettled->vms; *link; link = &(*link)->next)
        if (strcmp((*link)->vm, vm) == 0) {
            struct unsettled_vm *one = *link;

            *link = one->next;
            free(one);
            return;
        }
}

long long unsettled_next(const struct unsettled *unsettled)
{
    long long next = 0;

    for (const struct unsettled_vm *one = unsettled->vms; one; one = one->next)
        if (one->due && (!next || one->due < next))
            next = one->due;
    return next;
}

bool unsettled_take(struct unsettled *unsettled, long long now, char vm[UUID_LENGTH + 1])
{
    for (struct unsettled_vm *one = unsettled->vms; one; one = one->next)
        if (one->due && one->due <= now) {
            one->due = 0;
            memcpy(vm, one->vm, sizeof one->vm);
            return true;
        }
    return false;
}

void unsettled_deinit(struct unsettled *unsettled)
{
    while (unsettled->vms)
        unsettled_forget(unsettled, unsettled->vms->vm);
}
