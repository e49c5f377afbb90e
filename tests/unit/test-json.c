/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"
#include "cleanup.h"

static void reads_all_kinds(void)
{
    _cleanup_(json_freep) struct json *json = json_parse(
        "{ \"s\": \"text\", \"i\": -7, \"big\": 4611686018427387904, \"t\": true, \"f\": false, \"n\": null,"
        "  \"a\": [1, [2], {\"x\": 3}], \"o\": {\"p\": {\"q\": \"deep\"}} }");
    const struct json *array = json_get(json, "a");

    CHECK(json != NULL);
    CHECK_STR(json_string(json_get(json, "s")), "text");
    CHECK_INT(json_integer(json_get(json, "i"), 0), -7);
    CHECK_INT(json_integer(json_get(json, "big"), 0), 1LL << 62);
    CHECK(json_true(json_get(json, "t")));
    CHECK(!json_true(json_get(json, "f")));
    CHECK(!json_true(json_get(json, "n")));
    CHECK_INT((long long)json_count(array), 3);
    CHECK_INT(json_integer(json_at(array, 0), 0), 1);
    CHECK_INT(json_integer(json_at(json_at(array, 1), 0), 0), 2);
    CHECK_INT(json_integer(json_get(json_at(array, 2), "x"), 0), 3);
    CHECK_STR(json_string(json_get(json_get(json_get(json, "o"), "p"), "q")), "deep");
}

static void what_is_missing(void)
{
    _cleanup_(json_freep) struct json *json = json_parse("{\"s\": \"t\", \"i\": 1, \"a\": [], \"r\": 1.5}");

    CHECK(json_get(json, "none") == NULL);
    CHECK(json_get(json_get(json, "none"), "deeper") == NULL);
    CHECK(json_get(json_get(json, "a"), "key") == NULL);
    CHECK(json_get(json_get(json, "s"), "key") == NULL);
    CHECK(json_at(json_get(json, "a"), 0) == NULL);
    CHECK(json_at(json, 0) == NULL);
    CHECK(json_at(NULL, 0) == NULL);
    CHECK_INT((long long)json_count(NULL), 0);
    CHECK_INT((long long)json_count(json), 0);
    CHECK_STR(json_string(NULL), NULL);
    CHECK_STR(json_string(json_get(json, "i")), NULL);
    CHECK_INT(json_integer(NULL, -5), -5);
    CHECK_INT(json_integer(json_get(json, "s"), -5), -5);
    CHECK_INT(json_integer(json_get(json, "r"), -5), -5);
    CHECK(!json_true(NULL));
    CHECK(!json_true(json_get(json, "i")));
}

static void too_large_a_number(void)
{
    _cleanup_(json_freep) struct json *json = json_parse("{\"i\": 99999999999999999999, \"j\": 1}");

    CHECK_INT(json_integer(json_get(json, "i"), -5), -5);
}

static void what_is_not_json(void)
{
    static const char *const rows[] = { "", " ", "{", "{\"a\": ", "{\"a\"}", "[1, 2", "{\"a\": 1} x", "hello",
                                        "{\"a\": \"\xff\"}", "{'a': 1}", "\"open" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(json_freep) struct json *json = json_parse(rows[i]);

        check_row = rows[i];
        CHECK(json == NULL);
    }
}

/* In a child, for it may crash: what is read here may come from a file that somebody damaged. */
static void too_deep(void)
{
    enum { DEPTH = 500 * 1000 }; /* as deep as a file of 1 MiB can be */
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit no_core = { 0, 0 };
        char *text = malloc(2 * DEPTH + 1);
        struct json *json;
        bool refused;

        setrlimit(RLIMIT_CORE, &no_core);
        memset(text, '[', DEPTH);
        memset(text + DEPTH, ']', DEPTH);
        text[2 * DEPTH] = '\0';
        json = json_parse(text);
        refused = json == NULL;
        json_free(json);
        free(text);
        _exit(!refused);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static void nested_as_qemu_does(void)
{
    _cleanup_(json_freep) struct json *json =
        json_parse("[[[[[[[[[[[[[[[[{\"a\":[[[[[[[[[[[[[[[[7]]]]]]]]]]]]]]]]}]]]]]]]]]]]]]]]]");

    CHECK(json != NULL);
}

static void copies_to_fit(void)
{
    _cleanup_(json_freep) struct json *json = json_parse("{\"s\": \"12345\", \"i\": 1, \"e\": \"\"}");
    char into[6];

    CHECK(json_copy(json, "s", into, 6));
    CHECK_STR(into, "12345");
    CHECK(!json_copy(json, "s", into, 5));
    CHECK_STR(into, "1234");
    CHECK(json_copy(json, "e", into, 6));
    CHECK_STR(into, "");
    memcpy(into, "old", 4);
    CHECK(!json_copy(json, "none", into, 6));
    CHECK_STR(into, "");
    memcpy(into, "old", 4);
    CHECK(!json_copy(json, "i", into, 6));
    CHECK_STR(into, "");
    CHECK(!json_copy(NULL, "s", into, 6));
}

static void writes_one_line(void)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_string(w, "s", "text");
    json_put_integer(w, "i", -7);
    json_put_bool(w, "t", true);
    json_put_bool(w, "f", false);
    json_put_null(w, "n");
    json_array(w, "a");
    json_put_integer(w, NULL, 1);
    json_object(w, NULL);
    json_end_object(w);
    json_array(w, NULL);
    json_end_array(w);
    json_end_array(w);
    json_end_object(w);
    CHECK_STR(json_text(w), "{\"s\":\"text\",\"i\":-7,\"t\":true,\"f\":false,\"n\":null,\"a\":[1,{},[]]}");
}

static void writes_for_people(void)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(true);

    json_object(w, NULL);
    json_put_integer(w, "i", 1);
    json_end_object(w);
    CHECK_STR(json_text(w), "{\n  \"i\": 1\n}\n");
}

/* A journal has one object a line, whatever a string holds. */
static void strings_come_back(void)
{
    static const char *const rows[] = { "", "plain", "a \"quoted\" \\ word", "two\nlines\r\n\ttab",
                                        "\x01\x1f\x7f", "/a/b", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xbc",
                                        "\\u0041", "</script>" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
        _cleanup_(json_freep) struct json *json = NULL;

        check_row = rows[i];
        json_object(w, NULL);
        json_put_string(w, rows[i], rows[i]);
        json_end_object(w);
        CHECK(strchr(json_text(w), '\n') == NULL);
        json = json_parse(json_text(w));
        CHECK_STR(json_string(json_get(json, rows[i])), rows[i]);
    }
}

/* Texts of others (QEMU, file names) are not always UTF-8: what was written has to be read again. */
static void bad_utf8_can_be_read_again(void)
{
    static const char *const rows[] = { "latin-1: \xfc", "cut off: \xc3", "\x80", "\xed\xa0\x80",
                                        "\xc0\xaf" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
        _cleanup_(json_freep) struct json *json = NULL;

        check_row = rows[i];
        json_object(w, NULL);
        json_put_string(w, "a", rows[i]);
        json_put_integer(w, "b", 2);
        json_end_object(w);
        json = json_parse(json_text(w));
        CHECK(json != NULL);
        CHECK_INT(json_integer(json_get(json, "b"), 0), 2);
    }
}

static void free_of_nothing(void)
{
    CHECK(json_free(NULL) == NULL);
    CHECK(json_writer_free(NULL) == NULL);
}

static const struct check_test tests[] = {
    { "every kind of value is read", reads_all_kinds },
    { "what is missing or of another type is as if it were not there", what_is_missing },
    { "an integer that does not fit is none", too_large_a_number },
    { "what is not JSON is refused", what_is_not_json },
    { "what is nested too deep is refused", too_deep },
    { "what is nested somewhat is taken", nested_as_qemu_does },
    { "a string member is copied, cut to fit, and says whether it fitted", copies_to_fit },
    { "the writer writes one line", writes_one_line },
    { "the writer indents", writes_for_people },
    { "any text comes back as it was and takes one line", strings_come_back },
    { "text that is not UTF-8 does not spoil what stands around it", bad_utf8_can_be_read_again },
    { "freeing nothing is fine", free_of_nothing },
};

CHECK_MAIN(tests)
