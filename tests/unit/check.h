/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHECK_H
#define CHECK_H

/* A test is a function in a table, with a sentence as its name that says what holds.  The output is TAP.
 * A check that fails is reported and the test goes on; each check is true where it held, so that a test can
 * return where there is nothing left to look at. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct check_test {
    const char *sentence;
    void (*run)(void);
};

/* Which row of a table is being looked at, for the report; the tests set it. */
static const char *check_row;
static bool check_failed;

static inline bool check_fail(const char *file, int line, const char *what)
{
    check_failed = true;
    printf("# %s:%d: %s\n", file, line, what);
    if (check_row)
        printf("#     in: %.200s\n", check_row);
    return false;
}

static inline bool check_that(bool held, const char *what, const char *file, int line)
{
    return held || check_fail(file, line, what);
}

static inline bool check_int(long long is, long long wanted, const char *what, const char *file, int line)
{
    if (is == wanted)
        return true;
    check_fail(file, line, what);
    printf("#     is %lld, should be %lld\n", is, wanted);
    return false;
}

static inline bool check_str(const char *is, const char *wanted, const char *what, const char *file, int line)
{
    if (is && wanted ? strcmp(is, wanted) == 0 : is == wanted)
        return true;
    check_fail(file, line, what);
    printf("#     is     %s\n#     should %s\n", is ? is : "(null)", wanted ? wanted : "(null)");
    return false;
}

static inline bool check_has(const char *is, const char *part, const char *what, const char *file, int line)
{
    if (is && strstr(is, part))
        return true;
    check_fail(file, line, what);
    printf("#     is        %s\n#     should have %s\n", is ? is : "(null)", part);
    return false;
}

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_INT(is, wanted) check_int((is), (wanted), #is, __FILE__, __LINE__)
#define CHECK_STR(is, wanted) check_str((is), (wanted), #is, __FILE__, __LINE__)
#define CHECK_HAS(is, part) check_has((is), (part), #is, __FILE__, __LINE__)

static inline int check_run(const struct check_test *tests, size_t count)
{
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0); /* a test that crashes has said which were before it */
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        check_failed = false;
        check_row = NULL;
        tests[i].run();
        printf("%s %zu - %s\n", check_failed ? "not ok" : "ok", i + 1, tests[i].sentence);
        failed += check_failed;
    }
    return failed > 0;
}

#define CHECK_MAIN(tests)                                             \
    int main(void)                                                    \
    {                                                                 \
        return check_run((tests), sizeof(tests) / sizeof *(tests));   \
    }

#endif
