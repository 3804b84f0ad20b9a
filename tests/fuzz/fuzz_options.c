/* SPDX-License-Identifier: Apache-2.0
 *
 * A command line, its words separated by newlines: what comes of it is a job that the checks take,
 * or at least one problem in words.
 */
#include "tests/fuzz/fuzz.h"

#include "cli/command_job.h"
#include "common/contract/fields.h"
#include "common/mem.h"

#include <string.h>

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xstrndup((const char *)data, size);
    char *words[WORDS_MAX + 1] = { text };
    struct problems problems = { 0 };
    struct options options;
    int count = 1;

    for (char *at = text; (at = strchr(at, '\n')) && count < WORDS_MAX;) {
        *at++ = '\0';
        words[count++] = at;
    }
    options_parse(&options, count, words, true, &problems);
    FUZZ_CHECK(options.arg_count <= OPTIONS_MAX_ARGS && options.job);
    if (!options.help && !options.manifest && command_job(&options, "convert", &problems) == 0) {
        struct fields_report report = { 0 };
        struct err err;

        FUZZ_CHECK(problems.count == 0);
        fields_default(options.job);
        FUZZ_CHECK(fields_check(options.job, NULL, true, &report, &err) == 0);
        fields_report_clear(&report);
    } else {
        FUZZ_CHECK(options.help || options.manifest || problems.count > 0);
    }
    for (size_t i = 0; i < problems.count; i++)
        FUZZ_CHECK(problems.lines[i] && *problems.lines[i]);
    problems_clear(&problems);
    options_clear(&options);
    return 0;
}
