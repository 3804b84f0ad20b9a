/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/fields_check.h"

#include "common/contract/spec.h"
#include "common/contract/uri.h"

#include <string.h>
#include <strings.h>

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

static void check_cluster_uri(struct fields_check *check, const char *path, const char *uri,
                              bool is_read)
{
    char scheme[URI_SCHEME_SIZE];

    uri_scheme(scheme, uri);
    if (is_path(uri) || strcmp(scheme, "s3") == 0 || strcmp(scheme, "pvc") == 0)
        return;
    if (strcmp(scheme, "https") != 0)
        fields_problem(check, path, "%s:// is not known; use s3://bucket/key%s", scheme,
                       is_read ? ", pvc://claim/path or https://" : " or pvc://claim/path");
    else if (!is_read)
        fields_problem(check, path,
                       "https:// is only read; use s3://bucket/key or pvc://claim/path");
}

static void check_uri(struct fields_check *check, const cJSON *job, const char *path, bool is_read)
{
    const char *uri = text_at(job, path);
    AUTO_FREE char *file = NULL;
    struct err err;

    if (!uri)
        return;
    if (!check->local && !is_path(uri))
        check_cluster_uri(check, path, uri, is_read);
    else if (uri_to_path(&file, uri, path, &err) < 0)
        fields_problem(check, path, "%s", behind_name(err.msg, path));
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len > end_len && strcasecmp(text + len - end_len, end) == 0;
}

static void check_uris(struct fields_check *check, const cJSON *job)
{
    check_uri(check, job, "spec.source.uri", true);
    check_uri(check, job, "spec.output.uri", false);
    check_uri(check, job, "spec.work.uri", false);
    check_uri(check, job, "spec.depth.uri", true);
}

static void check_output(struct fields_check *check, const cJSON *job)
{
    const char *source = text_at(job, "spec.source.uri"), *out = text_at(job, "spec.output.uri");

    if (!out)
        return;
    if (is_path(out) && !ends_in(out, ".mp4") && !ends_in(out, ".mov") && !ends_in(out, ".mkv"))
        fields_problem(check, "spec.output.uri", "must end in .mp4, .mov or .mkv");
    if (source && strcmp(source, out) == 0)
        fields_problem(check, "spec.output.uri", "is the source; the film would be lost");
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
    check_depth(check, job);
    check_crf(check, job);
}
