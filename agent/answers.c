/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answers.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files.h"

/* File systems keep times in steps, of 2 s at most (FAT), and the kernel's clock for them goes in steps of up to 10 ms;
 * a second write in the same step leaves no trace.  A time that is no multiple of 10 ms was kept in finer steps than
 * that; what is waited for then is ten of the clock's, for a write that has been stamped and not done. */
enum { COARSE_MS = 3000, FINE_MS = 100, CLOCK_STEP_NS = 10000000 };

static struct answer {
    char *image, *format, *text;
    struct stat st;
} *answers;
static size_t count;

/* Another host's clock may be behind. */
static bool is_settled(const char *image, struct timespec written)
{
    long long step_ms = written.tv_nsec % CLOCK_STEP_NS && file_is_local(image) ? FINE_MS : COARSE_MS;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* what the times of files are in */
    return (now.tv_sec - written.tv_sec) * 1000LL + (now.tv_nsec - written.tv_nsec) / 1000000 > step_ms;
}

/* A block device's node does not tell when the device was written to. */
struct answers_mark answers_mark(const char *image)
{
    struct answers_mark mark = { .is_file = false };

    mark.is_file = stat(image, &mark.st) == 0 && S_ISREG(mark.st.st_mode);
    mark.settled = mark.is_file && is_settled(image, mark.st.st_mtim);
    return mark;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static struct answer *find(const char *image, const char *format)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(answers[i].image, image) == 0 && strcmp(answers[i].format, format) == 0)
            return &answers[i];
    return NULL;
}

const char *answers_find(const char *image, const char *format, const struct answers_mark *mark)
{
    const struct answer *answer = mark->is_file ? find(image, format) : NULL;

    return answer && unchanged(&answer->st, &mark->st) ? answer->text : NULL;
}

static void drop(struct answer *answer)
{
    free(answer->image);
    free(answer->format);
    free(answer->text);
    *answer = answers[--count];
}

void answers_keep(const char *image, const char *format, const struct answers_mark *mark, const char *text)
{
    struct answer *old = find(image, format), *grown;
    struct answer new = { .st = mark->st };

    if (old)
        drop(old);
    if (!mark->settled)
        return;
    grown = reallocarray(answers, count + 1, sizeof *grown);
    if (!grown)
        return;
    answers = grown;
    new.image = strdup(image);
    new.format = strdup(format);
    new.text = strdup(text);
    answers[count++] = new;
    if (!new.image || !new.format || !new.text)
        drop(&answers[count - 1]);
}
