/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "userdata.h"

#include <sys/wait.h>

#include "scratch.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define DATA "userdata-d.5." UUID ".libxl-json"
#define LOCK "userdata-l.5." UUID ".domain-userdata-lock"

struct place {
    struct scratch scratch;
    struct userdata userdata;
    struct err err;
};

static void place_make(struct place *place)
{
    *place = (struct place){ .scratch = scratch_make(), .userdata = { .domid = 5, .uuid = UUID } };
    place->userdata.dir = place->scratch.path;
}

static void place_remove(struct place *place)
{
    scratch_remove(&place->scratch);
}

static void read_and_written(void)
{
    _cleanup_(place_remove) struct place place;
    _cleanup_(freep) char *before = NULL, *after = NULL;
    struct stat st;

    place_make(&place);
    CHECK_STR(userdata_read(&place.userdata), NULL);
    scratch_write(&place.scratch, DATA, "{\"old\": true}");
    before = userdata_read(&place.userdata);
    CHECK_STR(before, "{\"old\": true}");
    CHECK_INT(userdata_write(&place.userdata, "{}", &place.err), 0);
    after = userdata_read(&place.userdata);
    CHECK_STR(after, "{}");
    CHECK(fstatat(place.scratch.dir, DATA, &st, 0) == 0);
    CHECK_INT(st.st_size, 3); /* with its NUL */
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK(!scratch_has(&place.scratch, "userdata-n.5." UUID ".libxl-json"));
}

static void cannot_be_written(void)
{
    _cleanup_(place_remove) struct place place;

    place_make(&place);
    place.userdata.dir = "/none";
    CHECK_INT(userdata_write(&place.userdata, "{}", &place.err), -1);
    CHECK_INT(place.err.code, ERR_IO);
    CHECK_INT(userdata_lock(&place.userdata, 0, &place.err), -1);
    CHECK_INT(place.err.code, ERR_IO);
}

static void locked_by_one(void)
{
    _cleanup_(place_remove) struct place place;
    int lock, before = scratch_descriptors();

    place_make(&place);
    lock = userdata_lock(&place.userdata, 0, &place.err);
    CHECK(lock >= 0);
    CHECK(scratch_has(&place.scratch, LOCK));
    CHECK_INT(userdata_lock(&place.userdata, 0, &place.err), -1);
    CHECK_INT(place.err.code, ERR_BUSY);
    CHECK_HAS(place.err.text, LOCK);
    userdata_unlock(&place.userdata, lock);
    CHECK(!scratch_has(&place.scratch, LOCK)); /* as libxl leaves it */
    lock = userdata_lock(&place.userdata, 0, &place.err);
    CHECK(lock >= 0);
    userdata_unlock(&place.userdata, lock);
    CHECK_INT(scratch_descriptors(), before + 1); /* the scratch directory */
}

enum { CHANGES = 200, CHANGERS = 3 };

/* Adds one to the number that is kept there, so often. */
static void change(const struct userdata *userdata)
{
    for (int i = 0; i < CHANGES; i++) {
        struct err err;
        char text[16];
        _cleanup_(freep) char *now = NULL;
        int lock = userdata_lock(userdata, 60, &err);

        if (lock < 0)
            _exit(1);
        now = userdata_read(userdata);
        snprintf(text, sizeof text, "%d", now ? atoi(now) + 1 : 1);
        if (userdata_write(userdata, text, &err) < 0)
            _exit(1);
        userdata_unlock(userdata, lock);
    }
    _exit(0);
}

static void nothing_is_lost(void)
{
    _cleanup_(place_remove) struct place place;
    _cleanup_(freep) char *text = NULL;

    place_make(&place);
    for (int i = 0; i < CHANGERS; i++)
        if (fork() == 0)
            change(&place.userdata);
    for (int i = 0; i < CHANGERS; i++) {
        int status = -1;

        CHECK(wait(&status) > 0);
        CHECK_INT(status, 0);
    }
    text = userdata_read(&place.userdata);
    CHECK_INT(text ? atoi(text) : -1, CHANGES * CHANGERS);
}

static const struct check_test tests[] = {
    { "what libxl keeps is read, and written as libxl does", read_and_written },
    { "what cannot be written or locked is told", cannot_be_written },
    { "one has the lock, and leaves no file", locked_by_one },
    { "of the changes that several make at once none is lost", nothing_is_lost },
};

CHECK_MAIN(tests)
