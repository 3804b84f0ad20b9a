/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/absolute.h"
#include "cli/command_job.h"
#include "cli/estimate.h"
#include "cli/local_run.h"
#include "cli/manifest.h"
#include "cli/verbs.h"
#include "cli/worker_program.h"
#include "common/contract/fields.h"
#include "common/contract/names.h"
#include "common/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPEED_MAX 1e6

static double speed_read(const struct options *options, struct problems *problems)
{
    char *end;
    double speed;

    if (!options->speed)
        return 0;
    errno = 0;
    speed = strtod(options->speed, &end);
    if (errno || *end || !isfinite(speed) || speed <= 0 || speed > SPEED_MAX)
        problems_add(problems, "--speed: '%s' must be frames a second, such as 24.5",
                     options->speed);
    return speed;
}

static void job_read(cJSON **job, struct options *options, struct problems *problems)
{
    if (!options->manifest) {
        (void)command_job(options, "plan", problems);
        *job = TAKE(options->job);
        return;
    }
    for (int i = 0; i < options->arg_count; i++)
        problems_add(problems, "'%s': plan takes IN and OUT, or -f FILE", options->args[i]);
    manifest_load(job, options->manifest, MANIFEST_BY_OUTPUT, problems);
    if (strncmp(json_text(*job, "spec.source.uri"), "pvc://", 6) == 0)
        problems_add(problems,
                     "spec.source.uri: %s is on a volume, which only pods can read; plan a copy of "
                     "it: stereo plan FILM",
                     json_text(*job, "spec.source.uri"));
}

/* The worker reads the film with the user's own keys, named as everywhere. */
static void keys_lend(void)
{
    static const struct {
        const char *theirs, *other, *ours;
    } names[] = {
        { "AWS_ACCESS_KEY_ID", NULL, ENV_S3_KEY_ID },
        { "AWS_SECRET_ACCESS_KEY", NULL, ENV_S3_SECRET },
        { "AWS_SESSION_TOKEN", NULL, ENV_S3_TOKEN },
        { "AWS_REGION", "AWS_DEFAULT_REGION", ENV_S3_REGION },
        { "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", ENV_S3_ENDPOINT },
        { "AWS_S3_ADDRESSING_STYLE", NULL, ENV_S3_STYLE },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO_FREE char *ours = xasprintf("%s%s", ENV_SOURCE_PREFIX, names[i].ours);
        const char *value = getenv(names[i].theirs);

        if ((!value || !*value) && names[i].other)
            value = getenv(names[i].other);
        if (value && *value)
            (void)setenv(ours, value, 1);
    }
    if (getenv("AWS_CA_BUNDLE"))
        (void)setenv(ENV_CA_FILE, getenv("AWS_CA_BUNDLE"), 1);
}

/* The worker's object; NULL and *code: it has said why not. */
static cJSON *film_estimate(const cJSON *job, bool sample, int *code)
{
    AUTO_FREE char *spec = json_print(cJSON_GetObjectItemCaseSensitive(job, "spec"));
    AUTO_FREE char *path = NULL, *text = NULL;
    const char *argv[] = { NULL, "estimate", sample ? NULL : "--no-sample", NULL };
    cJSON *doc = NULL;
    struct err err;

    if (worker_program_find(&path, &err) < 0) {
        *code = problem_exit(&err);
        return NULL;
    }
    argv[0] = path;
    keys_lend();
    (void)setenv(ENV_SPEC, spec, 1);
    if (worker_program_read(&text, code, argv, &err) < 0)
        *code = problem_exit(&err);
    else if (*code == 0 && json_parse(&doc, text, strlen(text), &err) < 0)
        *code = problem_exit(&err);
    return doc;
}

static int job_plan(cJSON *job, double speed, bool json)
{
    AUTO(cJSON) cJSON *doc = NULL;
    int code = 0;

    if (manifest_is_cluster(job)) {
        fields_default_cluster(job);
    } else {
        absolute_uris(job);
        fields_default(job);
        local_parallelism_default(job);
    }
    doc = film_estimate(job, speed <= 0, &code);
    if (!doc)
        return code;
    estimate_add(doc, job, speed);
    if (json) {
        AUTO_FREE char *text = json_print_pretty(doc);

        (void)fputs(text, stdout);
    } else {
        estimate_print(doc);
    }
    return 0;
}

int verb_plan(int argc, char **argv)
{
    struct problems problems = { 0 };
    struct options options;
    AUTO(cJSON) cJSON *job = NULL;
    double speed;
    int code = 64;

    options_parse(&options, argc, argv, true, &problems);
    if (options.help) {
        help_verb("plan");
        code = 0;
    } else {
        speed = speed_read(&options, &problems);
        job_read(&job, &options, &problems);
        problems_print(&problems);
        if (problems.count == 0)
            code = job_plan(job, speed, options.json);
    }
    problems_clear(&problems);
    options_clear(&options);
    return code;
}
