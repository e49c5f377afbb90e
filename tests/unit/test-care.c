/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "care.h"

#include <sys/wait.h>

#include "scratch.h"

#define VM1 "0123abcd-4567-89ab-cdef-0123456789ab"
#define VM2 "89ab0123-4567-89ab-cdef-0123456789ab"

static const char *run_of(const struct scratch *scratch)
{
    static char run[128];

    snprintf(run, sizeof run, "%s/run", scratch->path);
    return run;
}

/* What care_each_alone() has called: "VM.DOMID" one after the other. */
struct visits {
    const char *run;
    int count;
    char last[CARE_NAME_SIZE];
    bool held;  /* in all of them nobody else could get hold of it */
    bool valid; /* the descriptor was one */
    int keep;   /* a copy of the descriptor, as a monitor inherits one */
};

static void visit(void *data, const char *vm, unsigned domid, int held)
{
    struct visits *visits = data;
    int again = care_hold(CARE_END, visits->run, vm, domid);

    visits->count++;
    snprintf(visits->last, sizeof visits->last, "%s.%u", vm, domid);
    visits->held &= again < 0;
    visits->valid &= fcntl(held, F_GETFD) >= 0;
    if (visits->keep == 0)
        visits->keep = dup(held);
    closep(&again);
}

static struct visits visit_all(const char *run)
{
    struct visits visits = { .run = run, .held = true, .valid = true, .keep = -1 };

    care_each_alone(CARE_END, run, visit, &visits);
    return visits;
}

static void makes_a_file(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };

    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    CHECK_INT(scratch_mode(&scratch, "run"), 0700);
    CHECK_INT(scratch_mode(&scratch, "run/monitor"), 0700);
    CHECK_INT(scratch_mode(&scratch, "run/monitor/" VM1 ".5"), 0600);
    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    CHECK_INT(care_begin(CARE_END, run, VM1, 6, &err), 0);
    CHECK(scratch_has(&scratch, "run/monitor/" VM1 ".6"));
    care_end(CARE_END, run, VM1, 5);
    CHECK(!scratch_has(&scratch, "run/monitor/" VM1 ".5"));
    CHECK(scratch_has(&scratch, "run/monitor/" VM1 ".6"));
    care_end(CARE_END, run, VM1, 5); /* nothing there is fine */
}

static void cannot_be_made(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };

    scratch_write(&scratch, "run", "a file");
    CHECK_INT(care_begin(CARE_END, run_of(&scratch), VM1, 5, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(care_hold(CARE_END, run_of(&scratch), VM1, 5), -1);
    CHECK_INT(visit_all(run_of(&scratch)).count, 0);
    care_end(CARE_END, run_of(&scratch), VM1, 5);
}

static void held_by_one(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };
    int held, copy;

    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1); /* not in our care */
    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    held = care_hold(CARE_END, run, VM1, 5);
    CHECK(held >= 0);
    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1);
    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0); /* also while somebody holds it */
    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1);
    copy = dup(held);
    close(held);
    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1);
    close(copy);
    held = care_hold(CARE_END, run, VM1, 5);
    CHECK(held >= 0);
    closep(&held);
}

static void is_taken(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };
    int held = -1, other = -1;

    CHECK_INT(care_take(CARE_END, run, VM1, 5, &held, &err), 1);
    CHECK_INT(scratch_mode(&scratch, "run/monitor/" VM1 ".5"), 0600);
    CHECK_INT(visit_all(run).count, 0);
    CHECK_INT(care_take(CARE_END, run, VM1, 5, &other, &err), 0);
    CHECK_INT(other, -1);
    closep(&held);
    CHECK_INT(visit_all(run).count, 1);
    CHECK_INT(care_take(CARE_END, run, VM1, 5, &held, &err), 1); /* what is there already */
    CHECK_INT(visit_all(run).count, 0);
    closep(&held);
    scratch_write(&scratch, "file", "");
    held = -1;
    CHECK_INT(care_take(CARE_END, scratch_path(&scratch, "file"), VM1, 5, &held, &err), -1);
    CHECK_INT(held, -1);
}

enum { TAKES = 2000 };

static void end_and_take(const char *run)
{
    for (unsigned domid = 1; domid <= TAKES; domid++) {
        struct err err;
        int held = -1;

        if (care_take(CARE_END, run, VM1, domid, &held, &err) != 1)
            _exit(1);
        care_end(CARE_END, run, VM1, domid);
        close(held);
    }
    _exit(0);
}

/* As an agent that looks at every moment: it finds nobody alone. */
static void taken_before_it_is_seen(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    int status = -1, alone = 0;
    pid_t child = fork();

    if (child == 0)
        end_and_take(run);
    while (waitpid(child, &status, WNOHANG) == 0)
        alone += visit_all(run).count;
    CHECK_INT(alone, 0);
    CHECK_INT(status, 0);
}

static void alone_are_visited(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };
    struct visits visits;
    int held;

    CHECK_INT(visit_all(run).count, 0);
    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    CHECK_INT(care_begin(CARE_END, run, VM2, 32751, &err), 0);
    visits = visit_all(run);
    CHECK_INT(visits.count, 2);
    CHECK(visits.held);
    CHECK(visits.valid);
    held = care_hold(CARE_END, run, VM1, 5); /* it can be held again after the visit */
    CHECK(held >= 0);
    visits = visit_all(run);
    CHECK_INT(visits.count, 1);
    CHECK_STR(visits.last, VM2 ".32751");
    closep(&held);
}

static void a_copy_goes_on_holding(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct visits visits = { .run = run, .held = true, .valid = true };
    struct err err = { 0 };

    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    care_each_alone(CARE_END, run, visit, &visits);
    CHECK(visits.keep > 0);
    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1);
    CHECK_INT(visit_all(run).count, 0);
    closep(&visits.keep);
    CHECK_INT(visit_all(run).count, 1);
}

static void ends_with_its_process(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };
    int status = -1;
    pid_t child;

    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), 0);
    child = fork();
    if (child == 0)
        _exit(care_hold(CARE_END, run, VM1, 5) >= 0 ? 0 : 1); /* and does not close it */
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    CHECK_INT(visit_all(run).count, 1);
}

static void other_files_are_left(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    static const char *const strange[] = {
        "run/monitor/" VM1,       "run/monitor/" VM1 ".",     "run/monitor/" VM1 ".x",
        "run/monitor/" VM1 ".-1", "run/monitor/" VM1 ".5.6",  "run/monitor/" VM1 ".32752",
        "run/monitor/" VM1 "-5",  "run/monitor/0123ABCD.5",   "run/monitor/README",
    };
    struct err err = { 0 };

    CHECK_INT(care_begin(CARE_END, run, VM2, 1, &err), 0);
    care_end(CARE_END, run, VM2, 1);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        scratch_write(&scratch, strange[i], "");
    CHECK_INT(visit_all(run).count, 0);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        CHECK(scratch_has(&scratch, strange[i]));
}

static void no_links(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };

    CHECK_INT(care_begin(CARE_END, run, VM2, 1, &err), 0);
    scratch_write(&scratch, "precious", "");
    CHECK_INT(symlinkat("../../precious", scratch.dir, "run/monitor/" VM1 ".5"), 0);
    CHECK_INT(care_begin(CARE_END, run, VM1, 5, &err), -1);
    CHECK_INT(care_hold(CARE_END, run, VM1, 5), -1);
    CHECK_INT(visit_all(run).count, 1);
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    const char *run = run_of(&scratch);
    struct err err = { 0 };
    int before = scratch_descriptors(), held, taken = -1;

    care_begin(CARE_END, run, VM1, 5, &err);
    held = care_hold(CARE_END, run, VM1, 5);
    care_hold(CARE_END, run, VM1, 5);
    care_hold(CARE_END, run, VM2, 5);
    care_take(CARE_END, run, VM1, 5, &taken, &err);
    visit_all(run);
    closep(&held);
    care_take(CARE_END, run, VM2, 5, &taken, &err);
    closep(&taken);
    visit_all(run);
    care_end(CARE_END, run, VM1, 5);
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "care begins with a file and ends with it, and twice is no error", makes_a_file },
    { "care that cannot begin says so", cannot_be_made },
    { "one holds a domain as long as a copy of the descriptor is open", held_by_one },
    { "care can begin held, but not where another holds it", is_taken },
    { "whoever looks meanwhile finds nobody alone", taken_before_it_is_seen },
    { "each domain that nobody holds is visited, held", alone_are_visited },
    { "who keeps a copy of the visit's descriptor goes on holding", a_copy_goes_on_holding },
    { "a process that ends holds nothing any more", ends_with_its_process },
    { "files of another name are left alone", other_files_are_left },
    { "symbolic links are not followed", no_links },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
