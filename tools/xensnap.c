/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: options, the table of commands, and help. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "report.h"
#include "text.h"
#include "xensnap.h"

enum { TIMEOUT_MAX = 1000000000 };

/* Each option has a letter; short_options says which may be given as such. */
static const char short_options[] = ":n:d:DeNm:lpyqh";
static const struct option long_options[] = {
    { "name", required_argument, NULL, 'n' },
    { "description", required_argument, NULL, 'd' },
    { "disk-only", no_argument, NULL, 'D' },
    { "external", no_argument, NULL, 'e' },
    { "disks", required_argument, NULL, 'K' },
    { "memory", required_argument, NULL, 'm' },
    { "quiesce", optional_argument, NULL, 'Q' },
    { "dry-run", no_argument, NULL, 'N' },
    { "config", required_argument, NULL, 'C' },
    { "long", no_argument, NULL, 'l' },
    { "tree", no_argument, NULL, 'R' },
    { "paused", no_argument, NULL, 'p' },
    { "yes", no_argument, NULL, 'y' },
    { "json", no_argument, NULL, 'J' },
    { "no-wait", no_argument, NULL, 'W' },
    { "timeout", required_argument, NULL, 'T' },
    { "quiet", no_argument, NULL, 'q' },
    { "data", no_argument, NULL, 'A' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { 0 },
};
static const char global_options[] = "JTqhV";

static const struct command {
    const char *name;
    int (*run)(struct xensnap *xensnap, const struct options *options);
    const char *options; /* the letters of those that are its own */
    int arguments;       /* at most: DOMAIN and NAME, or with create the configuration file */
    bool needs_name;
    const char *synopsis, *summary, *help;
} commands[] = {
    { "create", command_create, "ndDeKmQNCW", 2, false,
      "[OPTIONS] DOMAIN [CONFIGFILE]", "make a snapshot",
      "Makes a snapshot of the domain: its memory and all its writable disks.  CONFIGFILE may\n"
      "also come before DOMAIN; see xensnap-snapshot.conf(5).\n"
      "\n"
      "  -n, --name NAME         what to call it; default: the time in seconds since 1970\n"
      "  -d, --description TEXT  a sentence to remember it by\n"
      "  -D, --disk-only         without the memory, as after a power cut\n"
      "  -m, --memory FILE       the memory image to be made; also: yes, no\n"
      "  -e, --external          go on in new overlay files instead of inside the images\n"
      "      --disks VDEV,...    these disks and no other\n"
      "      --quiesce[=try]     with -D: the guest's file systems are frozen meanwhile\n"
      "  -N, --dry-run           only tell what would be done\n"
      "      --config FILE       the configuration file, if it could be taken for the domain\n" },
    { "list", command_list, "nlR", 2, false,
      "[-l | --tree] DOMAIN [NAME]", "list the snapshots of a domain",
      "Lists the snapshots of the domain, or the one of that name, oldest first.  A \"*\" marks\n"
      "the one that the domain was made from or brought back to last.\n"
      "\n"
      "  -l, --long              everything that is known of each\n"
      "      --tree              what descends from what; an only child stands below its parent\n" },
    { "delete", command_delete, "nW", 2, true,
      "DOMAIN NAME", "delete a snapshot",
      "Deletes the snapshot NAME (also: -n NAME).  Later snapshots and the domain are not\n"
      "touched.\n" },
    { "revert", command_revert, "npW", 2, true,
      "[-p] DOMAIN NAME", "bring a domain back to a snapshot",
      "Brings the domain back to the snapshot NAME (also: -n NAME).  What it holds now, in\n"
      "memory and on its disks, is lost.\n"
      "\n"
      "  -p, --paused            leave it paused\n" },
    { "release", command_release, "yNW", 2, true,
      "[-y] DOMAIN IMAGE|SNAPSHOT_ID", "give up an image, or a snapshot that cannot be read",
      "IMAGE, an absolute path: an image that no disk uses any more.  It is yours then, to be\n"
      "kept or removed.  SNAPSHOT_ID: takes a snapshot that cannot be read out of the list.\n"
      "Nothing is removed.\n"
      "\n"
      "  -N, --dry-run           only tell what would be done\n"
      "  -y, --yes               do not ask\n" },
    { "accept", command_accept, "yNW", 1, false,
      "[-y] DOMAIN", "say that the VM is what runs now",
      "The VM's disks are those that it has now, whatever was known before, and what was\n"
      "begun and cannot be finished is given up.  No image is removed.\n"
      "\n"
      "  -N, --dry-run           only tell what would be given up\n"
      "  -y, --yes               do not ask\n" },
    { "forget", command_forget, "yNW", 1, false,
      "[-y] DOMAIN", "give up all snapshots of a domain",
      "Gives up all snapshots, and removes the images that were nothing else.  What a disk\n"
      "is in, or has gone on in, stays, and is xensnap's no more.\n"
      "\n"
      "  -N, --dry-run           only tell what would be done\n"
      "  -y, --yes               do not ask\n" },
    { "status", command_status, "", 1, false,
      "[DOMAIN]", "show requests and how they are doing",
      "Shows the requests that wait, run or ended not long ago; with DOMAIN those about it.\n" },
    { "check", command_check, "CA", 1, false,
      "[--data] [DOMAIN]", "look for what is wrong in the store",
      "Looks at all that is stored of VMs, or of one, and says a line for each thing that is not\n"
      "as it should be, and what to do about it.  It changes nothing and waits for nothing.\n"
      "Exit codes: 0 all is well, 1 there are problems, 2 it could not be looked at.\n"
      "\n"
      "      --data              also read memory images and the tables of images that nobody\n"
      "                          writes to: may take long\n"
      "      --config FILE       the agent's configuration file, which names the store\n" },
    { "policy", command_policy, "C", 2, false,
      "check [FILE] | explain DOMAIN", "what guests may ask for",
      "check: whether the agent would take the configuration file, " SYSCONFDIR "/xensnap/xensnap.conf" ".\n"
      "explain: which section of it is about the domain, and what that lets it ask for.\n"
      "\n"
      "      --config FILE       the configuration file\n" },
};

/* ---- help ---------------------------------------------------------------------------------------------- */

static void help_globals(void)
{
    puts("  --json                  JSON on stdout, also for errors\n"
         "  --timeout SECONDS       wait no longer for the result; default 0: for ever\n"
         "  -q, --quiet             no progress, and no sentence about the result\n"
         "  -h, --help              this text, or that of a command\n"
         "  --version               the version");
}

static void help_all(void)
{
    puts("Usage: xensnap COMMAND [OPTIONS] [DOMAIN] [NAME]\n"
         "Snapshots of Xen domains, made by xensnapd.\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-7s %-30s %s\n", commands[i].name, commands[i].synopsis, commands[i].summary);
    puts("\nDOMAIN is a name, a domid or a UUID; inside a guest it is left out, means the guest,\n"
         "and NAME is given with -n.\n"
         "Ctrl-C cancels the operation and waits for its end; a second one does not wait.\n"
         "\n"
         "Options of all commands:");
    help_globals();
    putchar('\n');
    report_codes();
}

static void help_command(const struct command *command)
{
    printf("Usage: xensnap %s %s\n%s", command->name, command->synopsis, command->help);
    if (!strstr(command->help, "\n\n"))
        putchar('\n');
    if (strchr(command->options, 'W'))
        puts("  --no-wait               print the request's id and leave; see xensnap status");
    help_globals();
}

/* ---- options ------------------------------------------------------------------------------------------- */

static int take_timeout(struct options *options, const char *text)
{
    char *end;
    long seconds;

    errno = 0;
    seconds = strtol(text, &end, 10);
    if (errno || end == text || *end || seconds < 0 || seconds > TIMEOUT_MAX)
        return report_usage(options, "--timeout is a number of seconds");
    options->timeout = (int)seconds;
    return 0;
}

static int take(struct options *options, int letter)
{
    switch (letter) {
    case 'n': options->name = optarg; break;
    case 'd': options->description = optarg; break;
    case 'D': options->disk_only = true; break;
    case 'e': options->external = true; break;
    case 'K': options->disks = optarg; break;
    case 'm': options->memory = optarg; break;
    case 'Q': options->quiesce = optarg ? optarg : "must"; break;
    case 'N': options->dry_run = true; break;
    case 'C': options->config = optarg; break;
    case 'l': options->long_list = true; break;
    case 'R': options->tree = true; break;
    case 'A': options->data = true; break;
    case 'p': options->paused = true; break;
    case 'y': options->yes = true; break;
    case 'J': options->json = true; break;
    case 'W': options->no_wait = true; break;
    case 'q': options->quiet = true; break;
    case 'h': options->help = true; break;
    case 'V': options->version = true; break;
    case 'T': return take_timeout(options, optarg);
    }
    return 0;
}

static const char *option_name(int letter)
{
    for (const struct option *option = long_options; option->name; option++)
        if (option->val == letter)
            return option->name;
    return "?";
}

/* What getopt left to say about a word that it refused. */
static int refuse(const struct options *options, int code, const char *word)
{
    if (code == ':')
        return report_usage(options, "--%s needs a value", option_name(optopt));
    if (optopt == 0)
        return report_usage(options, "%s is no option", word);
    if (*option_name(optopt) == '?')
        return report_usage(options, "-%c is no option", optopt);
    return report_usage(options, "--%s takes no value", option_name(optopt));
}

/* The letters that were SEEN must all mean something to the command. */
static int check_letters(const struct options *options, const struct command *command, const char *seen)
{
    for (; *seen; seen++)
        if (!strchr(command->options, *seen) && !strchr(global_options, *seen))
            return report_usage(options, "--%s means nothing to %s", option_name(*seen), command->name);
    return 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* getopt moves options to the front, so that they may stand anywhere.  SEEN has room for every letter. */
static int take_options(struct options *options, char *seen, int argc, char **argv)
{
    int letter, code;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (letter == '?' || letter == ':')
            return refuse(options, letter, argv[optind - 1]);
        code = take(options, letter);
        if (code != 0)
            return code;
        if (!strchr(seen, letter))
            seen[strlen(seen)] = (char)letter;
    }
    return 0;
}

/* The second word: of create a configuration file, else the snapshot's name. */
static int take_second(struct options *options, const struct command *command, const char *word)
{
    if (command->run == command_create) {
        if (options->config)
            return report_usage(options, "too many words, as --config is given: %s", word);
        options->config = word;
        options->either_order = true;
        return 0;
    }
    if (options->name)
        return report_usage(options, "the snapshot's name is given twice");
    options->name = word;
    return 0;
}

static int take_words(struct options *options, const struct command *command, int count, char **words)
{
    int code = 0;

    if (count > command->arguments)
        return report_usage(options, "too many words: %s", words[command->arguments]);
    if (count > 0)
        options->domain = words[0];
    if (count > 1)
        code = take_second(options, command, words[1]);
    if (code == 0 && command->needs_name && !options->name)
        return report_usage(options, command->run == command_release ? "which image or snapshot?" : "which snapshot?");
    if (code == 0 && options->tree && options->long_list)
        return report_usage(options, "--long or --tree?");
    if (code == 0 && command->run == command_release && options->name && strchr(options->name, '/'))
        options->image = true;
    return code;
}

/* ---- main ---------------------------------------------------------------------------------------------- */

static int run(const struct command *command, const struct options *options)
{
    struct xensnap *xensnap;
    struct xensnap_error error;
    int code;

    if (xensnap_open(&xensnap, &error) < 0) {
        if (command->run != command_policy && command->run != command_check)
            return report(options, &error);
        xensnap = NULL;
    }
    code = command->run(xensnap, options);
    xensnap_close(xensnap);
    return code;
}

/* What could not be written must not look like success. */
static int finish(const struct options *options, int code)
{
    struct xensnap_error error;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    xensnap_error_set(&error, errno == ENOSPC ? XENSNAP_NO_SPACE : XENSNAP_IO, "cannot write to stdout: %s",
                      strerror(errno));
    return code ? code : report(&(struct options){ .command = options->command }, &error);
}

static int dispatch(struct options *options, const char *seen, int count, char **words)
{
    const struct command *command = count > 0 ? find_command(words[0]) : NULL;
    int code;

    if (options->version) {
        puts("xensnap " VERSION);
        return 0;
    }
    if (count > 0 && !command)
        return report_usage(options, "there is no command %s", words[0]);
    if (options->help) {
        command ? help_command(command) : help_all();
        return 0;
    }
    if (!command)
        return report_usage(options, "which command?");
    options->command = command->name;
    code = check_letters(options, command, seen);
    if (code == 0)
        code = take_words(options, command, count - 1, words + 1);
    return code ? code : run(command, options);
}

int main(int argc, char **argv)
{
    struct options options = { .command = "" };
    char seen[sizeof long_options / sizeof *long_options] = "";
    int code;

    text_init();
    code = take_options(&options, seen, argc, argv);
    if (code == 0)
        code = dispatch(&options, seen, argc - optind, argv + optind);
    return finish(&options, code);
}
