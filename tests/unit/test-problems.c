/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a check prints can be pasted into a shell, or is not there. */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "problems.h"

static void words_are_quoted(void)
{
    CHECK_STR(quoted("/a/b-c_d.qcow2"), "/a/b-c_d.qcow2");
    CHECK_STR(quoted("/a b"), "'/a b'");
    CHECK_STR(quoted("/a'b"), "'/a'\\''b'");
    CHECK_STR(quoted("-f"), "'-f'");
    CHECK_STR(quoted(""), "''");
}

static const char *way_out_with(struct problems *problems, const char *word)
{
    problems_add(problems, "file", "it", "is there");
    problems_way_out(problems, "rm %s", quoted(word));
    return problems->item[problems->count - 1].way_out;
}

static void no_other_file_is_named(void)
{
    struct problems problems = { .count = 0 };
    char quotes[PATH_SIZE];

    CHECK_STR(way_out_with(&problems, "/a b"), "rm '/a b'");
    CHECK(!strstr(way_out_with(&problems, "/a\nb"), "rm "));
    CHECK(!strstr(way_out_with(&problems, "/a\xff"), "rm "));
    memset(quotes, '\'', sizeof quotes - 1);
    quotes[sizeof quotes - 1] = '\0';
    CHECK(!strstr(way_out_with(&problems, quotes), "rm "));
    problems_deinit(&problems);
}

static const struct check_test tests[] = {
    { "a word with blanks, quotes or a dash is one word of a shell", words_are_quoted },
    { "a command that would name another file is not said", no_other_file_is_named },
};

CHECK_MAIN(tests)
