/* SPDX-License-Identifier: Apache-2.0
 *
 * assemble_film - joins made-up segments with the rest of a real film, for tests/media/check.py and
 * for measuring: prints how long the assembly took, and the folder, which is kept.
 *
 *     assemble_film SOURCE out.mp4 [SEGMENTS [LAYOUT [large]]]    LAYOUT 0..6 as enum layout
 */
#include "common/clock.h"
#include "common/mem.h"
#include "tests/worker/assemble/handmade.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static char *copy_arguments;
static struct handmade_opts opts = { .source = "in", .segments = 3 };

static double run(struct handmade *made, struct record *record)
{
    int64_t start = clock_mono_us();
    struct err err;

    CHECK_OK(assemble_run(&made->job, record, &err), err);
    return (double)(clock_mono_us() - start) / 1e6;
}

static double cpu(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double children(void)
{
    struct rusage use;

    (void)getrusage(RUSAGE_CHILDREN, &use);
    return (double)(use.ru_stime.tv_sec + use.ru_utime.tv_sec) +
           (double)(use.ru_stime.tv_usec + use.ru_utime.tv_usec) / 1e6;
}

static double shell(struct handmade *made, const char *command)
{
    int64_t start = clock_mono_us();

    CHECK_INT("shell", handmade_shell(made, command), 0);
    return (double)(clock_mono_us() - start) / 1e6;
}

/* Against cp of the same bytes, both until they are on the disk, turn about. CPU seconds as well:
 * on a busy machine they say more. */
static void measure(struct handmade *made)
{
    for (int i = 0; i < 5; i++) {
        struct record record = { 0 };
        double copy, sync, join, copy_cpu, thread, process;

        (void)shell(made, "rm -f copy out.* work/assemble.json; sync");
        (void)shell(made, "cat work/segments/*/*.nut > /dev/null");
        copy_cpu = children();
        copy = shell(made, "cp work/segments/*/*.nut copy");
        copy_cpu = children() - copy_cpu;
        sync = shell(made, "sync copy");
        (void)shell(made, "rm copy; sync");
        thread = cpu(CLOCK_THREAD_CPUTIME_ID);
        process = cpu(CLOCK_PROCESS_CPUTIME_ID);
        join = run(made, &record);
        (void)printf("cp %.2f s (cpu %.2f), with sync %.2f; assembly %.2f (cpu %.2f, main thread "
                     "%.2f): %.2f of cp, %.2f with sync\n",
                     copy, copy_cpu, copy + sync, join, cpu(CLOCK_PROCESS_CPUTIME_ID) - process,
                     cpu(CLOCK_THREAD_CPUTIME_ID) - thread, copy / join, (copy + sync) / join);
    }
}

static void assembles(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    double seconds;

    (void)state;
    handmade_make(&made, &opts);
    seconds = run(&made, &record);
    (void)printf("%s %.3f s, %.1f MB\n", made.folder, seconds, (double)record.bytes / 1e6);
    if (opts.large)
        measure(&made);
    (void)setenv("KEEP", "1", 1);
    handmade_clear(&made);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(assembles) };
    const char *dot = argc > 1 ? strrchr(argv[1], '.') : NULL;
    AUTO_FREE char *source = NULL;
    int rc;

    if (argc < 3 || !dot) {
        (void)fprintf(stderr, "usage: assemble_film SOURCE out.mp4 [SEGMENTS [LAYOUT]]\n");
        return 64;
    }
    source = xasprintf("in%s", dot);
    copy_arguments = xasprintf("-version >&2; cp '%s' %s; true", argv[1], source);
    opts.ffmpeg = copy_arguments;
    opts.source = source;
    opts.output = argv[2];
    opts.segments = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 3;
    opts.layout = argc > 4 ? (enum layout)strtol(argv[4], NULL, 10) : LAYOUT_FULL_SBS;
    opts.large = argc > 5;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(copy_arguments);
    return rc;
}
