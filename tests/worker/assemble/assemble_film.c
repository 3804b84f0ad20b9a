/* SPDX-License-Identifier: Apache-2.0
 *
 * assemble_film - joins made-up segments with the rest of a real film, for tests/media/check.py and
 * for measuring: prints how long the assembly took, and the folder, which is kept.
 *
 *     assemble_film SOURCE out.mp4 [SEGMENTS [LAYOUT]]        LAYOUT 0..6 as enum layout
 */
#include "common/clock.h"
#include "common/mem.h"
#include "tests/worker/assemble/handmade.h"

#include <stdio.h>
#include <stdlib.h>

static char *copy_arguments;
static struct handmade_opts opts = { .source = "in", .segments = 3 };

static void assembles(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;
    int64_t start;

    (void)state;
    handmade_make(&made, &opts);
    start = clock_mono_us();
    CHECK_OK(assemble_run(&made.job, &record, &err), err);
    (void)printf("%s %.3f s, %.1f MB\n", made.folder, (double)(clock_mono_us() - start) / 1e6,
                 (double)record.bytes / 1e6);
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
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(copy_arguments);
    return rc;
}
