/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quiesce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 3, PORT_MAX = 131071 };

static const char *const answers[QUIESCE_WORDS] = {
    [QUIESCE_FROZEN] = "frozen",
    [QUIESCE_THAWED] = "thawed",
    [QUIESCE_FAILED] = "failed",
};

struct words {
    int count;
    char word[WORDS_MAX][REQUEST_ID_MAX + 1];
};

/* Words with one blank between them; anything that cannot be one of ours is none at all. */
static bool split(struct words *words, const char *text)
{
    words->count = 0;
    for (;;) {
        size_t length = strcspn(text, " ");

        if (length == 0 || length > REQUEST_ID_MAX || words->count == WORDS_MAX)
            return false;
        memcpy(words->word[words->count], text, length);
        words->word[words->count++][length] = '\0';
        if (!text[length])
            return true;
        text += length + 1;
    }
}

static bool parse_number(int *number, const char *text, int least, int most)
{
    size_t length = strlen(text);

    if (length == 0 || length > 6 || strspn(text, "0123456789") != length || (*text == '0' && length > 1))
        return false;
    *number = atoi(text);
    return *number >= least && *number <= most;
}

static bool take_token(char token[REQUEST_ID_MAX + 1], const char *word)
{
    snprintf(token, REQUEST_ID_MAX + 1, "%s", word);
    return request_id_valid(token);
}

bool quiesce_parse_action(struct quiesce_action *action, const char *text)
{
    struct words words;

    if (!split(&words, text) || words.count < 2 || !take_token(action->token, words.word[1]))
        return false;
    action->freeze = strcmp(words.word[0], "freeze") == 0;
    action->seconds = 0;
    if (action->freeze)
        return words.count == 3 && parse_number(&action->seconds, words.word[2], 1, QUIESCE_SECONDS_MAX);
    return words.count == 2 && strcmp(words.word[0], "thaw") == 0;
}

bool quiesce_parse_answer(struct quiesce_answer *answer, const char *text)
{
    struct words words;

    if (!split(&words, text) || words.count < 2 || !take_token(answer->token, words.word[1]))
        return false;
    answer->hooks = 0;
    for (answer->word = QUIESCE_FROZEN; answer->word < QUIESCE_WORDS; answer->word++)
        if (strcmp(words.word[0], answers[answer->word]) == 0)
            break;
    if (answer->word == QUIESCE_FROZEN)
        return words.count == 3 && parse_number(&answer->hooks, words.word[2], 0, QUIESCE_HOOKS_MAX);
    return answer->word < QUIESCE_WORDS && words.count == 2;
}

bool quiesce_parse_port(unsigned *port, const char *text)
{
    int number;

    if (!parse_number(&number, text, 1, PORT_MAX))
        return false;
    *port = (unsigned)number;
    return true;
}

void quiesce_format_action(const struct quiesce_action *action, char text[QUIESCE_TEXT_SIZE])
{
    if (action->freeze)
        snprintf(text, QUIESCE_TEXT_SIZE, "freeze %s %d", action->token, action->seconds);
    else
        snprintf(text, QUIESCE_TEXT_SIZE, "thaw %s", action->token);
}

void quiesce_format_answer(const struct quiesce_answer *answer, char text[QUIESCE_TEXT_SIZE])
{
    if (answer->word == QUIESCE_FROZEN)
        snprintf(text, QUIESCE_TEXT_SIZE, "frozen %s %d", answer->token, answer->hooks);
    else
        snprintf(text, QUIESCE_TEXT_SIZE, "%s %s", answers[answer->word], answer->token);
}
