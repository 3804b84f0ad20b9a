/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/plan.h"
#include "common/json.h"
#include "common/mem.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Two segments, a film of 20 frames at 0, 10, ..., 190; pts beyond a double's reach at `far`. */
static struct plan *plan_new(int64_t far)
{
    struct plan *plan = xcalloc(1, sizeof(*plan));

    plan->source = (struct plan_source){ .uri = xstrdup("/in/a \"film\".mkv"),
                                         .format = "matroska,webm",
                                         .size = INT64_MAX,
                                         .mtime_ns = INT64_C(1795341600123456789),
                                         .digest = SHA };
    plan->video = (struct plan_video){ .stream = 0,
                                       .codec = "h264",
                                       .width = 1920,
                                       .height = 1080,
                                       .rotation = 90,
                                       .time_base = { 1, 90000 },
                                       .sar = { 0, 1 },
                                       .frame_rate = { 30000, 1001 },
                                       .bit_depth = 10,
                                       .color_range = 1,
                                       .color_primaries = 9,
                                       .color_trc = 16,
                                       .color_space = 9,
                                       .chroma_location = 1,
                                       .frames = 20,
                                       .start_pts = far,
                                       .end_pts = far + 200,
                                       .interlaced = true,
                                       .flipped = true,
                                       .hdr = { .mastering = "G(1,2)B(3,4)R(5,6)WP(7,8)L(9,1)",
                                                .light = "1000,400" } };
    memcpy(plan->codec, "libx265", sizeof("libx265"));
    plan->packed_width = 3840;
    plan->packed_height = 1080;
    plan->cut_start = plan->cut_end = true;
    plan->max_fps = (struct ratio){ 24000, 1001 };
    plan->window = 48;
    plan->memory_bytes = INT64_C(3) << 30;
    memcpy(plan->build, "stereo-worker 0.1.0 (abc)", sizeof("stereo-worker 0.1.0 (abc)"));
    plan->copy_count = 2;
    plan->copies = xcalloc(2, sizeof(*plan->copies));
    plan->copies[0] = (struct plan_copy){ 1, 'a', "vorbis", 1000, 123456, true, "aac", 0 };
    plan->copies[1] = (struct plan_copy){ 3, 's', "subrip", 10, 500, true, "", 61000 };
    plan->dropped_count = 1;
    plan->dropped = xcalloc(1, sizeof(*plan->dropped));
    plan->dropped[0] = xstrdup("stream 4 (dvd_subtitle): MP4 cannot hold it");
    plan->pieces = true;
    plan->piece = xcalloc(2, sizeof(*plan->piece));
    plan->piece[0] = xstrdup("pieces/00000/e0-a0.nut");
    plan->piece[1] = xstrdup("pieces/00001/e0-a0.nut");
    plan->segment_count = 2;
    plan->segments = xcalloc(2, sizeof(*plan->segments));
    plan->segments[0] =
        (struct plan_segment){ far, far + 120, 12, far, far + 200, far, far - 20, 0xffffffff };
    plan->segments[1] = (struct plan_segment){ far + 120, far + 200, 8,        far + 20,
                                               far + 200, far + 10,  far - 10, 7 };
    return plan;
}

static void check_video(const struct plan_video *got, const struct plan_video *want)
{
    CHECK_STR("codec", got->codec, want->codec);
    CHECK_INT("width", got->width, want->width);
    CHECK_INT("height", got->height, want->height);
    CHECK_INT("rotation", got->rotation, want->rotation);
    CHECK_INT("time base", got->time_base.num, want->time_base.num);
    CHECK_INT("time base", got->time_base.den, want->time_base.den);
    CHECK_INT("sar", got->sar.num, want->sar.num);
    CHECK_INT("rate", got->frame_rate.num, want->frame_rate.num);
    CHECK_INT("rate", got->frame_rate.den, want->frame_rate.den);
    CHECK_INT("depth", got->bit_depth, want->bit_depth);
    CHECK_INT("range", got->color_range, want->color_range);
    CHECK_INT("primaries", got->color_primaries, want->color_primaries);
    CHECK_INT("trc", got->color_trc, want->color_trc);
    CHECK_INT("space", got->color_space, want->color_space);
    CHECK_INT("chroma", got->chroma_location, want->chroma_location);
    CHECK_INT("frames", got->frames, want->frames);
    CHECK_INT("start", got->start_pts, want->start_pts);
    CHECK_INT("end", got->end_pts, want->end_pts);
    CHECK_INT("interlaced", got->interlaced, want->interlaced);
    CHECK_INT("flipped", got->flipped, want->flipped);
    CHECK_STR("mastering", got->hdr.mastering, want->hdr.mastering);
    CHECK_STR("light", got->hdr.light, want->hdr.light);
}

static void check_segment(const struct plan_segment *got, const struct plan_segment *want)
{
    CHECK_INT("start", got->start_pts, want->start_pts);
    CHECK_INT("end", got->end_pts, want->end_pts);
    CHECK_INT("frames", got->frames, want->frames);
    CHECK_INT("lead", got->lead_pts, want->lead_pts);
    CHECK_INT("tail", got->tail_pts, want->tail_pts);
    CHECK_INT("seek", got->seek_pts, want->seek_pts);
    CHECK_INT("seek dts", got->seek_dts, want->seek_dts);
    CHECK_INT("crc", got->pts_crc, want->pts_crc);
}

static void check_rest(const struct plan *got, const struct plan *want)
{
    CHECK_STR("uri", got->source.uri, want->source.uri);
    CHECK_STR("format", got->source.format, want->source.format);
    CHECK_INT("size", got->source.size, want->source.size);
    CHECK_INT("mtime", got->source.mtime_ns, want->source.mtime_ns);
    CHECK_STR("digest", got->source.digest, want->source.digest);
    CHECK_STR("codec", got->codec, want->codec);
    CHECK_INT("width", got->packed_width, want->packed_width);
    CHECK_INT("height", got->packed_height, want->packed_height);
    CHECK_INT("cut start", got->cut_start, want->cut_start);
    CHECK_INT("cut end", got->cut_end, want->cut_end);
    CHECK_INT("fps", got->max_fps.num, want->max_fps.num);
    CHECK_INT("fps", got->max_fps.den, want->max_fps.den);
    CHECK_INT("window", got->window, want->window);
    CHECK_INT("memory", got->memory_bytes, want->memory_bytes);
    CHECK_STR("build", got->build, want->build);
    CHECK_INT("pieces", got->pieces, want->pieces);
    CHECK_STR("piece", got->piece[1], want->piece[1]);
    CHECK_INT("dropped", got->dropped_count, want->dropped_count);
    CHECK_STR("dropped", got->dropped[0], want->dropped[0]);
    CHECK_INT("copies", got->copy_count, want->copy_count);
    CHECK_INT("type", got->copies[1].type, 's');
    CHECK_STR("codec", got->copies[1].codec, "subrip");
    CHECK_INT("stream", got->copies[1].stream, 3);
    CHECK_INT("packets", got->copies[0].packets, 1000);
    CHECK_INT("bytes", got->copies[0].bytes, 123456);
    CHECK_INT("convert", got->copies[1].convert, true);
    CHECK_STR("becomes", got->copies[0].becomes, "aac");
    CHECK_INT("segments", got->segment_count, want->segment_count);
    for (uint32_t i = 0; i < want->segment_count; i++)
        check_segment(&got->segments[i], &want->segments[i]);
}

static void plans_come_back(void **state)
{
    static const int64_t far[] = { 0, -1000, INT64_C(9007199254740993),
                                   -INT64_C(9007199254740993) };

    (void)state;
    for (size_t i = 0; i < COUNT(far); i++) {
        AUTO(plan) struct plan *plan = plan_new(far[i]);
        AUTO(plan) struct plan *got = NULL;
        AUTO_FREE char *text = plan_format(plan);
        AUTO_FREE char *again = NULL;
        struct err err;

        CHECK_OK(plan_parse(&got, text, strlen(text), &err), err);
        check_video(&got->video, &plan->video);
        check_rest(got, plan);
        again = plan_format(got);
        CHECK_STR("again", again, text);
    }
}

static void a_plan_without_pieces_comes_back(void **state)
{
    AUTO(plan) struct plan *plan = plan_new(0);
    AUTO(plan) struct plan *got = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    free(plan->piece[0]);
    free(plan->piece[1]);
    free(plan->piece);
    plan->piece = NULL;
    plan->pieces = false;
    text = plan_format(plan);
    CHECK_OK(plan_parse(&got, text, strlen(text), &err), err);
    assert_false(got->pieces);
    assert_null(got->piece);
}

/* What a reader relies on: `path` of the JSON set to `json` (NULL: taken away). */
static const struct row {
    const char *path, *json, *want;
} rows[] = {
    { "version", "2", "plan.json: version 2 is not the 1 of this build" },
    { "version", NULL, "plan.json: version: is missing" },
    { "source", NULL, "plan.json: source: is missing" },
    { "source.uri", "3", "plan.json: source: uri: must be text" },
    { "source.size", "-1", "plan.json: source: size: must be" },
    { "source.digest", "\"ABC\"", "plan.json: source: digest: must be 64 lower-case hex" },
    { "video", "[]", "plan.json: video: must be an object" },
    { "video.width", "1921", "plan.json: video: 1921x1080 is not even" },
    { "video.height", "0", "plan.json: video: height: must be" },
    { "video.rotation", "45", "plan.json: video: rotation 45 is not a quarter turn" },
    { "video.rotation", "360", "plan.json: video: rotation: must be 0..270" },
    { "video.bitDepth", "9", "plan.json: video: bitDepth 9 is not 8 or 10" },
    { "video.timeBase", "[0,1]", "plan.json: video: timeBase: num: must be" },
    { "video.timeBase", "[1,0]", "plan.json: video: timeBase: den: must be" },
    { "video.timeBase", "[1,2,3]", "plan.json: video: timeBase: must be a list" },
    { "video.frames", "21", "plan.json: segments own 20 frames, the film has 21" },
    { "video.endPts", "210", "plan.json: segments end at 200, the film at 210" },
    { "video.startPts", "-10", "plan.json: segments[0]: startPts 0 is not -10" },
    { "video.startPts", "1e300", "plan.json: video: startPts: must be" },
    { "video.interlaced", "1", "plan.json: video: interlaced: must be true or false" },
    { "video.flipped", "0", "plan.json: video: flipped: must be true or false" },
    { "codec", "\"a codec with a name of 40 characters....\"", "plan.json: codec: must have" },
    { "window", "65537", "plan.json: window: must be 0..65536" },
    { "packedWidth", "0", "plan.json: packedWidth: must be" },
    { "copies", "3", "plan.json: copies: must be a list" },
    { "copies", "[{\"type\":\"a\"}]", "plan.json: copies[0]: stream: is missing" },
    { "copies", "[7]", "plan.json: copies[0]: stream: is missing" },
    { "copies",
      "[{\"type\":\"x\",\"stream\":1,\"codec\":\"\",\"packets\":0,\"bytes\":0,\"convert\":true}]",
      "plan.json: copies[0]: type is not one of" },
    { "copies",
      "[{\"type\":\"\",\"stream\":1,\"codec\":\"\",\"packets\":0,\"bytes\":0,\"convert\":true}]",
      "plan.json: copies[0]: type is not one of" },
    { "copies",
      "[{\"type\":\"a\",\"stream\":0,\"codec\":\"\",\"packets\":0,\"bytes\":0,\"convert\":true}]",
      "plan.json: copies[0]: stream 0 is the converted one" },
    { "copies",
      "[{\"type\":\"a\",\"stream\":1,\"codec\":\"\",\"packets\":0,\"bytes\":0,\"convert\":true},"
      "{\"type\":\"a\",\"stream\":1,\"codec\":\"\",\"packets\":0,\"bytes\":0,\"convert\":true}]",
      "plan.json: copies[1]: stream 1 is there twice" },
    { "dropped", "[1]", "plan.json: dropped[0]: must be text" },
    { "pieces", "[\"a\"]", "plan.json: pieces: must be a list of 2..2 items" },
    { "pieces", "[\"a\",2]", "plan.json: pieces[1]: must be text" },
    { "segments", "[]", "plan.json: segments: must be a list of 1..20000 items" },
    { "segments", "[3,4]", "plan.json: segments[0]: startPts: is missing" },
};

/* One member of the second segment each. */
static const struct row segment_rows[] = {
    { "startPts", "110", "segments[1]: startPts 110 is not 120, where the one before ends" },
    { "startPts", "130", "segments[1]: startPts 130 is not 120, where the one before ends" },
    { "endPts", "120", "segments[1]: endPts 120 is not behind startPts" },
    { "endPts", "190", "plan.json: segments end at 190, the film at 200" },
    { "frames", "0", "segments[1]: frames: must be" },
    { "frames", "9", "segments own 21 frames, the film has 20" },
    { "frames", "81", "segments[1]: has 81 frames in 80 ticks" },
    { "leadPts", "121", "segments[1]: leadPts 121 is not between" },
    { "leadPts", "-1", "segments[1]: leadPts -1 is not between" },
    { "tailPts", "199", "segments[1]: tailPts 199 is not between" },
    { "tailPts", "201", "segments[1]: tailPts 201 is not between" },
    { "seekPts", "21", "segments[1]: seekPts 21 is behind leadPts" },
    { "seekDts", "null", "segments[1]: seekDts: must be" },
    { "ptsCrc", "4294967296", "segments[1]: ptsCrc: must be 0..4294967295" },
    { "ptsCrc", NULL, "segments[1]: ptsCrc: is missing" },
};

static void check_refused(const cJSON *doc, const struct row *row)
{
    AUTO_FREE char *text = json_print(doc);
    struct plan *got = NULL;
    struct err err;

    if (plan_parse(&got, text, strlen(text), &err) == 0)
        fail_msg("[%s %s] was taken", row->path, row->json ? row->json : "gone");
    CHECK_INT(row->path, err.code, ERR_INTERNAL);
    CHECK_HAS(row->path, err.msg, row->want);
    assert_null(got);
}

static cJSON *plan_json(void)
{
    AUTO(plan) struct plan *plan = plan_new(0);
    AUTO_FREE char *text = plan_format(plan);
    cJSON *doc = cJSON_Parse(text);

    assert_non_null(doc);
    return doc;
}

static void broken_promises_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *doc = plan_json();

        if (rows[i].json)
            json_path_set(doc, rows[i].path, cJSON_Parse(rows[i].json));
        else
            cJSON_DeleteItemFromObject(doc, rows[i].path);
        check_refused(doc, &rows[i]);
    }
}

static void broken_segments_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(segment_rows); i++) {
        AUTO(cJSON) cJSON *doc = plan_json();
        cJSON *segment = cJSON_GetArrayItem(cJSON_GetObjectItem(doc, "segments"), 1);

        cJSON_DeleteItemFromObject(segment, segment_rows[i].path);
        if (segment_rows[i].json)
            cJSON_AddItemToObject(segment, segment_rows[i].path, cJSON_Parse(segment_rows[i].json));
        check_refused(doc, &segment_rows[i]);
    }
}

static void no_json_is_no_plan(void **state)
{
    static const char *const texts[] = { "", "{", "[]", "null", "{}x", "{\"version\":1}" };
    AUTO(plan) struct plan *plan = plan_new(0);
    AUTO_FREE char *text = plan_format(plan);
    struct plan *got = NULL;
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK_ERR(plan_parse(&got, texts[i], strlen(texts[i]), &err), err, ERR_INTERNAL);
    for (size_t len = 0; len < strlen(text); len++)
        CHECK_ERR(plan_parse(&got, text, len, &err), err, ERR_INTERNAL);
    CHECK_ERR(plan_parse(&got, "", PLAN_MAX_BYTES + 1u, &err), err, ERR_INTERNAL);
    CHECK_HAS("size", err.msg, "plan.json: has 67108865 bytes, at most 67108864");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_come_back),
        cmocka_unit_test(a_plan_without_pieces_comes_back),
        cmocka_unit_test(broken_promises_are_named),
        cmocka_unit_test(broken_segments_are_named),
        cmocka_unit_test(no_json_is_no_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
