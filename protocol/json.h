/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef JSON_H
#define JSON_H

/* JSON in and out; the only user of yajl (Xen and others have begun to leave it: one file to change). */

#include <stdbool.h>
#include <stddef.h>

struct json;

/* A read-only tree of the whole text, or NULL where it is not JSON or too deep.  Free the root only. */
struct json *json_parse(const char *text);
struct json *json_free(struct json *root);

/* All of these accept NULL and the wrong type, so that a path of them needs one check at its end. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_at(const struct json *array, size_t index);
size_t json_count(const struct json *array);
bool json_is_array(const struct json *value);
const char *json_string(const struct json *value); /* NULL where it is no string */
long long json_integer(const struct json *value, long long otherwise);
bool json_true(const struct json *value);

/* Copies a string member, cut to fit; "" where it is missing.  Returns whether it was there and fitted. */
bool json_copy(const struct json *object, const char *key, char *into, size_t size);

/* A writer; a NULL key inside arrays and at the top.  Running out of memory ends the process. */
struct json_writer;
struct json_writer *json_writer_new(bool indent);
struct json_writer *json_writer_free(struct json_writer *writer);
void json_object(struct json_writer *writer, const char *key);
void json_array(struct json_writer *writer, const char *key);
void json_end_object(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_put_string(struct json_writer *writer, const char *key, const char *value);
void json_put_integer(struct json_writer *writer, const char *key, long long value);
void json_put_bool(struct json_writer *writer, const char *key, bool value);
void json_put_null(struct json_writer *writer, const char *key);
/* What was written so far; belongs to the writer. */
const char *json_text(struct json_writer *writer);

static inline void json_freep(struct json **json)
{
    json_free(*json);
}

static inline void json_writer_freep(struct json_writer **writer)
{
    json_writer_free(*writer);
}

#endif
