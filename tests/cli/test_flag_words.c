/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flag_words.h"

#include "common/contract/fields.h"
#include "common/mem.h"
#include "tests/common/check.h"

static const struct row {
    const char *text, *want;
} rows[] = {
    { "", "" },
    { "no space left", "no space left" },
    { "spec.stereo.divergence: must be 0..10, not 11", "--divergence: must be 0..10, not 11" },
    { "spec.encode.pixFmt: gbrp with spec.encode.codec mpeg4",
      "--pix-fmt: gbrp with --codec mpeg4" },
    { "spec.source.toSeconds: must be after spec.source.fromSeconds (5)",
      "--to: must be after --from (5)" },
    { "spec.source.uri: /f.mp4: Permission denied", "IN: /f.mp4: Permission denied" },
    { "spec.output.uri: must end in .mp4", "OUT: must end in .mp4" },
    { "spec.stereo.convergenceMode: x", "--convergence: x" },
    { "spec.depth.uri: has 5 frames", "--depth: has 5 frames" },
    { "longer segments (spec.segment.seconds), or spec.parallelism.",
      "longer segments (--segment-seconds), or --parallelism." },
    { "/films/spec.encode.crf.mp4: no film", "/films/spec.encode.crf.mp4: no film" },
    { "spec.encode.crf.mp4: no film", "spec.encode.crf.mp4: no film" },
    { "myspec.encode.crf", "myspec.encode.crf" },
    { "spec.", "spec." },
    { "spec.unknown: x", "spec.unknown: x" },
};

static void messages_name_the_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *got = flag_words(rows[i].text);

        CHECK_STR(rows[i].text, got, rows[i].want);
    }
}

/* Whatever the table gets: an option of its own is named. */
static void every_option_of_the_table_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        AUTO_FREE char *text = xasprintf("%s: bad", fields[i].path);
        AUTO_FREE char *want = xasprintf("--%s: bad", fields[i].flag ? fields[i].flag : "");
        AUTO_FREE char *got = flag_words(text);

        if (fields[i].flag)
            CHECK_STR(text, got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_name_the_options),
        cmocka_unit_test(every_option_of_the_table_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
