/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

/* A struct json is a yajl node under another name: nobody else needs to see yajl. */
static yajl_val node(const struct json *json)
{
    return (yajl_val)json;
}

enum { DEPTH_MAX = 1024 }; /* QEMU tells of an image inside the one that stands on it */

/* yajl frees a tree by recursion: damaged text must not be able to run out of stack. */
static bool too_deep(const char *text)
{
    bool quoted = false;
    int depth = 0;

    for (; *text; text++)
        if (quoted && *text == '\\' && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && (*text == '[' || *text == '{') && ++depth > DEPTH_MAX)
            return true;
        else if (!quoted && (*text == ']' || *text == '}'))
            depth--;
    return false;
}

struct json *json_parse(const char *text)
{
    if (too_deep(text))
        return NULL;
    return (struct json *)yajl_tree_parse(text, NULL, 0);
}

struct json *json_free(struct json *root)
{
    yajl_tree_free(node(root));
    return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    yajl_val val = node(object);

    if (!YAJL_IS_OBJECT(val))
        return NULL;
    for (size_t i = 0; i < val->u.object.len; i++)
        if (strcmp(val->u.object.keys[i], key) == 0)
            return (const struct json *)val->u.object.values[i];
    return NULL;
}

const struct json *json_at(const struct json *array, size_t index)
{
    return index < json_count(array) ? (const struct json *)node(array)->u.array.values[index] : NULL;
}

size_t json_count(const struct json *array)
{
    return YAJL_IS_ARRAY(node(array)) ? node(array)->u.array.len : 0;
}

bool json_is_array(const struct json *value)
{
    return YAJL_IS_ARRAY(node(value));
}

const char *json_string(const struct json *value)
{
    return YAJL_GET_STRING(node(value));
}

long long json_integer(const struct json *value, long long otherwise)
{
    return YAJL_IS_INTEGER(node(value)) ? node(value)->u.number.i : otherwise;
}

bool json_true(const struct json *value)
{
    return YAJL_IS_TRUE(node(value));
}

bool json_copy(const struct json *object, const char *key, char *into, size_t size)
{
    const char *string = json_string(json_get(object, key));
    int length = snprintf(into, size, "%s", string ? string : "");

    return string && (size_t)length < size;
}

struct json_writer {
    yajl_gen gen;
};

static void must(yajl_gen_status status)
{
    if (status != yajl_gen_status_ok && status != yajl_gen_generation_complete) {
        fprintf(stderr, "json: cannot write (yajl %d)\n", status);
        abort();
    }
}

struct json_writer *json_writer_new(bool indent)
{
    struct json_writer *writer = malloc(sizeof *writer);

    if (!writer || !(writer->gen = yajl_gen_alloc(NULL)))
        abort();
    yajl_gen_config(writer->gen, yajl_gen_beautify, indent);
    yajl_gen_config(writer->gen, yajl_gen_validate_utf8, 1);
    yajl_gen_config(writer->gen, yajl_gen_indent_string, "  ");
    return writer;
}

struct json_writer *json_writer_free(struct json_writer *writer)
{
    if (writer) {
        yajl_gen_free(writer->gen);
        free(writer);
    }
    return NULL;
}

/* Text of others (QEMU, file names) may be no UTF-8; written as it is it could not be read again. */
static void put(struct json_writer *writer, const char *string)
{
    size_t length = strlen(string);
    yajl_gen_status status = yajl_gen_string(writer->gen, (const unsigned char *)string, length);
    char *copy;

    if (status != yajl_gen_invalid_string) {
        must(status);
        return;
    }
    copy = strdup(string);
    if (!copy)
        abort();
    for (char *c = copy; *c; c++)
        if (*c & 0x80)
            *c = '?';
    status = yajl_gen_string(writer->gen, (const unsigned char *)copy, length);
    free(copy);
    must(status);
}

static void put_key(struct json_writer *writer, const char *key)
{
    if (key)
        put(writer, key);
}

void json_object(struct json_writer *writer, const char *key)
{
    put_key(writer, key);
    must(yajl_gen_map_open(writer->gen));
}

void json_array(struct json_writer *writer, const char *key)
{
    put_key(writer, key);
    must(yajl_gen_array_open(writer->gen));
}

void json_end_object(struct json_writer *writer)
{
    must(yajl_gen_map_close(writer->gen));
}

void json_end_array(struct json_writer *writer)
{
    must(yajl_gen_array_close(writer->gen));
}

void json_put_string(struct json_writer *writer, const char *key, const char *value)
{
    put_key(writer, key);
    put(writer, value);
}

void json_put_integer(struct json_writer *writer, const char *key, long long value)
{
    put_key(writer, key);
    must(yajl_gen_integer(writer->gen, value));
}

void json_put_bool(struct json_writer *writer, const char *key, bool value)
{
    put_key(writer, key);
    must(yajl_gen_bool(writer->gen, value));
}

void json_put_null(struct json_writer *writer, const char *key)
{
    put_key(writer, key);
    must(yajl_gen_null(writer->gen));
}

const char *json_text(struct json_writer *writer)
{
    const unsigned char *text;
    size_t length;

    must(yajl_gen_get_buf(writer->gen, &text, &length));
    return (const char *)text;
}
