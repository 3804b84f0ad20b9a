/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/plan.h"

#include "common/contract/members.h"
#include "common/contract/names.h"
#include "common/contract/plan_check.h"
#include "common/json.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    4096 /* bytes of a URI or a sentence */
#define DROPPED_MAX 1024
#define SIZE_MAX_PX (1 << 20)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROW(type, struct_, key, field, min, max)                                                   \
    MEMBER(MEMBER_##type, key, struct struct_, field, min, max)

static const struct member source_members[] = {
    ROW(TEXT, plan_source, "format", format, 0, 0),
    ROW(U64, plan_source, "size", size, 0, INT64_MAX),
    ROW(I64, plan_source, "mtimeNs", mtime_ns, INT64_MIN, INT64_MAX),
    ROW(HEX, plan_source, "digest", digest, 0, 0),
};

static const struct member video_members[] = {
    ROW(INT, plan_video, "stream", stream, 0, INT32_MAX),
    ROW(TEXT, plan_video, "codec", codec, 0, 0),
    ROW(INT, plan_video, "width", width, 2, SIZE_MAX_PX),
    ROW(INT, plan_video, "height", height, 2, SIZE_MAX_PX),
    ROW(INT, plan_video, "rotation", rotation, 0, 270),
    ROW(RATIO, plan_video, "timeBase", time_base, 1, INT32_MAX),
    ROW(RATIO, plan_video, "sar", sar, 0, INT32_MAX),
    ROW(RATIO, plan_video, "frameRate", frame_rate, 0, INT32_MAX),
    ROW(INT, plan_video, "bitDepth", bit_depth, 8, 10),
    ROW(INT, plan_video, "colorRange", color_range, 0, 255),
    ROW(INT, plan_video, "colorPrimaries", color_primaries, 0, 255),
    ROW(INT, plan_video, "colorTrc", color_trc, 0, 255),
    ROW(INT, plan_video, "colorSpace", color_space, 0, 255),
    ROW(INT, plan_video, "chromaLocation", chroma_location, 0, 255),
    ROW(I64, plan_video, "frames", frames, 1, INT64_MAX),
    ROW(I64, plan_video, "startPts", start_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_video, "endPts", end_pts, PTS_MIN, PTS_MAX),
    ROW(BOOL, plan_video, "interlaced", interlaced, 0, 0),
    ROW(BOOL, plan_video, "flipped", flipped, 0, 0),
    ROW(TEXT, plan_video, "masteringDisplay", hdr.mastering, 0, 0),
    ROW(TEXT, plan_video, "contentLight", hdr.light, 0, 0),
};

static const struct member plan_members[] = {
    ROW(TEXT, plan, "codec", codec, 0, 0),
    ROW(INT, plan, "packedWidth", packed_width, 2, SIZE_MAX_PX),
    ROW(INT, plan, "packedHeight", packed_height, 2, SIZE_MAX_PX),
    ROW(U32, plan, "window", window, 0, 1 << 16),
    ROW(U64, plan, "memoryBytes", memory_bytes, 0, INT64_MAX),
    ROW(TEXT, plan, "build", build, 0, 0),
};

/* Only in plans that leave frames out. */
static const struct member pace_members[] = {
    ROW(RATIO, plan, "maxFps", max_fps, 1, INT32_MAX),
};

static const struct member copy_members[] = {
    ROW(INT, plan_copy, "stream", stream, 0, INT32_MAX),
    ROW(TEXT, plan_copy, "codec", codec, 0, 0),
    ROW(I64, plan_copy, "packets", packets, 0, INT64_MAX),
    ROW(I64, plan_copy, "bytes", bytes, 0, INT64_MAX),
    ROW(BOOL, plan_copy, "convert", convert, 0, 0),
};

static const struct member segment_members[] = {
    ROW(I64, plan_segment, "startPts", start_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_segment, "endPts", end_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_segment, "frames", frames, 1, INT64_MAX),
    ROW(I64, plan_segment, "leadPts", lead_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_segment, "tailPts", tail_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_segment, "seekPts", seek_pts, PTS_MIN, PTS_MAX),
    ROW(I64, plan_segment, "seekDts", seek_dts, INT64_MIN, INT64_MAX),
    ROW(U32, plan_segment, "ptsCrc", pts_crc, 0, UINT32_MAX),
};

static void texts_free(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

static void add_texts(cJSON *obj, const char *key, char *const *texts, size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(obj, key);

    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
}

static void add_copies(cJSON *obj, const struct plan *plan)
{
    cJSON *list = cJSON_AddArrayToObject(obj, "copies");

    for (size_t i = 0; i < plan->copy_count; i++) {
        cJSON *item = cJSON_CreateObject();
        char type[2] = { plan->copies[i].type, '\0' };

        json_add_str(item, "type", type);
        if (*plan->copies[i].becomes)
            json_add_str(item, "becomes", plan->copies[i].becomes);
        if (plan->copies[i].longest_ms > 0)
            json_add_i64(item, "longestMs", plan->copies[i].longest_ms);
        members_add(item, copy_members, COUNT(copy_members), 0, &plan->copies[i]);
        cJSON_AddItemToArray(list, item);
    }
}

/* *out has count + 0 texts, each owned; NULL for none. */
static int read_texts(char ***out, size_t *count, const cJSON *obj, const char *key, int min,
                      int max, struct err *err)
{
    const cJSON *list, *item; /* borrowed from obj */
    char **texts;
    size_t n = 0;

    if (json_array(&list, obj, key, min, max, err) < 0)
        return -1;
    texts = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*texts));
    if (!texts)
        return err_set(err, ERR_NOMEM, "%s: no memory", key);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || strlen(item->valuestring) > TEXT_MAX) {
            texts_free(texts, n);
            return err_set(err, ERR_INTERNAL, "%s[%zu]: must be text", key, n);
        }
        texts[n++] = xstrdup(item->valuestring);
    }
    *out = texts;
    *count = n;
    return 0;
}

static int read_copies(struct plan *plan, const cJSON *obj, struct err *err)
{
    const cJSON *list, *item; /* borrowed from obj */

    if (json_array(&list, obj, "copies", 0, PLAN_MAX_STREAMS, err) < 0)
        return -1;
    plan->copies = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*plan->copies));
    cJSON_ArrayForEach(item, list)
    {
        struct plan_copy *copy = &plan->copies[plan->copy_count];
        char type[2];

        if (members_read(copy, item, copy_members, COUNT(copy_members), 0, err) < 0 ||
            json_str(type, sizeof(type), item, "type", err) < 0 ||
            (json_has(item, "longestMs") &&
             json_i64(&copy->longest_ms, item, "longestMs", 1, INT64_MAX, err) < 0) ||
            (json_has(item, "becomes") &&
             json_str(copy->becomes, sizeof(copy->becomes), item, "becomes", err) < 0))
            return err_wrap(err, "copies[%zu]", plan->copy_count);
        copy->type = type[0];
        plan->copy_count++;
    }
    return 0;
}

static int read_segments(struct plan *plan, const cJSON *obj, struct err *err)
{
    const cJSON *list, *item; /* borrowed from obj */

    if (json_array(&list, obj, "segments", 1, PLAN_MAX_SEGMENTS, err) < 0)
        return -1;
    plan->segments = calloc((size_t)cJSON_GetArraySize(list), sizeof(*plan->segments));
    if (!plan->segments)
        return err_set(err, ERR_NOMEM, "segments: no memory");
    cJSON_ArrayForEach(item, list)
    {
        if (members_read(&plan->segments[plan->segment_count], item, segment_members,
                         COUNT(segment_members), 0, err) < 0)
            return err_wrap(err, "segments[%u]", plan->segment_count);
        plan->segment_count++;
    }
    return 0;
}

static int read_source(struct plan_source *source, const cJSON *doc, struct err *err)
{
    const cJSON *obj, *uri; /* borrowed from doc */

    if (json_object(&obj, doc, "source", err) < 0)
        return -1;
    uri = json_path(obj, "uri");
    if (!cJSON_IsString(uri) || strlen(uri->valuestring) > TEXT_MAX)
        return err_set(err, ERR_INTERNAL, "source: uri: must be text");
    source->uri = xstrdup(uri->valuestring);
    if (members_read(source, obj, source_members, COUNT(source_members), 0, err) < 0)
        return err_wrap(err, "source");
    return 0;
}

static int read_flag(bool *out, const cJSON *doc, const char *key, struct err *err)
{
    return json_has(doc, key) ? json_bool(out, doc, key, err) : 0;
}

/* What most plans have not: storeRaces is absent for stores that create once. */
static int read_rare(struct plan *plan, const cJSON *doc, struct err *err)
{
    plan->max_fps = (struct ratio){ 0, 1 };
    if (json_has(doc, "maxFps") &&
        members_read(plan, doc, pace_members, COUNT(pace_members), 0, err) < 0)
        return -1;
    if (read_flag(&plan->store_races, doc, "storeRaces", err) < 0 ||
        read_flag(&plan->cut_start, doc, "cutStart", err) < 0)
        return -1;
    return read_flag(&plan->cut_end, doc, "cutEnd", err);
}

static int read_pieces(struct plan *plan, const cJSON *doc, struct err *err)
{
    size_t count;

    if (!json_has(doc, "pieces"))
        return 0;
    plan->pieces = true;
    return read_texts(&plan->piece, &count, doc, "pieces", (int)plan->segment_count,
                      (int)plan->segment_count, err);
}

static int read_plan(struct plan *plan, const cJSON *doc, struct err *err)
{
    const cJSON *video; /* borrowed from doc */
    int version;

    if (json_int(&version, doc, "version", 0, INT32_MAX, err) < 0)
        return -1;
    if (version != PLAN_VERSION)
        return err_set(err, ERR_INTERNAL, "version %d is not the %d of this build", version,
                       PLAN_VERSION);
    if (read_source(&plan->source, doc, err) < 0 || json_object(&video, doc, "video", err) < 0)
        return -1;
    if (members_read(&plan->video, video, video_members, COUNT(video_members), 0, err) < 0)
        return err_wrap(err, "video");
    if (members_read(plan, doc, plan_members, COUNT(plan_members), 0, err) < 0 ||
        read_copies(plan, doc, err) < 0 ||
        read_texts(&plan->dropped, &plan->dropped_count, doc, "dropped", 0, DROPPED_MAX, err) < 0 ||
        read_segments(plan, doc, err) < 0 || read_rare(plan, doc, err) < 0)
        return -1;
    return read_pieces(plan, doc, err);
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    texts_free(plan->piece, plan->segment_count);
    texts_free(plan->dropped, plan->dropped_count);
    free(plan->source.uri);
    free(plan->copies);
    free(plan->segments);
    free(plan);
}

int plan_parse(struct plan **out, const char *text, size_t len, struct err *err)
{
    AUTO(plan) struct plan *plan = xcalloc(1, sizeof(*plan));
    AUTO(cJSON) cJSON *doc = NULL;

    if (len > PLAN_MAX_BYTES)
        return err_set(err, ERR_INTERNAL, NAME_PLAN ": has %zu bytes, at most %u", len,
                       PLAN_MAX_BYTES);
    if (json_parse(&doc, text, len, err) < 0 || read_plan(plan, doc, err) < 0 ||
        plan_check(plan, err) < 0) {
        if (err->code != ERR_NOMEM)
            err->code = ERR_INTERNAL;
        return err_wrap(err, NAME_PLAN);
    }
    *out = TAKE(plan);
    return 0;
}

char *plan_format(const struct plan *plan)
{
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();
    cJSON *source, *video, *list; /* borrowed from doc */

    json_add_i64(doc, "version", PLAN_VERSION);
    source = cJSON_AddObjectToObject(doc, "source");
    json_add_str(source, "uri", plan->source.uri);
    members_add(source, source_members, COUNT(source_members), 0, &plan->source);
    video = cJSON_AddObjectToObject(doc, "video");
    members_add(video, video_members, COUNT(video_members), 0, &plan->video);
    members_add(doc, plan_members, COUNT(plan_members), 0, plan);
    add_copies(doc, plan);
    add_texts(doc, "dropped", plan->dropped, plan->dropped_count);
    if (plan->max_fps.num > 0)
        members_add(doc, pace_members, COUNT(pace_members), 0, plan);
    if (plan->cut_start)
        json_add_bool(doc, "cutStart", true);
    if (plan->cut_end)
        json_add_bool(doc, "cutEnd", true);
    if (plan->store_races)
        json_add_bool(doc, "storeRaces", true);
    if (plan->pieces)
        add_texts(doc, "pieces", plan->piece, plan->segment_count);
    list = cJSON_AddArrayToObject(doc, "segments");
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        cJSON *item = cJSON_CreateObject();

        members_add(item, segment_members, COUNT(segment_members), 0, &plan->segments[i]);
        cJSON_AddItemToArray(list, item);
    }
    return json_print(doc);
}
