/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command_job.h"

#include "cli/flag_words.h"
#include "cli/output_name.h"
#include "common/contract/fields.h"
#include "common/mem.h"

#include <string.h>

static void set_text(cJSON *job, const char *path, const char *value)
{
    json_path_set(job, path, cJSON_CreateString(value));
}

static enum layout layout_of(const cJSON *job)
{
    const cJSON *value = json_path(job, "spec.stereo.layout");
    char kebab[32] = "full-sbs";

    if (cJSON_IsString(value))
        fields_kebab(kebab, sizeof(kebab), value->valuestring);
    for (int layout = LAYOUT_FULL_SBS; layout < LAYOUT_COUNT; layout++)
        if (strcmp(layout_flag((enum layout)layout), kebab) == 0)
            return (enum layout)layout;
    return LAYOUT_FULL_SBS;
}

/* IN and OUT into the document that the options began. */
static int job_complete(struct options *options, struct err *err)
{
    const char *in = options->args[0];
    const char *out = options->arg_count > 1 ? options->args[1] : NULL;
    AUTO_FREE char *output = NULL, *name = NULL;

    if (output_name(&output, in, out, layout_of(options->job), err) < 0)
        return -1;
    name = output_job_name(output);
    set_text(options->job, "apiVersion", "stereojob.io/v1");
    set_text(options->job, "kind", "StereoJob");
    set_text(options->job, "metadata.name", name);
    set_text(options->job, "spec.source.uri", in);
    set_text(options->job, "spec.output.uri", output);
    return 0;
}

static void arguments_check(const struct options *options, const char *verb,
                            struct problems *problems)
{
    if (options->arg_count < 1)
        problems_add(problems, "IN is missing: stereo %s IN OUT; --help has examples", verb);
    if (options->arg_count > 2)
        problems_add(problems, "'%s': %s takes IN and OUT, nothing more", options->args[2], verb);
}

static void add_problem(struct problems *problems, const char *text)
{
    AUTO_FREE char *words = flag_words(text);

    problems_add(problems, "%s", words);
}

int command_job(struct options *options, const char *verb, struct problems *problems)
{
    struct fields_report report = { 0 };
    struct err err;

    arguments_check(options, verb, problems);
    if (options->arg_count < 1)
        return -1;
    if (job_complete(options, &err) < 0) {
        problems_add(problems, "%s", err.msg);
        return -1;
    }
    if (fields_check(options->job, NULL, true, &report, &err) < 0)
        for (size_t i = 0; i < report.count; i++)
            add_problem(problems, report.problems[i].text);
    fields_report_clear(&report);
    return problems->count > 0 ? -1 : 0;
}
