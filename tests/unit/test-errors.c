/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "errors.h"

#include <errno.h>

#include "check.h"

static void words_go_both_ways(void)
{
    for (enum err_code code = ERR_NONE; code < ERR_CODES; code++) {
        const char *word = err_word(code);

        if (!CHECK(word != NULL))
            continue;
        check_row = word;
        CHECK_INT(err_from_word(word), code);
        CHECK(*word && word[strspn(word, "abcdefghijklmnopqrstuvwxyz-")] == '\0');
    }
}

/* These stand in xenstore and in journals: no change of the enum may change them. */
static void words_are_the_protocols(void)
{
    CHECK_STR(err_word(ERR_NONE), "none");
    CHECK_STR(err_word(ERR_INVALID), "invalid");
    CHECK_STR(err_word(ERR_DENIED), "denied");
    CHECK_STR(err_word(ERR_NOT_FOUND), "not-found");
    CHECK_STR(err_word(ERR_EXISTS), "exists");
    CHECK_STR(err_word(ERR_BUSY), "busy");
    CHECK_STR(err_word(ERR_QUOTA), "quota");
    CHECK_STR(err_word(ERR_NO_SPACE), "no-space");
    CHECK_STR(err_word(ERR_UNSUPPORTED), "unsupported");
    CHECK_STR(err_word(ERR_DOMAIN_GONE), "domain-gone");
    CHECK_STR(err_word(ERR_GUEST_TIMEOUT), "guest-timeout");
    CHECK_STR(err_word(ERR_CANCELLED), "cancelled");
    CHECK_STR(err_word(ERR_CORRUPT), "corrupt");
    CHECK_STR(err_word(ERR_XEN), "xen");
    CHECK_STR(err_word(ERR_QEMU), "qemu");
    CHECK_STR(err_word(ERR_IO), "io");
    CHECK_STR(err_word(ERR_INTERNAL), "internal");
}

static void unknown_is_internal(void)
{
    CHECK_INT(err_from_word("no such word"), ERR_INTERNAL);
    CHECK_INT(err_from_word(""), ERR_INTERNAL);
    CHECK_INT(err_from_word("Busy"), ERR_INTERNAL);
    CHECK_STR(err_word(ERR_CODES), "internal");
    CHECK_STR(err_word((enum err_code)1000), "internal");
    CHECK_STR(err_word((enum err_code)-1), "internal");
}

static void set_says_it(void)
{
    struct err err = { 0 };

    CHECK_INT(err_set(&err, ERR_QUOTA, "%d of %s", 3, "them"), -1);
    CHECK_INT(err.code, ERR_QUOTA);
    CHECK_STR(err.text, "3 of them");
}

static void context_goes_in_front(void)
{
    struct err err = { 0 };

    err_set(&err, ERR_QEMU, "no medium");
    CHECK_INT(err_context(&err, "disk %s", "xvda"), -1);
    CHECK_INT(err.code, ERR_QEMU);
    CHECK_STR(err.text, "disk xvda: no medium");
    err_context(&err, "create");
    CHECK_STR(err.text, "create: disk xvda: no medium");
}

static void context_may_quote_itself(void)
{
    struct err err = { 0 }, other = { 0 };

    err_set(&err, ERR_IO, "first");
    err_set(&other, ERR_XEN, "second");
    err_context(&err, "%s; before that", other.text);
    CHECK_STR(err.text, "second; before that: first");
}

static void long_text_is_cut(void)
{
    struct err err = { 0 };
    char text[1000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_IO, "%s", text);
    CHECK_INT((long long)strlen(err.text), sizeof err.text - 1);
    err_context(&err, "front");
    CHECK_INT((long long)strlen(err.text), sizeof err.text - 1);
    CHECK(strncmp(err.text, "front: aaa", 10) == 0);
    err_context(&err, "%s", text);
    CHECK_INT((long long)strlen(err.text), sizeof err.text - 1);
    errno = EIO;
    err_errno(&err, "%s", text);
    CHECK_INT((long long)strlen(err.text), sizeof err.text - 1);
}

/* A cut in the middle of a character would make the text unfit for JSON and for a status. */
static void cut_between_characters(void)
{
    struct err err = { 0 };
    char text[1000];

    for (size_t shift = 0; shift < 4; shift++) {
        size_t used;

        memset(text, 'a', shift);
        for (used = shift; used + 4 < sizeof text; used += 4)
            memcpy(text + used, "\xf0\x9f\x90\xbc", 4);
        text[used] = '\0';
        err_set(&err, ERR_IO, "%s", text);
        CHECK_INT((long long)(strlen(err.text) - shift) % 4, 0);
        err_set(&err, ERR_IO, "cause");
        err_context(&err, "%s", text);
        CHECK_INT((long long)(strlen(err.text) - shift) % 4, 0);
        errno = EIO;
        err_errno(&err, "%s", text);
        CHECK_INT((long long)(strlen(err.text) - shift) % 4, 0);
    }
}

static void errno_chooses_the_code(void)
{
    static const struct {
        int error;
        enum err_code code;
    } rows[] = {
        { ENOSPC, ERR_NO_SPACE }, { EDQUOT, ERR_NO_SPACE }, { EIO, ERR_IO },
        { ENOENT, ERR_IO },       { EACCES, ERR_IO },       { EROFS, ERR_IO },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = { 0 };

        check_row = strerror(rows[i].error);
        errno = rows[i].error;
        CHECK_INT(err_errno(&err, "cannot write %s", "it"), -1);
        CHECK_INT(err.code, rows[i].code);
        CHECK(strncmp(err.text, "cannot write it: ", 17) == 0);
        CHECK_HAS(err.text, strerror(rows[i].error));
    }
}

static const struct check_test tests[] = {
    { "every code has a word of its own and is found by it", words_go_both_ways },
    { "the words are those of the protocol", words_are_the_protocols },
    { "what nobody knows is internal", unknown_is_internal },
    { "err_set stores the code and the sentence and returns -1", set_says_it },
    { "context stands before the cause and keeps its code", context_goes_in_front },
    { "context may quote another error", context_may_quote_itself },
    { "a text that is too long is cut", long_text_is_cut },
    { "no text is cut in the middle of a character", cut_between_characters },
    { "a full disk or quota is no-space, any other errno is io", errno_chooses_the_code },
};

CHECK_MAIN(tests)
