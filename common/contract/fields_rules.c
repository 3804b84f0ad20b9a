/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/fields_check.h"

#include "common/contract/spec.h"
#include "common/contract/uri.h"

#include <string.h>

#define X26X_CRF_MAX 51

/* NULL when it is absent, empty or no text. */
static const char *text_at(const cJSON *job, const char *path)
{
    const cJSON *value = json_path(job, path);

    return cJSON_IsString(value) && value->valuestring[0] ? value->valuestring : NULL;
}

static bool is_path(const char *uri)
{
    char scheme[URI_SCHEME_SIZE];

    uri_scheme(scheme, uri);
    return !scheme[0] || strcmp(scheme, "file") == 0;
}

/* What stands behind the field's name in a message of uri_to_path. */
static const char *behind_name(const char *msg, const char *path)
{
    size_t len = strlen(path);

    return strncmp(msg, path, len) == 0 && strncmp(msg + len, ": ", 2) == 0 ? msg + len + 2 : msg;
}

static void check_uri(struct fields_check *check, const cJSON *job, const char *path)
{
    const char *uri = text_at(job, path);
    AUTO_FREE char *file = NULL;
    struct err err;

    if (uri && uri_to_path(&file, uri, path, &err) < 0)
        fields_problem(check, path, "%s", behind_name(err.msg, path));
}

/* In a cluster the table's patterns say what they may be. */
static void check_uris(struct fields_check *check, const cJSON *job)
{
    if (!check->local)
        return;
    check_uri(check, job, "spec.source.uri");
    check_uri(check, job, "spec.output.uri");
    check_uri(check, job, "spec.work.uri");
    check_uri(check, job, "spec.depth.uri");
}

static void check_output(struct fields_check *check, const cJSON *job)
{
    const char *source = text_at(job, "spec.source.uri"), *out = text_at(job, "spec.output.uri");
    const char *work = text_at(job, "spec.work.uri");

    if (!out)
        return;
    if ((!check->local || is_path(out)) && !output_container(out))
        fields_problem(check, "spec.output.uri", "must end in " OUTPUT_ENDINGS);
    if (source && strcmp(source, out) == 0)
        fields_problem(check, "spec.output.uri", "is the source; the film would be lost");
    if (work && strcmp(work, out) == 0)
        fields_problem(check, "spec.work.uri", "is the output; it must be a folder of its own");
}

/* Layouts that make two films. */
static void check_films(struct fields_check *check, const cJSON *job)
{
    const char *layout = text_at(job, "spec.stereo.layout"), *out = text_at(job, "spec.output.uri");
    const char *others[] = { text_at(job, "spec.source.uri"), text_at(job, "spec.depth.uri"),
                             text_at(job, "spec.work.uri") };
    const char *fault;

    if (!layout || strcmp(layout, "LeftRight") != 0 || !out)
        return;
    fault = output_fault(LAYOUT_LEFT_RIGHT, out, others, 3);
    if (fault)
        fields_problem(check, "spec.output.uri", "%s", fault);
}

static void check_depth(struct fields_check *check, const cJSON *job)
{
    const char *provider = text_at(job, "spec.depth.provider");
    bool is_video = provider && strcmp(provider, "Video") == 0;

    if (is_video && !json_path(job, "spec.depth.uri"))
        fields_problem(check, "spec.depth.uri", "is missing; provider Video needs a depth film");
    if (json_path(job, "spec.depth.uri") && (!provider || strcmp(provider, "Classical") == 0))
        fields_problem(check, "spec.depth.uri", "is only read with spec.depth.provider: Video");
}

static void check_range(struct fields_check *check, const cJSON *job)
{
    const cJSON *from = json_path(job, "spec.source.fromSeconds");
    const cJSON *to = json_path(job, "spec.source.toSeconds");

    if (cJSON_IsNumber(from) && cJSON_IsNumber(to) && to->valuedouble <= from->valuedouble)
        fields_problem(check, "spec.source.toSeconds",
                       "must be after spec.source.fromSeconds (%g), not %g", from->valuedouble,
                       to->valuedouble);
}

static void check_crf(struct fields_check *check, const cJSON *job)
{
    const char *codec = text_at(job, "spec.encode.codec");
    const cJSON *crf = json_path(job, "spec.encode.crf");

    if (!codec)
        codec = "auto";
    if (strcmp(codec, "auto") != 0 && strcmp(codec, "libx264") != 0 &&
        strcmp(codec, "libx265") != 0)
        return;
    if (cJSON_IsNumber(crf) && crf->valuedouble > X26X_CRF_MAX && crf->valuedouble <= 63)
        fields_problem(check, "spec.encode.crf", "must be 0..%d with codec %s, not %g",
                       X26X_CRF_MAX, codec, crf->valuedouble);
}

void fields_rules(struct fields_check *check, const cJSON *job)
{
    check_uris(check, job);
    check_output(check, job);
    check_films(check, job);
    check_range(check, job);
    check_depth(check, job);
    check_crf(check, job);
}
