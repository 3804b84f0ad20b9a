/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/env.h"

#include "common/json.h"
#include "common/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MS     5000
#define BEAT_MIN_MS 10
#define BEAT_MAX_MS 600000
#define TERMINATION "/dev/termination-log"
#define TOKEN_MAX   256
#define SPEC_MAX    (1u << 20)

static void problem(struct env_problems *problems, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void problem(struct env_problems *problems, const char *name, const char *fmt, ...)
{
    char why[440];
    va_list ap;

    if (problems->count == ENV_MAX_PROBLEMS)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    (void)snprintf(problems->text[problems->count], sizeof(problems->text[0]), "%s: %s", name, why);
    problems->count++;
}

/* Set and not empty, or NULL. */
static const char *get(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static char *take(const char *name)
{
    const char *value = get(name);

    return value ? xstrdup(value) : NULL;
}

static char *take_secret(const char *name)
{
    char *value = take(name);

    (void)unsetenv(name);
    return value;
}

static void read_text(struct env_problems *problems, char *out, size_t size, const char *name)
{
    const char *value = get(name);

    if (!value)
        problem(problems, name, "is not set");
    else if (strlen(value) >= size)
        problem(problems, name, "is longer than %zu characters", size - 1);
    else
        (void)snprintf(out, size, "%s", value);
}

static uint32_t read_count(struct env_problems *problems, const char *name, bool required,
                           uint32_t otherwise, uint32_t min, uint32_t max)
{
    const char *value = get(name);
    unsigned long long number;
    char *end;

    if (!value) {
        if (required)
            problem(problems, name, "is not set");
        return otherwise;
    }
    errno = 0;
    number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end || errno || number < min || number > max) {
        problem(problems, name, "'%.40s' is not a whole number from %u to %u", value, min, max);
        return otherwise;
    }
    return (uint32_t)number;
}

/* The variable holds a spec; the contract reads a whole document. */
static void read_spec(struct env_problems *problems, struct job *job)
{
    const char *text = get(ENV_SPEC);
    AUTO(cJSON) cJSON *doc = NULL;
    cJSON *spec = NULL;
    struct err err;

    if (!text) {
        problem(problems, ENV_SPEC, "is not set");
        return;
    }
    if (strlen(text) > SPEC_MAX) {
        problem(problems, ENV_SPEC, "is longer than %u bytes", SPEC_MAX);
        return;
    }
    if (json_parse(&spec, text, strlen(text), &err) < 0) {
        problem(problems, ENV_SPEC, "%s", err.msg);
        return;
    }
    if (json_has(spec, "spec")) {
        doc = spec;
    } else {
        doc = cJSON_CreateObject();
        (void)cJSON_AddItemToObject(doc, "spec", spec);
    }
    if (spec_parse(&job->spec, doc, &err) < 0)
        problem(problems, ENV_SPEC, "%s", err.msg);
}

static void read_token(struct env_problems *problems, struct job *job, bool tracked)
{
    char *token = take_secret(ENV_TRACK_TOKEN);
    size_t len = token ? strlen(token) : 0;

    if (tracked && !token)
        problem(problems, ENV_TRACK_TOKEN, "is not set, and " ENV_TRACK_URL " is");
    else if (len % 2 || len > TOKEN_MAX || (token && strspn(token, "0123456789abcdefABCDEF") < len))
        problem(problems, ENV_TRACK_TOKEN, "is not hex digits");
    job->token_hex = token ? token : xstrdup("");
}

static void read_who(struct env_problems *problems, struct job *job, enum stage stage)
{
    read_text(problems, job->name, sizeof(job->name), ENV_JOB_NAME);
    read_text(problems, job->uid, sizeof(job->uid), ENV_JOB_UID);
    job->id.stage = stage;
    job->id.index =
        read_count(problems, ENV_INDEX, stage == STAGE_CONVERT, 0, 0, PLAN_MAX_SEGMENTS - 1);
    job->id.epoch = read_count(problems, ENV_EPOCH, false, 0, 0, UINT32_MAX);
    job->id.attempt = read_count(problems, ENV_ATTEMPT, false, 0, 0, UINT32_MAX);
}

int env_read(struct job *job, struct env *env, enum stage stage, struct env_problems *problems)
{
    char *build = take(ENV_BUILD), *scratch = take(ENV_SCRATCH);

    problems->count = 0;
    read_who(problems, job, stage);
    read_spec(problems, job);
    job->work_uri = take(ENV_WORK_URI);
    if (!job->work_uri)
        problem(problems, ENV_WORK_URI, "is not set");
    job->build = build ? build : xstrdup("");
    job->scratch = scratch ? scratch : xstrdup("");
    if (*job->scratch && *job->scratch != '/')
        problem(problems, ENV_SCRATCH, "'%.100s' is not an absolute path", job->scratch);
    if (stage != STAGE_CLEAN && *job->build && strcmp(job->build, job_build()) != 0)
        problem(problems, ENV_BUILD,
                "the job was planned with '%.64s', this is '%s'; results of two builds do not mix",
                job->build, job_build());
    env->track_url = take(ENV_TRACK_URL);
    env->track_password = take_secret(ENV_TRACK_PASSWORD);
    read_token(problems, job, env->track_url != NULL);
    env->termination_path = get(ENV_TERMINATION_LOG) ? get(ENV_TERMINATION_LOG) : TERMINATION;
    env->beat_ms = read_count(problems, ENV_BEAT_MS, false, BEAT_MS, BEAT_MIN_MS, BEAT_MAX_MS);
    return problems->count ? -1 : 0;
}

int env_read_spec(struct job *job, struct env_problems *problems)
{
    problems->count = 0;
    read_spec(problems, job);
    return problems->count ? -1 : 0;
}

void env_clear(struct env *env)
{
    free(env->track_url);
    free(env->track_password);
}

void job_clear(struct job *job)
{
    spec_free(job->spec);
    free(job->work_uri);
    free(job->build);
    free(job->token_hex);
    free(job->scratch);
    store_free(job->store);
}
