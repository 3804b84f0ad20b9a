/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/spec.h"

#include "common/contract/fields_value.h"
#include "common/contract/members.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Reading stops at the first problem; what follows reads nothing. */
struct reader {
    const cJSON *job; /* borrowed */
    struct err *err;  /* borrowed */
    bool failed;
};

/* NULL when the field is absent or the reader has failed. */
static const cJSON *get(struct reader *reader, const char *path, const struct field **row)
{
    const cJSON *value = reader->failed ? NULL : json_path(reader->job, path);
    char why[FIELD_WHY_SIZE] = "is missing";

    *row = fields_find(path);
    if (reader->failed || (!value && !(*row)->required && !(*row)->def))
        return NULL;
    if (value && field_value_check(why, *row, value) == 0)
        return value;
    reader->failed = true;
    (void)err_set(reader->err, ERR_CONFIG, "%s: %s", path, why);
    return NULL;
}

static void get_uri(struct reader *reader, char **out, const char *path)
{
    const struct field *row;
    const cJSON *value = get(reader, path, &row);

    if (value)
        *out = xstrdup(value->valuestring);
}

static void get_text(struct reader *reader, char *out, size_t size, const char *path)
{
    const struct field *row;
    const cJSON *value = get(reader, path, &row);

    text_copy(out, size, value ? value->valuestring : "");
}

static double get_number(struct reader *reader, const char *path, double otherwise)
{
    const struct field *row;
    const cJSON *value = get(reader, path, &row);

    return value ? value->valuedouble : otherwise;
}

static uint32_t get_count(struct reader *reader, const char *path, uint32_t otherwise)
{
    return (uint32_t)get_number(reader, path, otherwise);
}

static struct spec_opt get_opt(struct reader *reader, const char *path)
{
    double value = get_number(reader, path, -1);

    return (struct spec_opt){ .set = value >= 0, .value = value >= 0 ? (int64_t)value : 0 };
}

static bool get_bool(struct reader *reader, const char *path)
{
    const struct field *row;

    return cJSON_IsTrue(get(reader, path, &row));
}

/* The values of the table stand in the order of the C enums. */
static int get_enum(struct reader *reader, const char *path)
{
    const struct field *row;
    const cJSON *value = get(reader, path, &row);

    return value ? field_value_index(row, value->valuestring) : 0;
}

static void get_film(struct reader *reader, struct job_spec *spec)
{
    get_uri(reader, &spec->source_uri, "spec.source.uri");
    get_uri(reader, &spec->output_uri, "spec.output.uri");
    get_uri(reader, &spec->work_uri, "spec.work.uri");
    spec->overwrite = get_bool(reader, "spec.output.overwrite");
    spec->from_s = get_number(reader, "spec.source.fromSeconds", 0);
    spec->to_s = get_number(reader, "spec.source.toSeconds", 0);
    spec->layout = (enum layout)get_enum(reader, "spec.stereo.layout");
    spec->divergence = get_number(reader, "spec.stereo.divergence", 0);
    spec->convergence_mode = (enum convergence_mode)get_enum(reader, "spec.stereo.convergenceMode");
    spec->convergence = get_number(reader, "spec.stereo.convergence", 0);
    spec->ipd_offset = get_number(reader, "spec.stereo.ipdOffset", 0);
    spec->foreground_scale = get_number(reader, "spec.stereo.foregroundScale", 0);
    spec->edge_dilation = (int)get_number(reader, "spec.stereo.edgeDilation", 0);
    spec->preserve_border = get_bool(reader, "spec.stereo.preserveScreenBorder");
    spec->synthetic_view = (enum synthetic_view)get_enum(reader, "spec.stereo.syntheticView");
    spec->depth = (enum depth_kind)get_enum(reader, "spec.depth.provider");
    if (spec->depth == DEPTH_VIDEO)
        get_uri(reader, &spec->depth_uri, "spec.depth.uri");
    get_text(reader, spec->codec, sizeof(spec->codec), "spec.encode.codec");
    get_text(reader, spec->preset, sizeof(spec->preset), "spec.encode.preset");
    spec->crf = (int)get_number(reader, "spec.encode.crf", -1);
    get_text(reader, spec->pix_fmt, sizeof(spec->pix_fmt), "spec.encode.pixFmt");
    spec->max_fps = get_number(reader, "spec.encode.maxFps", 0);
    spec->segment_seconds = get_number(reader, "spec.segment.seconds", 0);
    spec->segment_mode = (enum segment_mode)get_enum(reader, "spec.segment.mode");
}

static void get_running(struct reader *reader, struct job_spec *spec)
{
    spec->parallelism = get_count(reader, "spec.parallelism", 1);
    spec->backoff_limit_per_index = get_count(reader, "spec.backoffLimitPerIndex", 0);
    spec->max_failed_indexes = get_opt(reader, "spec.maxFailedIndexes");
    spec->active_deadline_s = get_opt(reader, "spec.activeDeadlineSeconds");
    spec->segment_deadline_s = get_opt(reader, "spec.segmentDeadlineSeconds");
    spec->pending_deadline_s = get_opt(reader, "spec.pendingDeadlineSeconds");
    spec->stall_s = get_count(reader, "spec.stallSeconds", 0);
    spec->ttl_s = get_opt(reader, "spec.ttlSecondsAfterFinished");
    spec->suspend = get_bool(reader, "spec.suspend");
    spec->cancel = get_bool(reader, "spec.cancel");
    spec->pod_retention = get_count(reader, "spec.podRetention", 0);
}

static int check_films(const struct job_spec *spec, struct err *err)
{
    const char *others[] = { spec->source_uri, spec->depth_uri, spec->work_uri };
    const char *fault = output_fault(spec->layout, spec->output_uri, others, 3);

    return fault ? err_set(err, ERR_CONFIG, "spec.output.uri: %s", fault) : 0;
}

int spec_parse(struct job_spec **out, const cJSON *job, struct err *err)
{
    AUTO(job_spec) struct job_spec *spec = xcalloc(1, sizeof(*spec));
    AUTO(cJSON) cJSON *whole = cJSON_Duplicate(job, true);
    struct reader reader = { .job = whole, .err = err };

    if (!whole)
        return err_set(err, ERR_NOMEM, "no memory for a StereoJob");
    fields_default(whole); /* so that a default is written in one place only, the table */
    get_film(&reader, spec);
    get_running(&reader, spec);
    if (reader.failed)
        return -1;
    if (spec->depth == DEPTH_VIDEO && !spec->depth_uri)
        return err_set(err, ERR_CONFIG, "spec.depth.uri: is missing; provider Video needs it");
    if (strncmp(spec->pix_fmt, "yuv444", 6) == 0 && !layout_is_anaglyph(spec->layout))
        return err_set(err, ERR_CONFIG,
                       "spec.encode.pixFmt: %s is for anaglyphs only; layout %s keeps the film's "
                       "4:2:0",
                       spec->pix_fmt, layout_flag(spec->layout));
    if (check_films(spec, err) < 0)
        return -1;
    *out = TAKE(spec);
    return 0;
}

void spec_free(struct job_spec *spec)
{
    if (!spec)
        return;
    free(spec->source_uri);
    free(spec->output_uri);
    free(spec->work_uri);
    free(spec->depth_uri);
    free(spec);
}
