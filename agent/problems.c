/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { BUFFERS = 4 };

void problems_deinit(struct problems *problems)
{
    free(problems->item);
    free(problems->note);
    *problems = (struct problems){ .item = NULL };
}

/* Names of files are anybody's; a terminal and JSON get none of their bytes that could mean something else. */
static bool scrub(char *text)
{
    bool plain = description_valid(text), changed = false;

    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || (!plain && (unsigned char)*c >= 0x80)) {
            *c = '?';
            changed = true;
        }
    return changed;
}

static struct problem *append(struct problem **list, size_t *count, const char *kind, const char *thing)
{
    struct problem *grown = reallocarray(*list, *count + 1, sizeof *grown), *problem;

    if (!grown)
        abort();
    *list = grown;
    problem = &grown[(*count)++];
    *problem = (struct problem){ .kind = kind };
    snprintf(problem->thing, sizeof problem->thing, "%s", thing);
    scrub(problem->thing);
    return problem;
}

void problems_add(struct problems *problems, const char *kind, const char *thing, const char *format, ...)
{
    struct problem *problem = append(&problems->item, &problems->count, kind, thing);
    va_list args;

    va_start(args, format);
    vsnprintf(problem->what, sizeof problem->what, format, args);
    va_end(args);
    scrub(problem->what);
}

void problems_way_out(struct problems *problems, const char *format, ...)
{
    struct problem *problem = &problems->item[problems->count - 1];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(problem->way_out, sizeof problem->way_out, format, args);
    va_end(args);
    /* a command with another name, or the half of one, would be done to another file */
    if (scrub(problem->way_out) || length >= (int)sizeof problem->way_out)
        snprintf(problem->way_out, sizeof problem->way_out,
                 "its name cannot be shown as it is: see with ls -b, and put it right by hand");
}

void problems_note(struct problems *problems, const char *thing, const char *format, ...)
{
    struct problem *note = append(&problems->note, &problems->note_count, "note", thing);
    va_list args;

    va_start(args, format);
    vsnprintf(note->what, sizeof note->what, format, args);
    va_end(args);
    scrub(note->what);
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static bool is_plain(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+-";

    return *word && *word != '-' && word[strspn(word, plain)] == '\0';
}

const char *quoted(const char *word)
{
    static char buffers[BUFFERS][4 * PATH_SIZE + 3];
    static int next;
    char *buffer = buffers[next++ % BUFFERS];
    size_t used = 1;

    if (is_plain(word)) {
        snprintf(buffer, sizeof buffers[0], "%s", word);
        return buffer;
    }
    *buffer = '\'';
    for (; *word && used + 6 < sizeof buffers[0]; word++) {
        if (*word == '\'') {
            memcpy(buffer + used, "'\\'", 3);
            used += 3;
        }
        buffer[used++] = *word;
    }
    buffer[used++] = '\'';
    buffer[used] = '\0';
    return buffer;
}

const char *size_text(long long bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    static char buffers[BUFFERS][32];
    static int next;
    char *buffer = buffers[next++ % BUFFERS];
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    snprintf(buffer, sizeof buffers[0], unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buffer;
}

/* ---- print ----------------------------------------------------------------------------------------------- */

static void put_line(FILE *out, const struct problems *problems, const struct problem *problem)
{
    if (*problems->name)
        fprintf(out, "%s (%s)", problems->name, problems->vm);
    else
        fputs(problems->vm, out);
    fprintf(out, ": %s: %s", problem->thing, problem->what);
    if (*problem->way_out)
        fprintf(out, "; %s", problem->way_out);
    putc('\n', out);
}

void problems_print(const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        put_line(stdout, problems, &problems->item[i]);
    for (size_t i = 0; i < problems->note_count; i++)
        put_line(stderr, problems, &problems->note[i]);
}

void problems_put_json(const struct problems *problems, struct json_writer *w)
{
    json_object(w, NULL);
    json_put_string(w, "vm", problems->vm);
    json_put_string(w, "name", problems->name);
    json_array(w, "problems");
    for (size_t i = 0; i < problems->count; i++) {
        json_object(w, NULL);
        json_put_string(w, "kind", problems->item[i].kind);
        json_put_string(w, "about", problems->item[i].thing);
        json_put_string(w, "problem", problems->item[i].what);
        json_put_string(w, "way-out", problems->item[i].way_out);
        json_end_object(w);
    }
    json_end_array(w);
    json_array(w, "notes");
    for (size_t i = 0; i < problems->note_count; i++) {
        json_object(w, NULL);
        json_put_string(w, "about", problems->note[i].thing);
        json_put_string(w, "note", problems->note[i].what);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}
