/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

#include "check.h"

#define UUID "01234567-89ab-4cde-8f01-23456789abcd"
#define OTHER "11111111-89ab-4cde-8f01-23456789abcd"

static struct policy policy;

static void begin(const char *quoted)
{
    struct err err = { 0 };

    if (!CHECK_INT(policy_begin(&policy, quoted, (int)policy.count + 1, &err), 0))
        printf("#     %s\n", err.text);
}

static void set(const char *key, const char *value)
{
    struct err err = { 0 };

    if (!CHECK_INT(policy_set(&policy, key, value, &err), 0))
        printf("#     %s\n", err.text);
}

static const struct policy_rule *find(const char *name, const char *uuid)
{
    return policy_find(&policy, &(struct policy_subject){ name, uuid });
}

static void found(void)
{
    policy.count = 0;
    begin("\"web-[0-9]\"");
    begin("\"web*\"");
    begin("\"uuid:" UUID "\"");
    begin("\"?\"");
    CHECK(find("web-1", OTHER) == &policy.rules[0]);
    CHECK(find("web-x", OTHER) == &policy.rules[1]);
    CHECK(find("web-1", UUID) == &policy.rules[2]);
    CHECK(find("", UUID) == &policy.rules[2]);
    CHECK(find("db", OTHER) == NULL);
    CHECK(find("Web-1", OTHER) == NULL);
    CHECK(find("", OTHER) == NULL);
    begin("\"*\"");
    CHECK(find("db", OTHER) == &policy.rules[4]);
    CHECK(find("", OTHER) == NULL); /* without a name no pattern fits */
}

static void words(void)
{
    char text[POLICY_WORDS_SIZE], who[POLICY_WHO_SIZE];

    policy.count = 0;
    begin("\"a\"");
    policy_operations(&policy.rules[0], text);
    CHECK_STR(text, "");
    set("allow", "  revert list\tcreate list cancel delete ");
    policy_operations(&policy.rules[0], text);
    CHECK_STR(text, "create list delete revert cancel");
    policy_operations(NULL, text);
    CHECK_STR(text, "");
    policy_who(&policy.rules[0], who);
    CHECK_STR(who, "[guest \"a\"]");
    begin("\"uuid:" UUID "\"");
    policy_who(&policy.rules[1], who);
    CHECK_STR(who, "[guest \"uuid:" UUID "\"]");
}

static void requests(void)
{
    struct request create = { .operation = OPERATION_CREATE, .disk_only = true }, with_memory = create;
    struct request release = { .operation = OPERATION_RELEASE }, accept = { .operation = OPERATION_ACCEPT };
    struct request forget = { .operation = OPERATION_FORGET };
    struct request file = create, target = create, dry = create, revert = { .operation = OPERATION_REVERT };
    struct err err = { 0 };
    const struct policy_rule *rule = policy.rules;

    with_memory.disk_only = false;
    snprintf(file.memory, sizeof file.memory, "/x");
    target.disk_count = 2;
    snprintf(target.disks[1].target, sizeof target.disks[1].target, "/x");
    dry.dry_run = true;
    policy.count = 0;
    begin("\"a\"");
    CHECK_INT(policy_check_request(NULL, &create, &err), -1);
    CHECK_INT(err.code, ERR_DENIED);
    CHECK_INT(policy_check_request(rule, &create, &err), -1);
    CHECK_STR(err.text, "this domain may ask for nothing");
    set("allow", "create");
    CHECK_INT(policy_check_request(rule, &create, &err), 0);
    CHECK_INT(policy_check_request(rule, &revert, &err), -1);
    CHECK_STR(err.text, "this domain may not ask for revert");
    CHECK_INT(policy_check_request(rule, &with_memory, &err), -1);
    CHECK_HAS(err.text, "memory=no");
    set("memory", "yes");
    CHECK_INT(policy_check_request(rule, &with_memory, &err), 0);
    CHECK_INT(policy_check_request(rule, &file, &err), -1);
    CHECK_INT(policy_check_request(rule, &target, &err), -1);
    CHECK_INT(policy_check_request(rule, &dry, &err), -1);
    /* dom0's alone, and no word of the configuration */
    CHECK_INT(policy_check_request(rule, &release, &err), -1);
    CHECK_INT(policy_check_request(rule, &accept, &err), -1);
    CHECK_INT(policy_check_request(rule, &forget, &err), -1);
    CHECK_INT(err.code, ERR_DENIED);
    CHECK_INT(policy_set(&policy, "allow", "create accept", &err), -1);
    CHECK_INT(policy_set(&policy, "allow", "forget", &err), -1);
}

static bool may(const char *name, const char *uuid, bool self)
{
    struct err err = { 0 };
    int result = policy_check_target(&policy.rules[0], &(struct policy_subject){ name, uuid }, self, &err);

    CHECK(result == 0 || (err.code == ERR_DENIED &&
                          strcmp(err.text, "this domain may not ask for anything about that one") == 0));
    return result == 0;
}

static void targets(void)
{
    policy.count = 0;
    begin("\"a\"");
    CHECK(may("a", UUID, true) && !may("a", OTHER, false) && !policy_has_others(&policy.rules[0]));
    set("targets", "db* uuid:" OTHER);
    CHECK(policy_has_others(&policy.rules[0]));
    CHECK(!may("a", UUID, true));
    CHECK(may("db1", UUID, false) && may("", OTHER, false) && may("x", OTHER, false) && !may("", UUID, false));
    CHECK(!may("self", UUID, false)); /* a name, not the word */
    set("targets", "self *");
    CHECK(may("a", UUID, true) && may("x", UUID, false) && !may("", UUID, false));
    CHECK(!policy_has_others(NULL));
}

static enum err_code create(int snapshots, long long bytes, long long more, long long since)
{
    struct policy_usage usage = { snapshots, bytes, more, since };
    struct err err = { 0 };
    int rc = policy_check_create(&policy.rules[0], &usage, &err);

    CHECK_INT(rc, err.code ? -1 : 0);
    return err.code;
}

static void limits(void)
{
    struct err err = { 0 };

    policy.count = 0;
    begin("\"a\"");
    set("max-snapshots", "3");
    set("max-bytes", "1M");
    CHECK_INT(create(0, 0, 0, -1), ERR_NONE);
    CHECK_INT(create(2, 0, 1 << 20, -1), ERR_NONE);
    CHECK_INT(create(3, 0, 0, -1), ERR_QUOTA);
    CHECK_INT(create(0, 1, 1 << 20, -1), ERR_QUOTA);
    CHECK_INT(create(0, 2 << 20, 0, -1), ERR_NONE); /* without memory it adds none */
    CHECK_INT(create(0, 0, 0, 59), ERR_BUSY);
    CHECK_INT(create(0, 0, 0, 60), ERR_NONE);
    set("min-interval", "0");
    CHECK_INT(create(0, 0, 0, 0), ERR_NONE);
    CHECK_INT(policy_check_pending(&policy.rules[0], 1, &err), 0);
    CHECK_INT(policy_check_pending(&policy.rules[0], 2, &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    CHECK_INT(policy_check_pending(NULL, 0, &err), -1);
    CHECK_INT(policy_check_create(NULL, &(struct policy_usage){ .since = -1 }, &err), -1);
    CHECK_INT(err.code, ERR_DENIED);
}

static const struct check_test tests[] = {
    { "a UUID's section comes first, then the first pattern that fits the name", found },
    { "what is allowed is told in words", words },
    { "only what is allowed may be asked for, and never a file or a dry run", requests },
    { "targets are the guest itself, or what fits, and all else is refused in the same words", targets },
    { "number, bytes, interval and what is pending have limits", limits },
};

CHECK_MAIN(tests)
