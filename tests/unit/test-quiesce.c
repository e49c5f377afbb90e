/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quiesce.h"

#include "check.h"

#define T64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void actions(void)
{
    static const struct row {
        const char *text;
        bool taken, freeze;
        const char *token;
        int seconds;
    } rows[] = {
        { "freeze t 30", true, true, "t", 30 },
        { "freeze 0123abcd-4567-89ab-cdef-0123456789ab 1", true, true, "0123abcd-4567-89ab-cdef-0123456789ab", 1 },
        { "freeze " T64 " 300", true, true, T64, 300 },
        { "thaw t", true, false, "t", 0 },
        { "thaw " T64, true, false, T64, 0 },
        { "", .taken = false },
        { " ", .taken = false },
        { "freeze", .taken = false },
        { "freeze ", .taken = false },
        { "freeze t", .taken = false },
        { "freeze t ", .taken = false },
        { "freeze t 0", .taken = false },
        { "freeze t 301", .taken = false },
        { "freeze t -1", .taken = false },
        { "freeze t 030", .taken = false },
        { "freeze t 4294967326", .taken = false },
        { "freeze t 30 ", .taken = false },
        { "freeze t 30 x", .taken = false },
        { "freeze  t 30", .taken = false },
        { " freeze t 30", .taken = false },
        { "freeze t\n 30", .taken = false },
        { "freeze t/.. 30", .taken = false },
        { "freeze %s 30", .taken = false },
        { "freeze " T64 "a 30", .taken = false },
        { "FREEZE t 30", .taken = false },
        { "thaw", .taken = false },
        { "thaw t 30", .taken = false },
        { "frozen t", .taken = false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct quiesce_action action;
        char text[QUIESCE_TEXT_SIZE];

        check_row = rows[i].text;
        if (!CHECK_INT(quiesce_parse_action(&action, rows[i].text), rows[i].taken) || !rows[i].taken)
            continue;
        CHECK_INT(action.freeze, rows[i].freeze);
        CHECK_STR(action.token, rows[i].token);
        CHECK_INT(action.seconds, rows[i].seconds);
        quiesce_format_action(&action, text);
        CHECK_STR(text, rows[i].text);
    }
}

static void answers(void)
{
    static const struct row {
        const char *text;
        bool taken;
        enum quiesce_reply word;
        const char *token;
        int hooks;
    } rows[] = {
        { "frozen t 0", true, QUIESCE_FROZEN, "t", 0 },
        { "frozen " T64 " 999", true, QUIESCE_FROZEN, T64, 999 },
        { "thawed t", true, QUIESCE_THAWED, "t", 0 },
        { "failed " T64, true, QUIESCE_FAILED, T64, 0 },
        { "", .taken = false },
        { "frozen", .taken = false },
        { "frozen t", .taken = false },
        { "frozen t 1000", .taken = false },
        { "frozen t 00", .taken = false },
        { "frozen t 1x", .taken = false },
        { "frozen t 0 0", .taken = false },
        { "frozen  0", .taken = false },
        { "frozen\tt 0", .taken = false },
        { "frozen t\x01 0", .taken = false },
        { "frozen \xff 0", .taken = false },
        { "thawed", .taken = false },
        { "thawed t 0", .taken = false },
        { "thawed t ", .taken = false },
        { "failed t disk on fire", .taken = false },
        { "freeze t 30", .taken = false },
        { T64 T64 T64 T64 " t", .taken = false },
        { "failed " T64 T64 T64 T64, .taken = false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct quiesce_answer answer;
        char text[QUIESCE_TEXT_SIZE];

        check_row = rows[i].text;
        if (!CHECK_INT(quiesce_parse_answer(&answer, rows[i].text), rows[i].taken) || !rows[i].taken)
            continue;
        CHECK_INT(answer.word, rows[i].word);
        CHECK_STR(answer.token, rows[i].token);
        CHECK_INT(answer.hooks, rows[i].hooks);
        quiesce_format_answer(&answer, text);
        CHECK_STR(text, rows[i].text);
    }
}

static void ports(void)
{
    static const char *const bad[] = { "", "0", "-1", "+1", "01", "1 ", " 1", "131072", "999999", "4294967297", "x" };
    unsigned port = 0;

    CHECK(quiesce_parse_port(&port, "1") && port == 1);
    CHECK(quiesce_parse_port(&port, "131071") && port == 131071);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_row = bad[i];
        CHECK(!quiesce_parse_port(&port, bad[i]));
    }
}

static const struct check_test tests[] = {
    { "an action is taken as it is written and not otherwise", actions },
    { "an answer is taken as it is written and not otherwise", answers },
    { "a port is a number that Xen can have", ports },
};

CHECK_MAIN(tests)
