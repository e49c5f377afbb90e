/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define BIT(operation) (1u << (operation))
#define UUID_WORD "uuid:"
#define BLANKS " \t"

/* ---- the grammar ---------------------------------------------------------------------------------------- */

/* What holds where the section does not say. */
static const struct policy_rule cautious = {
    .max_snapshots = 8, .max_bytes = 20LL << 30, .min_interval = 60, .max_pending = 2, .targets = "self",
};

/* Calls for every word of TEXT; stops at the first -1. */
static int each_word(const char *text, int (*visit)(void *data, const char *word), void *data)
{
    for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
        char word[POLICY_TARGETS_SIZE];
        size_t length = strcspn(text, BLANKS);

        snprintf(word, sizeof word, "%.*s", (int)length, text);
        if (visit(data, word) < 0)
            return -1;
        text += length;
    }
    return 0;
}

static int allow_word(void *data, const char *word)
{
    unsigned *allow = data;

    for (enum operation op = OPERATION_CREATE; op < OPERATIONS; op++)
        if (!operation_is_of_dom0(op) && strcmp(word, operation_word(op)) == 0) {
            *allow |= BIT(op);
            return 0;
        }
    return -1;
}

static int set_allow(struct policy_rule *rule, const char *value, struct err *err)
{
    rule->allow = 0;
    if (each_word(value, allow_word, &rule->allow) < 0)
        return err_set(err, ERR_INVALID, "allow is words of create, list, delete, revert and cancel");
    return 0;
}

static int set_memory(struct policy_rule *rule, const char *value, struct err *err)
{
    rule->memory = strcmp(value, "yes") == 0;
    if (!rule->memory && strcmp(value, "no") != 0)
        return err_set(err, ERR_INVALID, "memory is yes or no");
    return 0;
}

/* At most nine digits, from LEAST to MOST; -1 where it is something else. */
static int number(const char *text, size_t length, int least, int most)
{
    int value = 0;

    if (length < 1 || length > 9 || strspn(text, "0123456789") < length)
        return -1;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (text[i] - '0');
    return value < least || value > most ? -1 : value;
}

static int set_number(int *to, const char *value, const char *key, int least, int most, struct err *err)
{
    int is = number(value, strlen(value), least, most);

    if (is < 0)
        return err_set(err, ERR_INVALID, "%s is a number from %d to %d", key, least, most);
    *to = is;
    return 0;
}

static int set_max_snapshots(struct policy_rule *rule, const char *value, struct err *err)
{
    return set_number(&rule->max_snapshots, value, "max-snapshots", 0, 10000, err);
}

static int set_min_interval(struct policy_rule *rule, const char *value, struct err *err)
{
    return set_number(&rule->min_interval, value, "min-interval", 0, 31622400, err);
}

static int set_max_pending(struct policy_rule *rule, const char *value, struct err *err)
{
    return set_number(&rule->max_pending, value, "max-pending", 1, 16, err);
}

static int set_max_bytes(struct policy_rule *rule, const char *value, struct err *err)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] ? strchr(units, value[digits]) : NULL;
    int is = number(value, digits, 0, 999999999);

    if (is < 0 || (value[digits] && (!unit || value[digits + 1])) || (unit && *unit == 'T' && is > 1000000))
        return err_set(err, ERR_INVALID, "max-bytes is a number, which K, M, G or T may follow");
    rule->max_bytes = unit ? (long long)is << (10 * (unit - units + 1)) : is;
    return 0;
}

static int target_word(void *data, const char *word)
{
    bool *any = data;
    bool uuid = strncmp(word, UUID_WORD, strlen(UUID_WORD)) == 0;

    *any = true;
    return name_valid(word) && (!uuid || uuid_valid(word + strlen(UUID_WORD))) ? 0 : -1;
}

static int set_targets(struct policy_rule *rule, const char *value, struct err *err)
{
    bool any = false;

    if (strlen(value) >= sizeof rule->targets || each_word(value, target_word, &any) < 0 || !any)
        return err_set(err, ERR_INVALID, "targets is self, patterns for names, and uuid:UUID, with blanks between");
    snprintf(rule->targets, sizeof rule->targets, "%s", value);
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct policy_rule *rule, const char *value, struct err *err);
} keys[] = {
    { "allow", set_allow },
    { "memory", set_memory },
    { "max-snapshots", set_max_snapshots },
    { "max-bytes", set_max_bytes },
    { "min-interval", set_min_interval },
    { "max-pending", set_max_pending },
    { "targets", set_targets },
};

const char *policy_key(size_t index)
{
    return index < sizeof keys / sizeof *keys ? keys[index].name : NULL;
}

int policy_set(struct policy *policy, const char *key, const char *value, struct err *err)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].name, key) == 0)
            return keys[i].set(&policy->rules[policy->count - 1], value, err);
    return err_set(err, ERR_INVALID, "unknown key %s", key);
}

static const struct policy_rule *same_who(const struct policy *policy, const struct policy_rule *rule)
{
    for (size_t i = 0; i < policy->count; i++)
        if (policy->rules[i].by_uuid == rule->by_uuid && strcmp(policy->rules[i].who, rule->who) == 0)
            return &policy->rules[i];
    return NULL;
}

int policy_begin(struct policy *policy, const char *quoted, int line, struct err *err)
{
    struct policy_rule rule = cautious;
    size_t length = strlen(quoted);
    char who[POLICY_WHO_SIZE];
    const struct policy_rule *other;

    if (length < 3 || length > NAME_MAX_BYTES + 2 || quoted[0] != '"' || quoted[length - 1] != '"' ||
        memchr(quoted + 1, '"', length - 2))
        return err_set(err, ERR_INVALID, "a guest's section is [guest \"PATTERN\"] or [guest \"uuid:UUID\"]");
    snprintf(who, sizeof who, "%.*s", (int)(length - 2), quoted + 1);
    rule.by_uuid = strncmp(who, UUID_WORD, strlen(UUID_WORD)) == 0;
    snprintf(rule.who, sizeof rule.who, "%.*s", NAME_MAX_BYTES, who + (rule.by_uuid ? strlen(UUID_WORD) : 0));
    rule.line = line;
    if (rule.by_uuid ? !uuid_valid(rule.who) : !name_valid(rule.who))
        return err_set(err, ERR_INVALID, rule.by_uuid ? "a UUID has 32 digits in lower case, and hyphens"
                                                      : "a pattern is printable, with no blank at either end");
    other = same_who(policy, &rule);
    if (other)
        return err_set(err, ERR_INVALID, "the section [guest %s] stands in line %d already", quoted, other->line);
    if (policy->count == POLICY_RULES_MAX)
        return err_set(err, ERR_INVALID, "there are more than %d sections for guests", POLICY_RULES_MAX);
    policy->rules[policy->count++] = rule;
    return 0;
}

/* ---- decisions ------------------------------------------------------------------------------------------ */

static bool fits(const char *pattern, const char *name)
{
    return *name && fnmatch(pattern, name, 0) == 0;
}

const struct policy_rule *policy_find(const struct policy *policy, const struct policy_subject *subject)
{
    for (size_t i = 0; i < policy->count; i++)
        if (policy->rules[i].by_uuid && strcmp(policy->rules[i].who, subject->uuid) == 0)
            return &policy->rules[i];
    for (size_t i = 0; i < policy->count; i++)
        if (!policy->rules[i].by_uuid && fits(policy->rules[i].who, subject->name))
            return &policy->rules[i];
    return NULL;
}

void policy_operations(const struct policy_rule *rule, char words[POLICY_WORDS_SIZE])
{
    *words = '\0';
    for (enum operation op = OPERATION_CREATE; rule && op < OPERATIONS; op++)
        if (rule->allow & BIT(op))
            snprintf(words + strlen(words), POLICY_WORDS_SIZE - strlen(words), "%s%s", *words ? " " : "",
                     operation_word(op));
}

void policy_who(const struct policy_rule *rule, char who[POLICY_WHO_SIZE])
{
    snprintf(who, POLICY_WHO_SIZE, "[guest \"%s%s\"]", rule->by_uuid ? UUID_WORD : "", rule->who);
}

static bool names_files(const struct request *request)
{
    bool files = *request->memory || request->dry_run;

    for (size_t i = 0; i < request->disk_count; i++)
        files |= *request->disks[i].target != '\0';
    return files;
}

int policy_check_request(const struct policy_rule *rule, const struct request *request, struct err *err)
{
    if (operation_is_of_dom0(request->operation))
        return err_set(err, ERR_DENIED, "%s is dom0's alone", operation_word(request->operation));
    if (!rule || !rule->allow)
        return err_set(err, ERR_DENIED, "this domain may ask for nothing");
    if (!(rule->allow & BIT(request->operation)))
        return err_set(err, ERR_DENIED, "this domain may not ask for %s", operation_word(request->operation));
    if (names_files(request))
        return err_set(err, ERR_DENIED, "a file's name and dry-run are dom0's alone");
    if (request->operation == OPERATION_CREATE && !request->disk_only && !rule->memory)
        return err_set(err, ERR_DENIED, "this domain may have its disks alone snapshotted: memory=no");
    return 0;
}

struct aim {
    const struct policy_subject *target;
    bool self;
};

/* -1 ends the search: it is the one. */
static int target_fits(void *data, const char *word)
{
    const struct aim *aim = data;

    if (strcmp(word, "self") == 0)
        return aim->self ? -1 : 0;
    if (strncmp(word, UUID_WORD, strlen(UUID_WORD)) == 0)
        return strcmp(word + strlen(UUID_WORD), aim->target->uuid) == 0 ? -1 : 0;
    return fits(word, aim->target->name) ? -1 : 0;
}

static int other_word(void *data, const char *word)
{
    (void)data;
    return strcmp(word, "self") == 0 ? 0 : -1;
}

bool policy_has_others(const struct policy_rule *rule)
{
    return rule && each_word(rule->targets, other_word, NULL) < 0;
}

int policy_check_target(const struct policy_rule *rule, const struct policy_subject *target, bool self,
                        struct err *err)
{
    struct aim aim = { target, self };

    if (rule && each_word(rule->targets, target_fits, &aim) < 0)
        return 0;
    return err_set(err, ERR_DENIED, "this domain may not ask for anything about that one");
}

int policy_check_pending(const struct policy_rule *rule, int pending, struct err *err)
{
    if (!rule || pending >= rule->max_pending)
        return err_set(err, ERR_BUSY, "%d requests of this domain are not over yet; ask again later", pending);
    return 0;
}

int policy_check_create(const struct policy_rule *rule, const struct policy_usage *usage, struct err *err)
{
    if (!rule)
        return err_set(err, ERR_DENIED, "this domain may ask for nothing");
    if (usage->since >= 0 && usage->since < rule->min_interval)
        return err_set(err, ERR_BUSY, "the last snapshot was asked for %lld s ago; ask again in %lld s", usage->since,
                       rule->min_interval - usage->since);
    if (usage->snapshots >= rule->max_snapshots)
        return err_set(err, ERR_QUOTA, "there are %d snapshots, and at most %d are allowed", usage->snapshots,
                       rule->max_snapshots);
    if (usage->more_bytes && usage->bytes + usage->more_bytes > rule->max_bytes)
        return err_set(err, ERR_QUOTA, "the memory images would have %lld bytes, and at most %lld are allowed",
                       usage->bytes + usage->more_bytes, rule->max_bytes);
    return 0;
}
