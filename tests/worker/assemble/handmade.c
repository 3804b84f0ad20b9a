/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/assemble/handmade.h"

#include "common/file.h"
#include "common/mem.h"
#include "worker/media/encoder.h"
#include "worker/media/output.h"
#include "worker/media/segment.h"

#include "worker/media/compat.h"

#include <libavutil/log.h>
#include <libavutil/mastering_display_metadata.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char UID[] = "5b0f3e58-0000-4000-8000-000000000001";

/* libx265 keeps copies of its parameter strings. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265.so";
}

const char *handmade_path(const struct handmade *made, const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", made->folder, name);
    return path;
}

int handmade_shell(const struct handmade *made, const char *command)
{
    AUTO_FREE char *line =
        xasprintf("cd %s && (%s) >> %s/shell.log 2>&1", made->folder, command, made->folder);

    return system(line);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

struct counts {
    int64_t packets, bytes;
};

static int64_t *read_film(struct media_source *source, int video, size_t *count, int64_t *end,
                          struct counts *counts)
{
    size_t cap = 1024;
    int64_t *pts = xmalloc(cap * sizeof(*pts));
    struct err err;

    *count = 0;
    for (;;) {
        AUTO(media_packet) struct media_packet *packet = NULL;
        int stream;

        CHECK_OK(media_source_read(source, &packet, &err), err);
        if (!packet)
            break;
        stream = media_packet_stream(packet);
        counts[stream].packets++;
        counts[stream].bytes += (int64_t)media_packet_size(packet);
        if (stream != video)
            continue;
        if (*count == cap)
            pts = xrealloc(pts, (cap *= 2) * sizeof(*pts));
        pts[(*count)++] = media_packet_pts(packet);
        if (*end < media_packet_pts(packet) + media_packet_duration(packet))
            *end = media_packet_pts(packet) + media_packet_duration(packet);
    }
    qsort(pts, *count, sizeof(*pts), compare);
    return pts;
}

int64_t *handmade_read_pts(const char *path, size_t *count, struct ratio *tb)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    AUTO(media_source) struct media_source *source = NULL;
    struct media_source_opts opts = { .what = "output" };
    struct counts counts[PLAN_MAX_STREAMS] = { { 0, 0 } };
    int64_t end = INT64_MIN;
    struct err err;

    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, path, "output", &err), err);
    CHECK_OK(media_source_open(&source, reader, &opts, &err), err);
    *tb = media_source_stream(source, 0)->time_base;
    return read_film(source, 0, count, &end, counts);
}

static uint32_t crc_of(const int64_t *pts, int64_t count)
{
    uint32_t crc = 0;

    for (int64_t i = 0; i < count; i++) {
        uint8_t bytes[8];

        for (int k = 0; k < 8; k++)
            bytes[k] = (uint8_t)((uint64_t)pts[i] >> (8 * k));
        crc = hash_crc32(crc, bytes, sizeof(bytes));
    }
    return crc;
}

static void plan_segments(struct handmade *made, uint32_t segments)
{
    struct plan *plan = made->plan;
    int64_t at = 0;

    plan->segment_count = segments;
    plan->segments = xcalloc(segments, sizeof(*plan->segments));
    for (uint32_t i = 0; i < segments; i++) {
        struct plan_segment *segment = &plan->segments[i];
        int64_t to = plan->video.frames * (i + 1) / segments;

        segment->start_pts = segment->lead_pts = made->pts[at];
        segment->end_pts = to == plan->video.frames ? plan->video.end_pts : made->pts[to];
        segment->tail_pts = segment->end_pts;
        segment->frames = to - at;
        segment->seek_pts = segment->seek_dts = made->pts[0];
        segment->pts_crc = crc_of(made->pts + at, to - at);
        at = to;
    }
}

static void plan_video(struct plan_video *video, const struct media_stream *stream)
{
    video->stream = stream->index;
    memcpy(video->codec, stream->codec, sizeof(video->codec));
    video->width = stream->width;
    video->height = stream->height;
    video->time_base = stream->time_base;
    video->sar = stream->sar.num > 0 ? stream->sar : (struct ratio){ 1, 1 };
    video->frame_rate = stream->frame_rate;
    video->bit_depth = 8;
    video->color_range = stream->color_range;
    video->color_primaries = stream->color_primaries;
    video->color_trc = stream->color_trc;
    video->color_space = stream->color_space;
    video->chroma_location = stream->chroma_location;
    video->hdr = stream->hdr;
}

static void plan_copies(struct plan *plan, struct media_source *source, const struct counts *counts,
                        const char *container, int64_t uncounted)
{
    plan->copies = xcalloc((size_t)media_source_streams(source), sizeof(*plan->copies));
    for (int i = 0; i < media_source_streams(source); i++) {
        const struct media_stream *stream = media_source_stream(source, i);
        char takes = media_output_takes(container, stream->type, stream->codec);
        const char *to = stream->type == 'a' ? media_output_sound(container, stream) : NULL;
        struct plan_copy *copy = &plan->copies[plan->copy_count];

        if (i == plan->video.stream || takes == 'n')
            continue;
        copy->stream = i;
        copy->type = stream->type == 'c' ? 'v' : stream->type;
        memcpy(copy->codec, stream->codec, sizeof(copy->codec));
        copy->packets = uncounted ? 0 : counts[i].packets;
        copy->bytes = uncounted ? 0 : counts[i].bytes;
        copy->convert = takes == 'c';
        if (copy->convert && to)
            (void)snprintf(copy->becomes, sizeof(copy->becomes), "%s", to);
        plan->copy_count++;
    }
}

static void make_plan(struct handmade *made, const struct handmade_opts *opts)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    AUTO(media_source) struct media_source *source = NULL;
    struct media_source_opts open = { .what = "source" };
    struct counts counts[PLAN_MAX_STREAMS] = { { 0, 0 } };
    struct plan *plan = made->plan = xcalloc(1, sizeof(*plan));
    const char *container = strstr(opts->output, ".mkv")   ? "matroska"
                            : strstr(opts->output, ".mov") ? "mov"
                                                           : "mp4";
    size_t count;
    struct err err;

    plan->source.uri = xstrdup(handmade_path(made, opts->source));
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, plan->source.uri, "source", &err), err);
    CHECK_OK(media_source_open(&source, reader, &open, &err), err);
    (void)snprintf(plan->source.format, sizeof(plan->source.format), "%s",
                   media_source_format(source));
    plan->source.size = store_reader_stat(reader)->size;
    CHECK_OK(store_reader_digest(reader, plan->source.digest, &err), err);
    plan_video(&plan->video, media_source_stream(source, media_source_video(source)));
    plan->video.end_pts = INT64_MIN;
    made->pts = read_film(source, plan->video.stream, &count, &plan->video.end_pts, counts);
    plan->video.frames = (int64_t)count;
    plan->video.start_pts = made->pts[0];
    if (plan->video.end_pts <= made->pts[count - 1])
        plan->video.end_pts = made->pts[count - 1] + 1;
    (void)snprintf(plan->codec, sizeof(plan->codec), "%s", opts->codec ? opts->codec : "libx264");
    layout_packed_size(opts->layout, plan->video.width, plan->video.height, &plan->packed_width,
                       &plan->packed_height);
    plan_copies(plan, source, counts, container, opts->uncounted);
    plan_segments(made, opts->segments);
}

static void paint(struct media_frame *frame, int64_t n, bool large)
{
    struct image image = media_frame_image(frame);
    uint32_t seed = (uint32_t)n + 1;

    for (int p = 0; p < 3; p++) {
        int w = p ? (image.width + 1) / 2 : image.width,
            h = p ? (image.height + 1) / 2 : image.height;

        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int64_t smooth = x * 2 + y * 3 + n * 5 + ((x ^ y) & 7) * (n % 5);

                seed = seed * 1664525 + 1013904223;
                image.plane[p][y * image.stride[p] + x] =
                    (uint8_t)(64 + (large ? seed >> 25 : (uint32_t)(smooth % 128)));
            }
    }
}

static void pull(struct media_encoder *encoder, struct segment_writer *writer)
{
    struct err err;

    for (;;) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        CHECK_OK(media_encoder_receive(encoder, &packet, &err), err);
        if (!packet)
            return;
        CHECK_OK(segment_writer_write(writer, 0, packet, &err), err);
    }
}

static void encode(struct handmade *made, const int64_t *pts, int64_t frames,
                   struct media_encoder *encoder, struct segment_writer *writer)
{
    struct err err;

    for (int64_t i = 0; i < frames; i++) {
        AUTO(media_frame) struct media_frame *frame = NULL;

        CHECK_OK(
            media_frame_new(&frame, made->plan->packed_width, made->plan->packed_height, 8, &err),
            err);
        paint(frame, pts[i], made->large);
        media_frame_set_pts(frame, pts[i]);
        CHECK_OK(media_encoder_send(encoder, frame, &err), err);
        pull(encoder, writer);
    }
    CHECK_OK(media_encoder_send(encoder, NULL, &err), err);
    pull(encoder, writer);
}

static void store_record(struct handmade *made, const struct record *record)
{
    AUTO_FREE char *text = record_format(record, "00");
    char key[NAME_KEY_SIZE];
    struct err err;

    name_record(key, record->id.index);
    CHECK_OK(store_create(made->job.store, key, text, strlen(text), &err), err);
}

static void make_segment(struct handmade *made, uint32_t index, const int64_t *pts)
{
    AUTO(media_encoder) struct media_encoder *encoder = NULL;
    AUTO(store_writer) struct store_writer *file = NULL;
    AUTO(segment_writer) struct segment_writer *writer = NULL;
    const struct plan *plan = made->plan;
    const struct plan_segment *segment = &plan->segments[index];
    bool has_crf = strncmp(plan->codec, "libx26", 6) == 0;
    struct media_encoder_opts opts = {
        .codec = plan->codec,
        .preset = !has_crf      ? ""
                  : made->large ? "ultrafast"
                                : "veryfast",
        .crf = !has_crf      ? -1
               : made->large ? 10
                             : 30,
        .bit_depth = 8,
        .width = plan->packed_width,
        .height = plan->packed_height,
        .sar = media_packed_sar(made->spec.layout, plan->video.sar),
        .video = &plan->video,
        .layout = made->spec.layout,
    };
    struct record record = { .id = { STAGE_CONVERT, index, 0, 0 },
                             .frames = segment->frames,
                             .start_pts = segment->start_pts,
                             .end_pts = segment->end_pts,
                             .time_base = plan->video.time_base,
                             .pts_crc = segment->pts_crc };
    struct encoder_facts facts = { 0 };
    struct err err;

    memcpy(record.uid, UID, sizeof(UID));
    name_segment(record.object, &record.id);
    CHECK_OK(media_encoder_open(&encoder, &opts, &err), err);
    CHECK_OK(store_writer_open(&file, made->job.store, record.object, &err), err);
    CHECK_OK(segment_writer_open(
                 &writer, file, &encoder,
                 &(struct segment_opts){ plan->video.time_base, segment->start_pts, 1 }, &err),
             err);
    encode(made, pts, segment->frames, encoder, writer);
    CHECK_OK(segment_writer_finish(writer, &err), err);
    media_encoder_facts(encoder, &facts);
    record.reorder = media_encoder_reorder(encoder);
    memcpy(record.extradata_sha256, facts.extradata_sha256, sizeof(record.extradata_sha256));
    record.bytes = store_writer_size(file);
    record.crc32c = store_writer_crc32c(file);
    CHECK_OK(store_writer_commit(file, record.sha256, &err), err);
    store_record(made, &record);
}

/* 400 subtitles with and without gaps, 60 chapters, long tags: nasty.srt, nasty.ffmeta. */
static void make_nasty(const struct handmade *made)
{
    FILE *srt = fopen(handmade_path(made, "nasty.srt"), "w");
    FILE *meta = fopen(handmade_path(made, "nasty.ffmeta"), "w");

    for (int i = 0; i < 400; i++)
        (void)fprintf(srt, "%d\n00:00:%02d,%03d --> 00:00:%02d,%03d\nline %d\n\n", i + 1,
                      i * 140 / 1000, i * 140 % 1000, (i * 140 + 70 + i % 2 * 70) / 1000,
                      (i * 140 + 70 + i % 2 * 70) % 1000, i);
    (void)fprintf(meta, ";FFMETADATA1\ntitle=%0200d\ncomment=%02000d\n", 1, 2);
    for (int i = 0; i < 60; i++)
        (void)fprintf(meta, "[CHAPTER]\nTIMEBASE=1/1000\nSTART=%d\nEND=%d\ntitle=%0200d\n",
                      i * 1000, i * 1000 + 1000, i);
    (void)fclose(srt);
    (void)fclose(meta);
}

static void tell_hdr(AVStream *stream)
{
    AVMasteringDisplayMetadata display = { .has_primaries = 1, .has_luminance = 1 };
    AVContentLightMetadata light = { .MaxCLL = 1000, .MaxFALL = 400 };
    uint8_t *data;

    for (int i = 0; i < 3; i++)
        display.display_primaries[i][0] = display.display_primaries[i][1] =
            (AVRational){ 10000 + i * 5000, 50000 };
    display.white_point[0] = display.white_point[1] = (AVRational){ 15635, 50000 };
    display.min_luminance = (AVRational){ 1, 10000 };
    display.max_luminance = (AVRational){ 10000000, 10000 };
    data = compat_stream_side_data_new(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
                                       sizeof(display));
    assert_non_null(data);
    memcpy(data, &display, sizeof(display));
    data = compat_stream_side_data_new(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, sizeof(light));
    assert_non_null(data);
    memcpy(data, &light, sizeof(light));
}

/* The ffmpeg tool cannot write such a container: its own copy, with the side data put in. */
static void make_hdr(const struct handmade *made, const char *name)
{
    AVFormatContext *in = NULL, *out = NULL;
    AVPacket *packet = av_packet_alloc();
    AUTO_FREE char *from = xstrdup(handmade_path(made, "flat.mkv"));

    CHECK_INT("move", rename(handmade_path(made, name), from), 0);
    assert_true(avformat_open_input(&in, from, NULL, NULL) >= 0);
    assert_true(avformat_find_stream_info(in, NULL) >= 0);
    assert_true(avformat_alloc_output_context2(&out, NULL, "matroska", NULL) >= 0);
    for (unsigned i = 0; i < in->nb_streams; i++) {
        AVStream *stream = avformat_new_stream(out, NULL);

        assert_true(avcodec_parameters_copy(stream->codecpar, in->streams[i]->codecpar) >= 0);
        if (i == 0)
            tell_hdr(stream);
    }
    assert_true(avio_open(&out->pb, handmade_path(made, name), AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(out, NULL) >= 0);
    while (av_read_frame(in, packet) >= 0) {
        av_packet_rescale_ts(packet, in->streams[packet->stream_index]->time_base,
                             out->streams[packet->stream_index]->time_base);
        assert_true(av_interleaved_write_frame(out, packet) >= 0);
    }
    assert_true(av_write_trailer(out) >= 0);
    avio_closep(&out->pb);
    avformat_free_context(out);
    avformat_close_input(&in);
    av_packet_free(&packet);
}

void handmade_make(struct handmade *made, const struct handmade_opts *opts)
{
    AUTO_FREE char *command =
        xasprintf("ffmpeg -hide_banner -nostdin -y %s %s", opts->ffmpeg, opts->source);
    AUTO_FREE char *text = NULL;
    int64_t at = 0;
    struct err err;

    av_log_set_level(AV_LOG_ERROR);
    memset(made, 0, sizeof(*made));
    (void)snprintf(made->folder, sizeof(made->folder), "/tmp/assemble-XXXXXX");
    assert_non_null(mkdtemp(made->folder));
    if (strstr(opts->ffmpeg, "nasty"))
        make_nasty(made);
    if (handmade_shell(made, command) != 0)
        fail_msg("ffmpeg failed: see %s/shell.log", made->folder);
    if (opts->hdr)
        make_hdr(made, opts->source);
    made->large = opts->large;
    made->spec.layout = opts->layout;
    made->spec.source_uri = xstrdup(handmade_path(made, opts->source));
    made->spec.output_uri = xstrdup(handmade_path(made, opts->output));
    made->job.spec = &made->spec;
    made->job.id.stage = STAGE_ASSEMBLE;
    made->job.should_stop = &made->stop;
    memcpy(made->job.uid, UID, sizeof(UID));
    CHECK_OK(store_open(&made->job.store, handmade_path(made, "work"), &err), err);
    make_plan(made, opts);
    text = plan_format(made->plan);
    CHECK_OK(store_create(made->job.store, NAME_PLAN, text, strlen(text), &err), err);
    for (uint32_t i = 0; i < opts->segments; i++) {
        make_segment(made, i, made->pts + at);
        at += made->plan->segments[i].frames;
    }
}

void handmade_clear(struct handmade *made)
{
    struct err err;

    store_free(made->job.store);
    plan_free(made->plan);
    free(made->pts);
    free(made->spec.source_uri);
    free(made->spec.output_uri);
    if (!getenv("KEEP"))
        (void)file_remove_tree(made->folder, &err);
}

void handmade_change_record(struct handmade *made, uint32_t i, void (*fn)(struct record *record))
{
    AUTO_BUF struct buf text;
    char key[NAME_KEY_SIZE];
    struct record record;
    struct err err;

    name_record(key, i);
    buf_init(&text, RECORD_MAX_BYTES + 1);
    CHECK_OK(store_get(made->job.store, key, RECORD_MAX_BYTES, &text, &err), err);
    CHECK_OK(record_parse(&record, text.data, text.len, NULL, &err), err);
    fn(&record);
    CHECK_OK(store_remove(made->job.store, key, &err), err);
    store_record(made, &record);
}
