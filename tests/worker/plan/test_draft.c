/* SPDX-License-Identifier: Apache-2.0
 *
 * Drafts of films that are tables: no file is read. And the parsers that films reach first.
 */
#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/media_source/films.h"
#include "worker/media/av.h"

/* A film of `frames` at 25 a second with a keyframe every `gop`, 1/1000 s ticks. */
static struct film *table_film(size_t frames, size_t gop, int width, int height)
{
    struct film *film = xcalloc(1, sizeof(*film));
    char path[] = "/tmp/draft-XXXXXX";
    int fd = mkstemp(path);
    struct err err;

    assert_true(fd >= 0);
    (void)close(fd);
    CHECK_OK(store_reader_open_uri(&film->reader, STORE_SOURCE, path, "film", &err), err);
    (void)unlink(path);
    film->uri = xstrdup(path);
    film->what = "film";
    film->stream_count = 1;
    film->streams = xcalloc(8, sizeof(*film->streams));
    film->counts = xcalloc(8, sizeof(*film->counts));
    film->streams[0] = (struct media_stream){ .type = 'v',
                                              .codec = "h264",
                                              .width = width,
                                              .height = height,
                                              .bit_depth = 8,
                                              .pix_fmt = "yuv420p",
                                              .color_space = 1,
                                              .time_base = { 1, 1000 },
                                              .sar = { 1, 1 },
                                              .frame_rate = { 25, 1 } };
    film->packets = xcalloc(frames, sizeof(*film->packets));
    film->packet_count = film->packet_room = frames;
    for (size_t i = 0; i < frames; i++)
        film->packets[i] =
            (struct film_packet){ (int64_t)i * 40, (int64_t)i * 40, 40, i % gop == 0, true };
    CHECK_OK(film_build_frames(film, &err), err);
    return film;
}

static struct plan *draft(const struct film *film, const struct job_spec *spec)
{
    struct plan *plan;
    struct err err;

    CHECK_OK(plan_draft(&plan, film, spec, &err), err);
    return plan;
}

static void encoders_go_by_size(void **state)
{
    static const struct {
        const char *name, *asked, *want;
        enum layout layout;
        int width, height, packed_width, packed_height;
    } rows[] = {
        { "1080p", "auto", "libx264", LAYOUT_FULL_SBS, 1920, 1080, 3840, 1080 },
        { "DCI 2K fills H.264", "auto", "libx264", LAYOUT_FULL_SBS, 2048, 1080, 4096, 1080 },
        { "a little more", "auto", "libx265", LAYOUT_FULL_SBS, 2050, 1080, 4100, 1080 },
        { "2160p half", "auto", "libx264", LAYOUT_HALF_SBS, 3840, 2160, 3840, 2160 },
        { "2160p full", "auto", "libx265", LAYOUT_FULL_SBS, 3840, 2160, 7680, 2160 },
        { "tall", "auto", "libx265", LAYOUT_FULL_TB, 3840, 2160, 3840, 4320 },
        { "a film for each eye", "auto", "libx264", LAYOUT_LEFT_RIGHT, 3840, 2160, 3840, 4320 },
        { "a large one", "auto", "libx265", LAYOUT_LEFT_RIGHT, 7680, 4320, 7680, 8640 },
        { "asked for", "libx264", "libx264", LAYOUT_FULL_SBS, 3840, 2160, 7680, 2160 },
        { "nothing said", "", "libx264", LAYOUT_FULL_SBS, 640, 360, 1280, 360 },
        { "even halves", "auto", "libx264", LAYOUT_HALF_SBS, 322, 182, 320, 182 },
        { "even halves", "auto", "libx264", LAYOUT_HALF_TB, 322, 182, 322, 180 },
        { "odd", "auto", "libx264", LAYOUT_FULL_SBS, 161, 91, 320, 90 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(film) struct film *film = table_film(50, 12, rows[i].width, rows[i].height);
        AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_VIDEO);
        AUTO(plan) struct plan *plan = NULL;

        (void)snprintf(spec->codec, sizeof(spec->codec), "%s", rows[i].asked);
        spec->layout = rows[i].layout;
        plan = draft(film, spec);
        CHECK_STR(rows[i].name, plan->codec, rows[i].want);
        CHECK_INT(rows[i].name, plan->packed_width, rows[i].packed_width);
        CHECK_INT(rows[i].name, plan->packed_height, rows[i].packed_height);
    }
}

static void segments_go_by_length_and_workers(void **state)
{
    static const struct {
        const char *name;
        int seconds;
        uint32_t parallelism;
        double asked;
        uint32_t want;
        const char *output;
    } rows[] = {
        { "a short film is one", 8, 2, 0, 1, NULL },
        { "half a minute gives both workers something", 30, 2, 0, 3, NULL },
        { "a minute", 60, 2, 0, 4, NULL },
        { "two minutes", 120, 2, 0, 4, NULL },
        { "ten minutes at a minute each", 600, 2, 0, 10, NULL },
        { "many workers", 600, 30, 0, 60, NULL },
        { "asked for", 60, 2, 20, 3, NULL },
        { "asked for very short", 10, 2, 1, 10, NULL },
        { "a pod costs its start", 600, 8, 0, 5, "s3://bucket/out.mp4" },
        { "of a claim too", 600, 8, 0, 5, "pvc://claim/out.mp4" },
        { "four turns for each", 7200, 8, 0, 32, "s3://bucket/out.mp4" },
        { "at most a quarter of an hour", 7200, 1, 0, 8, "s3://bucket/out.mp4" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(film) struct film *film = table_film((size_t)rows[i].seconds * 25, 5, 320, 180);
        AUTO(job_spec) struct job_spec *spec = film_spec("film", rows[i].asked, DEPTH_VIDEO);
        AUTO(plan) struct plan *plan = NULL;

        spec->parallelism = rows[i].parallelism;
        if (rows[i].output) {
            free(spec->output_uri);
            spec->output_uri = xstrdup(rows[i].output);
        }
        plan = draft(film, spec);
        CHECK_INT(rows[i].name, plan->segment_count, rows[i].want);
    }
}

/* The film's own dts (here 7 ticks before the pts), not what plan_cut was given. */
static void seeks_are_in_the_films_times(void **state)
{
    AUTO(film) struct film *film = table_film(1000, 50, 320, 180);
    AUTO(job_spec) struct job_spec *spec = film_spec("film", 7, DEPTH_CLASSICAL);
    AUTO(plan) struct plan *plan = NULL;

    (void)state;
    for (size_t i = 0; i < film->packet_count; i++)
        film->packets[i].dts -= 7;
    plan = draft(film, spec);
    assert_true(plan->segment_count > 3);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct plan_segment *segment = &plan->segments[i];

        CHECK_INT("dts", segment->seek_dts, segment->seek_pts - 7);
        CHECK_INT("a keyframe", segment->seek_pts % (50 * 40), 0);
        assert_true(segment->seek_pts <= segment->lead_pts);
    }
}

static void depths_turns_and_colours(void **state)
{
    AUTO(film) struct film *film = table_film(50, 12, 321, 180);
    AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_CLASSICAL);
    struct media_stream *video = &film->streams[0];
    AUTO(plan) struct plan *plan = NULL;
    AUTO(plan) struct plan *asked = NULL;
    char warning[400];
    struct plan *refused;
    struct err err;

    (void)state;
    video->bit_depth = 12;
    video->rotation = 90;
    video->sar = (struct ratio){ 4, 3 };
    (void)snprintf(video->pix_fmt, sizeof(video->pix_fmt), "gbrp12le");
    plan = draft(film, spec);
    CHECK_INT("depth", plan->video.bit_depth, 10);
    CHECK_INT("width", plan->video.width, 180);
    CHECK_INT("height", plan->video.height, 320);
    CHECK_INT("sar", plan->video.sar.num, 3);
    CHECK_INT("matrix of RGB", plan->video.color_space, 1);
    CHECK_INT("range of RGB", plan->video.color_range, 1);
    assert_true(plan->window > 0);
    plan_warning(warning, sizeof(warning), film, plan);
    CHECK_HAS("warning", warning, "odd side");
    CHECK_HAS("warning", warning, "12 bits a sample become 10");
    (void)snprintf(spec->pix_fmt, sizeof(spec->pix_fmt), "yuv420p");
    asked = draft(film, spec);
    CHECK_INT("asked", asked->video.bit_depth, 8);
    (void)snprintf(spec->pix_fmt, sizeof(spec->pix_fmt), "yuv422p");
    assert_int_equal(plan_draft(&refused, film, spec, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

#define FOLLOWS (-1)

static void what_is_said_of_the_3d(void **state)
{
    static const struct {
        enum layout layout;
        double divergence, convergence, ipd;
        const char *codec, *pix_fmt, *want; /* want NULL: nothing */
    } rows[] = {
        { LAYOUT_FULL_SBS, 2, .5, 0, "libx264", "", NULL },
        { LAYOUT_FULL_SBS, 3, 2. / 3, 0, "libx264", "", NULL },
        { LAYOUT_FULL_SBS, 3, .5, 0, "libx264", "",
          "1.5 % of the width before the screen and 1.5 %" },
        { LAYOUT_LEFT, 3, 1, 0, "libx264", "", "0.0 % of the width before the screen and 3.0 %" },
        { LAYOUT_FULL_SBS, 2, .5, 1, "libx264", "", "reaches 2.0 % of the width before" },
        { LAYOUT_FULL_SBS, 5, FOLLOWS, 0, "libx264", "", NULL },
        { LAYOUT_FULL_SBS, 6, FOLLOWS, 0, "libx264", "",
          "reaches 1.2 % of the width before the "
          "screen and 2.4 % behind" },
        { LAYOUT_FULL_SBS, 2, FOLLOWS, 1, "libx264", "", NULL },
        { LAYOUT_DEPTH, 9, .5, 0, "libx264", "", NULL },
        { LAYOUT_RGBD, 9, .5, 0, "libx264", "", NULL },
        { LAYOUT_ANAGLYPH_DUBOIS, 2, .5, 0, "libx264", "", NULL },
        { LAYOUT_ANAGLYPH_DUBOIS, 2, .5, 0, "mpeg4", "", "mpeg4 is given no 4:4:4" },
        { LAYOUT_ANAGLYPH_GRAY, 2, .5, 0, "mpeg4", "yuv420p", NULL },
        { LAYOUT_FULL_SBS, 2, .5, 0, "mpeg4", "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_CLASSICAL);
        struct plan plan = { .segment_count = 0 };
        char text[400] = "";

        spec->layout = rows[i].layout;
        spec->divergence = rows[i].divergence;
        spec->convergence_mode = rows[i].convergence < 0 ? CONVERGENCE_AUTO : CONVERGENCE_FIXED;
        spec->convergence = fmax(rows[i].convergence, 0);
        spec->ipd_offset = rows[i].ipd;
        (void)snprintf(spec->pix_fmt, sizeof(spec->pix_fmt), "%s", rows[i].pix_fmt);
        (void)snprintf(plan.codec, sizeof(plan.codec), "%s", rows[i].codec);
        plan_warning_stereo(text, sizeof(text), &plan, spec);
        if (rows[i].want)
            CHECK_HAS("said", text, rows[i].want);
        else
            CHECK_STR("said", text, "");
    }
}

/* 4 s at 25 a second, a keyframe every 12 frames. */
static void a_part_of_a_film(void **state)
{
    static const struct {
        const char *name;
        double from, to, fps;
        int64_t start, end, frames, seek;
        bool cut_start, cut_end;
    } rows[] = {
        { "all", 0, 0, 0, 0, 4000, 100, 0, false, false },
        { "from a frame on", 1, 0, 0, 1000, 4000, 75, 960, true, false },
        { "from between frames on", 1.01, 0, 0, 1040, 4000, 74, 960, true, false },
        { "from a keyframe on", 1.44, 0, 0, 1440, 4000, 64, 1440, true, false },
        { "to a frame", 0, 2, 0, 0, 2000, 50, 0, false, true },
        { "to behind the end", 0, 99, 0, 0, 4000, 100, 0, false, false },
        { "both", 0.5, 0.6, 0, 520, 600, 2, 480, true, true },
        { "half of the frames", 1, 0, 12.5, 1000, 4000, 38, 960, true, false },
        { "more than there are", 0, 0, 60, 0, 4000, 100, 0, false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(film) struct film *film = table_film(100, 12, 320, 180);
        AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_VIDEO);
        AUTO(plan) struct plan *plan = NULL;

        spec->from_s = rows[i].from;
        spec->to_s = rows[i].to;
        spec->max_fps = rows[i].fps;
        plan = draft(film, spec);
        CHECK_INT(rows[i].name, plan->video.start_pts, rows[i].start);
        CHECK_INT(rows[i].name, plan->video.end_pts, rows[i].end);
        CHECK_INT(rows[i].name, plan->video.frames, rows[i].frames);
        CHECK_INT(rows[i].name, plan->segments[0].seek_pts, rows[i].seek);
        CHECK_INT(rows[i].name, plan->cut_start, rows[i].cut_start);
        CHECK_INT(rows[i].name, plan->cut_end, rows[i].cut_end);
    }
}

/* All keyframes but the first are left out: they are still where decoding begins. */
static void keyframes_that_do_not_stay_are_sought(void **state)
{
    AUTO(film) struct film *film = table_film(100, 25, 320, 180);
    AUTO(job_spec) struct job_spec *spec = film_spec("film", 1, DEPTH_VIDEO);
    AUTO(plan) struct plan *plan = NULL;

    (void)state;
    spec->max_fps = 12.5;
    plan = draft(film, spec);
    CHECK_INT("segments", plan->segment_count, 4);
    CHECK_INT("second", plan->segments[1].seek_pts, 1000);
    CHECK_INT("last", plan->segments[3].seek_pts, 3000);
    CHECK_INT("rate", plan->video.frame_rate.num * 2, plan->video.frame_rate.den * 25);
}

static void parts_that_hold_nothing_are_refused(void **state)
{
    static const struct {
        double from, to;
        const char *field;
    } rows[] = { { 4, 0, "fromSeconds" }, { 5, 6, "fromSeconds" }, { 1.01, 1.03, "toSeconds" } };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(film) struct film *film = table_film(100, 12, 320, 180);
        AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_VIDEO);
        struct plan *plan;
        struct err err;

        spec->from_s = rows[i].from;
        spec->to_s = rows[i].to;
        assert_int_equal(plan_draft(&plan, film, spec, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        CHECK_HAS("message", err.msg, rows[i].field);
    }
}

static void frames_that_share_a_time_are_counted(void **state)
{
    AUTO(film) struct film *film = table_film(50, 12, 320, 180);
    AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_VIDEO);
    AUTO(plan) struct plan *plan = NULL;
    char warning[400];
    struct err err;

    (void)state;
    film->packets[20].pts = film->packets[19].pts;
    CHECK_OK(film_build_frames(film, &err), err);
    CHECK_INT("frames", film->frame_count, 49);
    CHECK_INT("shared", film->shared, 1);
    plan = draft(film, spec);
    plan_warning(warning, sizeof(warning), film, plan);
    CHECK_HAS("warning", warning, "1 frames share a timestamp");
}

static void streams_are_copied_or_named(void **state)
{
    AUTO(film) struct film *film = table_film(50, 12, 320, 180);
    AUTO(job_spec) struct job_spec *spec = film_spec("film", 0, DEPTH_VIDEO);
    AUTO(plan) struct plan *plan = NULL;
    static const struct media_stream more[] = {
        { .type = 'a', .codec = "aac", .sample_rate = 48000, .channels = 2 },
        { .type = 'v', .codec = "h264" },
        { .type = 'c', .codec = "mjpeg" },
        { .type = 's', .codec = "dvd_subtitle" },
        { .type = 'a', .codec = "aac", .channels = 2 },
        { .type = 'a', .codec = "flac", .sample_rate = 48000 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(more); i++) {
        film->streams[i + 1] = more[i];
        film->streams[i + 1].index = (int)i + 1;
    }
    film->stream_count = 1 + COUNT(more);
    film->counts[1] = (struct film_count){ 94, 9400, 0 };
    free(spec->output_uri);
    spec->output_uri = xstrdup("/out/Film.MP4");
    plan = draft(film, spec);
    CHECK_INT("copies", plan->copy_count, 3);
    CHECK_INT("audio", plan->copies[0].stream, 1);
    CHECK_INT("audio", plan->copies[0].packets, 94);
    CHECK_INT("cover", plan->copies[1].stream, 3);
    CHECK_INT("cover", plan->copies[1].type, 'v');
    CHECK_INT("dropped", plan->dropped_count, 3);
    CHECK_HAS("second video", plan->dropped[0], "stream 2 (h264)");
    CHECK_HAS("no rate", plan->dropped[1], "stream 5 (aac): none of it says its sample rate");
    CHECK_HAS("no channels", plan->dropped[2], "stream 6 (flac): none of it says");
}

static void outputs_have_known_endings(void **state)
{
    static const struct {
        const char *uri, *want;
    } rows[] = {
        { "a.mp4", "mp4" },         { "/x/b.MKV", "matroska" },
        { "file:///c.mov", "mov" }, { "a.m4v", NULL },
        { ".mp4", NULL },           { "a.avi", NULL },
        { "a.mp4/x", NULL },        { "mkv", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *container = "";
        struct err err;
        int rc = plan_container(&container, rows[i].uri, &err);

        CHECK_INT(rows[i].uri, rc, rows[i].want ? 0 : -1);
        if (rows[i].want)
            CHECK_STR(rows[i].uri, container, rows[i].want);
    }
}

/* SPS of 1920x1080 High 4:2:0 8 bit with VUI (BT.709, limited), as x264 writes it. */
static const uint8_t avcc[] = {
    0x01, 0x64, 0x00, 0x28, 0xff, 0xe1, 0x00, 0x1e, 0x67, 0x64, 0x00, 0x28, 0xac, 0xd9,
    0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00, 0x03,
    0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06, 0x32, 0xc0, 0x01, 0x00,
};

static void a_sequence_header_is_read(void **state)
{
    struct media_sps sps;

    (void)state;
    assert_int_equal(media_sps_parse(&sps, avcc, sizeof(avcc)), 0);
    CHECK_INT("avcC", sps.width, 1920);
    CHECK_INT("avcC", sps.height, 1080);
    CHECK_INT("avcC", sps.bit_depth, 8);
    CHECK_INT("avcC", sps.chroma, 1);
    CHECK_INT("avcC", sps.progressive, 1);
    assert_int_equal(media_sps_parse(&sps, NULL, 0), -1);
}

/* Cut anywhere, changed anywhere: nothing is read beyond its end (the sanitizer watches). */
static void broken_sequence_headers_do_no_harm(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)round % (sizeof(avcc) + 1);
        AUTO_FREE uint8_t *data = xmalloc(size + 1);
        struct media_sps sps;

        memcpy(data, avcc, size);
        for (int i = 0; i < round % 5 && size; i++) {
            random = random * 1664525u + 1013904223u;
            data[(random >> 8) % size] = (uint8_t)(random >> 24);
        }
        data = xrealloc(data, size ? size : 1);
        if (media_sps_parse(&sps, data, size) == 0)
            assert_true(sps.width > 0 && sps.height > 0);
    }
}

struct packet_row {
    int stream;
    int64_t dts, want;
};

static void clock_gives(const struct packet_row *rows, size_t count, int jumps)
{
    struct media_timeline_stream streams[3] = { { .leads = true }, { .leads = true } };
    struct media_timeline timeline = {
        .streams = streams, .count = 3, .back_limit = 45000, .on_limit = 900000
    };

    for (size_t i = 0; i < count; i++) {
        AUTO(av_packet) AVPacket *packet = av_packet_alloc();
        char name[32];

        (void)snprintf(name, sizeof(name), "packet %zu", i);
        packet->stream_index = rows[i].stream;
        packet->dts = packet->pts = rows[i].dts;
        packet->duration = rows[i].stream ? 1920 : 3600;
        media_timeline_apply(&timeline, packet);
        CHECK_INT(name, packet->dts, rows[i].want);
        CHECK_INT(name, packet->pts, rows[i].want);
    }
    CHECK_INT("jumps", timeline.jumps, jumps);
}

static void a_clock_that_jumps_goes_on(void **state)
{
    static const struct packet_row rows[] = {
        { 0, 900000, 900000 },  { 1, 900100, 900100 },
        { 0, 903600, 903600 },  { 0, 90000, 907200 }, /* the clock starts again */
        { 1, 902020, 902020 },                        /* sound of before comes late */
        { 0, 93600, 910800 },   { 1, 90100, 907300 },
        { 0, 97200, 914400 },   { 2, 5, 817205 }, /* data never decides */
        { 0, 97100, 914300 },                     /* rounding is no jump */
        { 0, 2000000, 917900 },                   /* 21 s on is one */
    };

    (void)state;
    clock_gives(rows, COUNT(rows), 2);
}

/* A broken time is one packet's: what comes behind it, and streams that begin there, stay. */
static void one_wrong_time_moves_nothing_else(void **state)
{
    static const struct packet_row rows[] = {
        { 0, 126000, 126000 },     { 0, 1073871424, 129600 }, { 0, 133200, 133200 },
        { 1, 127680, 127680 },     { 0, 136800, 136800 },     { 1, 129600, 129600 },
        { 1, 1073871424, 131520 }, { 0, 140400, 140400 },     { 1, 133440, 133440 },
        { 0, 144000, 144000 },
    };
    static const struct packet_row mixed[] = {
        { 0, 126000, 126000 },      { 0, 1073871424, 129600 },
        { 1, 127680, -1073614144 }, /* nobody knows yet */
        { 0, 133200, 133200 },      { 1, 129600, 129600 },
        { 0, 136800, 136800 },      { 1, 131520, 131520 },
    };

    (void)state;
    clock_gives(rows, COUNT(rows), 2);
    clock_gives(mixed, COUNT(mixed), 1);
}

static void boxes_of(const char *data, size_t len, size_t want, const char *name)
{
    char path[] = "/tmp/boxes-XXXXXX";
    int fd = mkstemp(path);
    AUTO(store_reader) struct store_reader *reader = NULL;
    AUTO_FREE struct media_span *holes = NULL;
    size_t count;
    struct err err;

    assert_int_equal(write(fd, data, len), len);
    (void)close(fd);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, path, "film", &err), err);
    (void)unlink(path);
    CHECK_OK(media_boxes_holes(&holes, &count, reader, &err), err);
    CHECK_INT(name, count, want);
    for (size_t i = 0; i < count; i++)
        assert_true(holes[i].start < holes[i].end && holes[i].end <= len);
}
static void media_without_an_index_is_refused(void **state)
{
    static const char cut_off[] = "\0\0\0\x0cmdatDATA";
    char path[] = "/tmp/boxes-XXXXXX";
    int fd = mkstemp(path);
    AUTO(store_reader) struct store_reader *reader = NULL;
    struct media_span *holes;
    size_t count;
    struct err err;

    (void)state;
    assert_int_equal(write(fd, cut_off, sizeof(cut_off) - 1), sizeof(cut_off) - 1);
    (void)close(fd);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, path, "film", &err), err);
    (void)unlink(path);
    assert_int_equal(media_boxes_holes(&holes, &count, reader, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    CHECK_HAS("message", err.msg, "without its index (moov)");
}

#define BOXES(text, want, name) boxes_of(text, sizeof(text) - 1, want, name)

static void media_boxes_are_found(void **state)
{
    (void)state;
    BOXES("\0\0\0\x10"
          "ftypisom...."
          "\0\0\0\x0c"
          "mdatDATA"
          "\0\0\0\x08"
          "moov",
          1, "plain");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\x0c"
          "mdatDATA"
          "\0\0\0\x0c"
          "mdatDATA",
          2, "two");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\0"
          "mdatto the end",
          1, "without end");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\x01"
          "mdat\0\0\0\0\0\0\0\x14"
          "DATA",
          1, "64 bit");
    BOXES("\0\0\0\x08"
          "moov"
          "\xff\xff\xff\xff"
          "mdatcut off",
          1, "cut off");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\x01"
          "mdat\xff\xff\xff\xff\xff\xff\xff\xff"
          "x",
          1, "absurd");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\x08"
          "moof"
          "\0\0\0\x0c"
          "mdatDATA",
          0, "fragmented");
    BOXES("\0\0\0\x08"
          "moov"
          "\0\0\0\x03"
          "mdat",
          0, "size below its head");
    BOXES("RIFF\0\0\0\0AVI LIST", 0, "no MP4");
    BOXES("", 0, "empty");
    BOXES("abc", 0, "three bytes");
}

/* Under what a conversion was measured to hold (bench: memory) its pod is killed and tried again
 * with more; far above it, the pod finds no node. */
static void pods_get_the_memory_that_they_need(void **state)
{
    static const struct {
        const char *codec;
        int width, height;
        unsigned held_mib;
    } rows[] = {
        { "libx264", 480, 270, 150 },
        { "libx264", 1920, 1080, 1300 }, /* slow; medium 1140 */
        { "libx265", 3840, 2160, 3590 },
        { "libx265", 7680, 4320, 9980 }, /* ultrafast */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct media_stream video = { .bit_depth = 8 };
        struct plan plan = { .packed_width = 2 * rows[i].width, .packed_height = rows[i].height };
        uint64_t mib;

        video.width = plan.video.width = rows[i].width;
        video.height = plan.video.height = rows[i].height;
        plan.video.bit_depth = 8;
        (void)snprintf(plan.codec, sizeof(plan.codec), "%s", rows[i].codec);
        mib = plan_memory(&plan, &video, false) >> 20;
        if (mib < rows[i].held_mib || mib > rows[i].held_mib * 3 / 2)
            fail_msg("%s %dx%d: %u MiB are held, a pod would get %u", rows[i].codec, rows[i].width,
                     rows[i].height, rows[i].held_mib, (unsigned)mib);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoders_go_by_size),
        cmocka_unit_test(segments_go_by_length_and_workers),
        cmocka_unit_test(seeks_are_in_the_films_times),
        cmocka_unit_test(depths_turns_and_colours),
        cmocka_unit_test(what_is_said_of_the_3d),
        cmocka_unit_test(a_part_of_a_film),
        cmocka_unit_test(keyframes_that_do_not_stay_are_sought),
        cmocka_unit_test(parts_that_hold_nothing_are_refused),
        cmocka_unit_test(frames_that_share_a_time_are_counted),
        cmocka_unit_test(streams_are_copied_or_named),
        cmocka_unit_test(outputs_have_known_endings),
        cmocka_unit_test(a_sequence_header_is_read),
        cmocka_unit_test(broken_sequence_headers_do_no_harm),
        cmocka_unit_test(a_clock_that_jumps_goes_on),
        cmocka_unit_test(one_wrong_time_moves_nothing_else),
        cmocka_unit_test(media_boxes_are_found),
        cmocka_unit_test(media_without_an_index_is_refused),
        cmocka_unit_test(pods_get_the_memory_that_they_need),
    };

    media_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
