/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks.h"

#include "check.h"

static void names(void)
{
    static const char *const good[] = { "a", "10-mysql", "mysql.sh", "bak", "x.backup", "dpkg-x", "sample", "~a" };
    static const char *const bad[] = { ".", "..", ".a", "a~", "a.bak", "a.orig", "a.rpmnew", "a.rpmorig", "a.rpmsave",
                                       "a.sample", "a.dpkg-old", "a.dpkg-dist", ".dpkg-x" };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check_row = good[i];
        CHECK(hooks_name_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_row = bad[i];
        CHECK(!hooks_name_valid(bad[i]));
    }
}

static const struct check_test tests[] = {
    { "what editors and packagers leave behind is no hook", names },
};

CHECK_MAIN(tests)
