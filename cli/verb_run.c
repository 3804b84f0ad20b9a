/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local_run.h"
#include "cli/options.h"
#include "cli/quote.h"
#include "cli/verbs.h"
#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { MANIFEST_MAX_BYTES = 1 << 20 };

static int stdin_read(char **text, size_t *len, struct err *err)
{
    AUTO_BUF struct buf buf;
    char chunk[4096];
    size_t got;

    buf_init(&buf, MANIFEST_MAX_BYTES);
    while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        if (buf_append(&buf, chunk, got, err) < 0)
            return err_wrap(err, "stdin");
    *len = buf.len;
    *text = buf_take(&buf);
    return 0;
}

/* All that is wrong goes to problems, "FILE: line L, column C: field: why". */
static void manifest_check(const cJSON *job, const struct yaml_places *places, const char *file,
                           struct problems *problems)
{
    struct fields_report report = { 0 };
    struct err err;

    if (fields_check(job, places, true, &report, &err) < 0)
        for (size_t i = 0; i < report.count; i++)
            problems_add(problems, "%s: %s", file, report.problems[i].text);
    for (size_t i = 0; i < report.note_count; i++)
        (void)fprintf(stderr, "stereo: note: %s\n", report.notes[i]);
    fields_report_clear(&report);
}

/* *job is owned by the caller, NULL when there are problems. */
static void manifest_load(cJSON **job, const char *file, struct problems *problems)
{
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;
    size_t len;
    int rc = strcmp(file, "-") == 0 ? stdin_read(&text, &len, &err)
                                    : file_read(&text, &len, file, MANIFEST_MAX_BYTES, &err);

    if (rc < 0) {
        problems_add(problems, "%s", err.msg);
        return;
    }
    if (yaml_parse(job, &places, text, len, &err) < 0) {
        problems_add(problems, "%s: %s", file, err.msg);
        return;
    }
    manifest_check(*job, places, file, problems);
}

static void arguments_check(const struct options *options, struct problems *problems)
{
    if (!options->manifest)
        problems_add(problems, "-f FILE is missing: stereo run -f job.yaml");
    for (int i = 0; i < options->arg_count; i++)
        problems_add(problems, "'%s': run takes no arguments but -f FILE", options->args[i]);
}

int verb_run(int argc, char **argv)
{
    struct problems problems = { 0 };
    struct options options;
    AUTO_FREE char *again = quote_command("stereo run", argc, argv);
    AUTO(cJSON) cJSON *job = NULL;
    int code = 64;

    options_parse(&options, argc, argv, false, &problems);
    if (options.help) {
        help_verb("run");
        code = 0;
    } else {
        arguments_check(&options, &problems);
        if (problems.count == 0)
            manifest_load(&job, options.manifest, &problems);
        if (problems.count == 0)
            code = local_run_job(job, &options, again);
        problems_print(&problems);
    }
    problems_clear(&problems);
    options_clear(&options);
    return code;
}
