/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unsettled.h"

#include "check.h"

#define A "01234567-89ab-4cde-8f01-23456789abcd"
#define B "11234567-89ab-4cde-8f01-23456789abcd"

static void nothing_is_due(void)
{
    struct unsettled unsettled = { 0 };
    char vm[UUID_LENGTH + 1] = "";

    CHECK_INT(unsettled_next(&unsettled), 0);
    CHECK(!unsettled_take(&unsettled, 1000000, vm));
    unsettled_forget(&unsettled, A);
    unsettled_deinit(&unsettled);
}

static void pauses_grow(void)
{
    struct unsettled unsettled = { 0 };
    char vm[UUID_LENGTH + 1] = "";
    long long now = 5, expected = UNSETTLED_FIRST_MS;

    for (int i = 0; i < 20; i++) {
        CHECK_INT(unsettled_note(&unsettled, A, now), expected);
        CHECK_INT(unsettled_next(&unsettled), now + expected);
        CHECK(!unsettled_take(&unsettled, now + expected - 1, vm));
        CHECK(unsettled_take(&unsettled, now + expected, vm));
        CHECK_STR(vm, A);
        now += expected;
        CHECK(!unsettled_take(&unsettled, now, vm)); /* it is being tried */
        CHECK_INT(unsettled_next(&unsettled), 0);
        expected = expected * 2 < UNSETTLED_LONGEST_MS ? expected * 2 : UNSETTLED_LONGEST_MS;
    }
    unsettled_forget(&unsettled, A);
    CHECK_INT(unsettled_note(&unsettled, A, now), UNSETTLED_FIRST_MS);
    unsettled_deinit(&unsettled);
    CHECK_INT(unsettled_next(&unsettled), 0);
}

static void each_by_itself(void)
{
    struct unsettled unsettled = { 0 };
    char vm[UUID_LENGTH + 1] = "";

    unsettled_note(&unsettled, A, 0);
    unsettled_note(&unsettled, B, 500);
    CHECK_INT(unsettled_next(&unsettled), UNSETTLED_FIRST_MS);
    CHECK(unsettled_take(&unsettled, 1200, vm));
    CHECK_STR(vm, A);
    CHECK(!unsettled_take(&unsettled, 1200, vm));
    CHECK_INT(unsettled_next(&unsettled), 500 + UNSETTLED_FIRST_MS);
    unsettled_forget(&unsettled, B);
    CHECK_INT(unsettled_next(&unsettled), 0);
    unsettled_deinit(&unsettled);
}

static const struct check_test tests[] = {
    { "where nothing is unsettled nothing is due", nothing_is_due },
    { "the pauses grow up to a longest one, and begin anew when all was put right", pauses_grow },
    { "each VM is tried by itself", each_by_itself },
};

CHECK_MAIN(tests)
