/* SPDX-License-Identifier: Apache-2.0
 *
 * Scratch holds what is uploaded to S3 until it is there: convert its segment, assemble the whole
 * film, the pieces of mode Copy one after the other. On volumes nothing is held.
 */
#include "operator/pods/size.h"

#include "common/contract/spec.h"

#include <math.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define LOGS_BYTES        (256 * MIB)
#define UNPLANNED_BYTES   (8 * GIB)
#define BYTES_MAX         (2048 * GIB)
#define PIXEL_BYTES       0.03     /* of the 3D picture at crf 20; grain is 0.02 */
#define CRF_PLAIN         20       /* six steps less double it */
#define CRF_FACTOR_MAX    32.0     /* crf 0 is lossless */
#define COPIED_BYTES_S    500000.0 /* sound and subtitles of a film: three lossless tracks */
#define SEGMENT_UNEVEN    1.5      /* a boundary may lie a quarter away at either end */
#define FRAME_INDEX_BYTES 300      /* of assemble's memory: pictures and sound */

static double number_at(const cJSON *job, const char *path)
{
    const cJSON *item = json_path(job, path);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static bool is_s3(const char *uri)
{
    return uri && strncmp(uri, "s3://", 5) == 0;
}

static bool is_output_s3(const cJSON *job)
{
    const cJSON *uri = json_path(job, "spec.output.uri");

    return cJSON_IsString(uri) && is_s3(uri->valuestring);
}

/* Bytes of the converted pictures; 0 before the plan is there. */
static double pictures(const cJSON *job)
{
    const cJSON *crf = json_path(job, "spec.encode.crf");
    double factor = 1;

    if (cJSON_IsNumber(crf) && crf->valuedouble < CRF_PLAIN)
        factor = fmin(exp2((CRF_PLAIN - crf->valuedouble) / 6), CRF_FACTOR_MAX);
    return number_at(job, "status.plan.frames") * number_at(job, "status.plan.packedWidth") *
           number_at(job, "status.plan.packedHeight") * PIXEL_BYTES * factor;
}

/* Whole MiB, within reason. */
static uint64_t whole(double bytes)
{
    if (!(bytes < (double)BYTES_MAX))
        return BYTES_MAX;
    return (uint64_t)ceil(bytes / (double)MIB) * MIB;
}

static double convert_scratch(const cJSON *job)
{
    double segments = number_at(job, "status.plan.segments");

    return segments > 0 ? pictures(job) / segments * fmin(SEGMENT_UNEVEN, segments)
                        : (double)UNPLANNED_BYTES;
}

/* The packed pictures are those of both films; each has all sounds. */
static int films(const cJSON *job)
{
    const cJSON *layout = json_path(job, "spec.stereo.layout");
    bool two = cJSON_IsString(layout) && strcmp(layout->valuestring, "LeftRight") == 0;

    return two ? layout_films(LAYOUT_LEFT_RIGHT) : 1;
}

static double assemble_scratch(const cJSON *job)
{
    if (pictures(job) <= 0)
        return (double)UNPLANNED_BYTES;
    return pictures(job) +
           number_at(job, "status.plan.durationMs") / 1000 * COPIED_BYTES_S * films(job);
}

/* It is joined before it is taken apart. */
static bool is_hls(const cJSON *job)
{
    const cJSON *uri = json_path(job, "spec.output.uri");

    return cJSON_IsString(uri) && container_is_hls(output_container(uri->valuestring));
}

static bool copies_pieces(const cJSON *job)
{
    const cJSON *mode = json_path(job, "spec.segment.mode");

    return cJSON_IsString(mode) && strcmp(mode->valuestring, "Copy") == 0;
}

void size_estimate(struct size *out, const struct pods_context *context, enum stage stage)
{
    const cJSON *job = context->job;
    double scratch = 0;

    *out = (struct size){ .cpu = "500m", .memory_bytes = GIB };
    if (stage == STAGE_CONVERT) {
        out->cpu = "2";
        out->memory_bytes = 0;
        scratch = is_s3(context->work_uri) ? convert_scratch(job) : 0;
    } else if (stage == STAGE_ASSEMBLE) {
        out->memory_bytes += whole(number_at(job, "status.plan.frames") * FRAME_INDEX_BYTES);
        scratch = (is_output_s3(job) + is_hls(job)) * assemble_scratch(job);
    } else if (stage == STAGE_PLAN) {
        scratch = is_s3(context->work_uri) && copies_pieces(job) ? (double)UNPLANNED_BYTES : 0;
    } else {
        out->cpu = "50m";
        out->memory_bytes = 256 * MIB;
    }
    out->storage_bytes = LOGS_BYTES + whole(scratch);
}
