/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xensnap policy: what the agent would make of its configuration file, in its own words.  It asks nobody: the file is
 * read here, and whom DOMAIN means is looked up in xenstore. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "report.h"
#include "text.h"

struct who {
    int domid; /* -1: it does not run */
    char uuid[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
};

/* The sentence, and so the exit code, is the one that the agent would give. */
static int complain(const struct options *options, const struct err *err)
{
    struct xensnap_error error;

    xensnap_error_set(&error, (int)err->code, "%s", err->text);
    return report(options, &error);
}

static const char *config_path(const char *given)
{
    return given ? given : CONF_PATH;
}

static int check(const struct options *options)
{
    const char *path = config_path(options->name ? options->name : options->config);
    struct conf conf = conf_default;
    struct err err;

    if (conf_read(&conf, path, true, &err) < 0)
        return complain(options, &err);
    if (!options->quiet)
        printf("%s: nothing is wrong with it; sections about guests: %zu\n", path, conf.policy.count);
    return 0;
}

/* ---- who DOMAIN is -------------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const struct xensnap_map *map, const char *key)
{
    const char *value = xensnap_map_get(map, key);

    snprintf(to, size, "%s", value ? value : "");
}

/* Where there is no such domain, one that would be called so. */
static void find_who(struct xensnap *xensnap, const char *text, struct who *who)
{
    struct xensnap_map *vm = xensnap ? xensnap_vm(xensnap, text) : NULL;

    *who = (struct who){ .domid = -1 };
    if (vm) {
        who->domid = (int)xensnap_map_number(vm, "domid", -1);
        copy(who->uuid, sizeof who->uuid, vm, "vm");
        copy(who->name, sizeof who->name, vm, "name");
        xensnap_map_free(vm);
    } else if (uuid_valid(text))
        snprintf(who->uuid, sizeof who->uuid, "%s", text);
    else if (name_valid(text))
        snprintf(who->name, sizeof who->name, "%s", text);
}

/* ---- explain -------------------------------------------------------------------------------------------- */

static void put_line(const char *key, const char *value)
{
    printf("%-14s ", key);
    text_put(stdout, value, 0);
    putchar('\n');
}

static void put_number(const char *key, long long value)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", value);
    put_line(key, text);
}

static void put_who(const struct who *who)
{
    if (who->domid >= 0)
        put_number("domid:", who->domid);
    put_line("uuid:", *who->uuid ? who->uuid : "unknown; sections with a UUID are left out");
    put_line("name:", *who->name ? who->name : "unknown; sections with a pattern are left out");
}

static void put_rule(const struct policy_rule *rule, const char *path)
{
    char who[POLICY_WHO_SIZE], words[POLICY_WORDS_SIZE], size[SIZE_TEXT_SIZE];

    policy_who(rule, who);
    policy_operations(rule, words);
    text_size(size, rule->max_bytes);
    put_line("section:", who);
    printf("%-14s %s:%d\n", "from:", path, rule->line);
    put_line("allow:", *words ? words : "nothing");
    put_line("memory:", rule->memory ? "yes" : "no");
    put_number("max-snapshots:", rule->max_snapshots);
    put_line("max-bytes:", size);
    put_number("min-interval:", rule->min_interval);
    put_number("max-pending:", rule->max_pending);
    put_line("targets:", rule->targets);
}

static int explain(struct xensnap *xensnap, const struct options *options)
{
    const char *path = config_path(options->config);
    struct conf conf = conf_default;
    const struct policy_rule *rule;
    struct who who;
    struct err err;

    if (!options->name)
        return report_usage(options, "which domain?");
    if (conf_read(&conf, path, true, &err) < 0)
        return complain(options, &err);
    find_who(xensnap, options->name, &who);
    rule = policy_find(&conf.policy, &(struct policy_subject){ who.name, who.uuid });
    put_who(&who);
    if (rule)
        put_rule(rule, path);
    else
        put_line("section:", "none: it may ask for nothing");
    return 0;
}

int command_policy(struct xensnap *xensnap, const struct options *options)
{
    if (options->json)
        return report_usage(options, "--json means nothing to policy");
    if (options->domain && strcmp(options->domain, "check") == 0)
        return check(options);
    if (options->domain && strcmp(options->domain, "explain") == 0)
        return explain(xensnap, options);
    return report_usage(options, "policy check, or policy explain?");
}
