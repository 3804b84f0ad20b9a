/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/draft.h"

#include "common/contract/uri.h"
#include "common/mem.h"
#include "worker/depth/depth.h"
#include "worker/depth/following.h"
#include "worker/job.h"
#include "worker/media/encoder.h"
#include "worker/media/output.h"
#include "worker/media/package.h"
#include "worker/plan/select.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SOUND_SAMPLES 1024 /* the fewest in a packet of a converted sound */
#define SOUND_BYTES   4    /* the most of a sample, headers and all */
#define SOUND_SPARE_S 120
#define H264_MAX_SIDE 4096
#define SEGMENT_S     60.0 /* where nobody asked and the film is long */
#define SEGMENT_MIN_S 10.0
#define CLUSTER_MIN_S 120.0
#define CLUSTER_MAX_S 900.0
#define CAPPED_S      600 /* films longer than this get the pre-roll cap */
#define MATRIX_RGB    0   /* H.273: the planes are R, G, B */
#define MATRIX_BT709  1
#define RANGE_LIMITED 1

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

int plan_container(const char **out, const char *uri, struct err *err)
{
    const char *container = output_container(uri);

    if (container) {
        *out = container;
        return 0;
    }
    return err_set(err, ERR_CONFIG, "spec.output.uri: '%s' must end in " OUTPUT_ENDINGS, uri);
}

static int working_depth(int *out, const struct film *film, const struct job_spec *spec,
                         struct err *err)
{
    if (!*spec->pix_fmt)
        *out = film_video(film)->bit_depth > 8 ? 10 : 8;
    else if (strcmp(spec->pix_fmt, "yuv420p") == 0 || strcmp(spec->pix_fmt, "yuv444p") == 0)
        *out = 8;
    else if (strcmp(spec->pix_fmt, "yuv420p10le") == 0 || strcmp(spec->pix_fmt, "yuv444p10le") == 0)
        *out = 10;
    else
        return err_set(err, ERR_CONFIG, "spec.encode.pixFmt: '%s' is not known", spec->pix_fmt);
    return 0;
}

static bool is_rgb(const struct media_stream *video)
{
    return video->color_space == MATRIX_RGB || strncmp(video->pix_fmt, "gbr", 3) == 0 ||
           strncmp(video->pix_fmt, "rgb", 3) == 0 || strncmp(video->pix_fmt, "bgr", 3) == 0;
}

/* What is left of an even rate when only so many frames of it stay. */
static struct ratio rate_left(struct ratio rate, const struct plan *plan)
{
    double times = (double)rate.num * (double)plan->max_fps.den /
                   ((double)rate.den * (double)(plan->max_fps.num ? plan->max_fps.num : 1));

    if (plan->max_fps.num <= 0 || rate.num <= 0)
        return rate;
    if (fabs(times - round(times)) > 0.001 || rate.den * llrint(times) > INT32_MAX)
        return (struct ratio){ 0, 1 };
    return (struct ratio){ rate.num, rate.den * llrint(times) };
}

/* Of one view: even, and so is each half where two views share the frame's size. */
static int side(int px, bool halved)
{
    int step = halved && px >= 4 ? 4 : 2;

    return px / step * step;
}

static void fill_video(struct plan *plan, const struct film *film,
                       const struct selection *selection, enum layout layout)
{
    struct plan_video *out = &plan->video;
    const struct media_stream *video = film_video(film);
    bool turned = video->rotation % 180 != 0;
    struct ratio sar = video->sar.num > 0 ? video->sar : (struct ratio){ 1, 1 };

    out->stream = video->index;
    (void)snprintf(out->codec, sizeof(out->codec), "%s", video->codec);
    out->width = side(turned ? video->height : video->width, layout == LAYOUT_HALF_SBS);
    out->height = side(turned ? video->width : video->height, layout == LAYOUT_HALF_TB);
    out->rotation = video->rotation;
    out->flipped = video->flipped;
    out->hdr = video->hdr;
    out->time_base = video->time_base;
    out->sar = turned ? (struct ratio){ sar.den, sar.num } : sar;
    out->frame_rate = rate_left(video->frame_rate, plan);
    out->color_range = is_rgb(video) ? RANGE_LIMITED : video->color_range;
    out->color_primaries = video->color_primaries;
    out->color_trc = video->color_trc;
    out->color_space = is_rgb(video) ? MATRIX_BT709 : video->color_space;
    out->chroma_location = video->chroma_location;
    out->frames = (int64_t)selection->count;
    out->start_pts = selection->frames[0].pts;
    out->end_pts = selection->end;
    out->interlaced = video->interlaced;
}

static void add_dropped(struct plan *plan, char *text)
{
    plan->dropped = xrealloc(plan->dropped, (plan->dropped_count + 1) * sizeof(*plan->dropped));
    plan->dropped[plan->dropped_count++] = text;
}

static void drop(struct plan *plan, const struct media_stream *stream, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void drop(struct plan *plan, const struct media_stream *stream, const char *fmt, ...)
{
    char why[120];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    add_dropped(plan, xasprintf("stream %d (%s): %s", stream->index,
                                stream->type == 't' ? "attachment" : stream->codec, why));
}

/* The stream goes along, but not all that it is marked as. */
static void drop_marks(struct plan *plan, const struct media_stream *stream, const char *container)
{
    char marks[120];

    media_output_lost_marks(marks, sizeof(marks), container, stream);
    if (*marks)
        add_dropped(plan,
                    xasprintf("marks of stream %d (%s): %s", stream->index, stream->codec, marks));
}

/* The muxer makes these anew: a MOV's time code from the video's tag, its titles of chapters. */
static bool is_remade(const struct media_stream *stream, const struct film *film)
{
    return stream->type == 'd' && (stream->tag == FOURCC('t', 'm', 'c', 'd') ||
                                   (stream->tag == FOURCC('t', 'e', 'x', 't') && film->chapters));
}

static void drop_misfit(struct plan *plan, const struct media_stream *stream, char type,
                        const char *container)
{
    static const struct {
        const char *container, *name;
    } names[] = {
        { "mp4", "MP4" }, { "mov", "MOV" }, { "matroska", "Matroska" }, { CONTAINER_HLS, "HLS" }
    };
    bool elsewhere = media_output_takes("matroska", type, stream->codec) != 'n';

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(container, names[i].container) == 0)
            drop(plan, stream, "%s cannot hold it%s", names[i].name, elsewhere ? ", .mkv can" : "");
}

/* A converted sound's packets: no more than these, of no more bytes, however long it is said to be.
 */
static void bound_sound(struct plan_copy *copy, const struct film *film,
                        const struct media_stream *sound)
{
    const struct media_stream *video = film_video(film);
    double told =
        (double)sound->duration * (double)sound->time_base.num / (double)sound->time_base.den;
    double seen = (double)(film->end - film->frames[0].pts) * (double)video->time_base.num /
                  (double)video->time_base.den;
    double samples = (fmax(told, seen) + SOUND_SPARE_S) * sound->sample_rate;

    copy->packets = copy->bytes = 0;
    if (samples > 1e12)
        return;
    copy->packets = (int64_t)(samples / SOUND_SAMPLES);
    copy->bytes = (int64_t)samples * sound->channels * SOUND_BYTES;
}

static void fill_copies(struct plan *plan, const struct film *film, const char *container)
{
    plan->copies = xcalloc((size_t)film->stream_count + 1, sizeof(*plan->copies));
    for (int i = 0; i < film->stream_count; i++) {
        const struct media_stream *stream = &film->streams[i];
        struct plan_copy *copy = &plan->copies[plan->copy_count];
        char type = stream->type == 'c' ? 'v' : stream->type, takes;
        const char *to;

        if (i == film->video || is_remade(stream, film))
            continue;
        if (stream->type == 'v') {
            drop(plan, stream, "only one picture stream is converted");
            continue;
        }
        if (type == 'a' && (stream->sample_rate <= 0 || stream->channels <= 0)) {
            drop(plan, stream, "none of it says its sample rate and channels: it cannot be heard");
            continue;
        }
        takes = media_output_takes(container, type, stream->codec);
        to = takes == 'c' && type == 'a' ? media_output_sound(container, stream) : NULL;
        if (takes == 'n' || (takes == 'c' && type == 'a' && !to)) {
            drop_misfit(plan, stream, type, container);
            continue;
        }
        *copy = (struct plan_copy){ .stream = i,
                                    .type = type,
                                    .convert = takes == 'c',
                                    .packets = film->counts[i].packets,
                                    .bytes = film->counts[i].bytes,
                                    .longest_ms = film->counts[i].longest_ms };
        (void)snprintf(copy->codec, sizeof(copy->codec), "%s", stream->codec);
        if (to) {
            (void)snprintf(copy->becomes, sizeof(copy->becomes), "%s", to);
            bound_sound(copy, film, stream);
        }
        drop_marks(plan, stream, container);
        plan->copy_count++;
    }
}

/* What no stream is. */
static void drop_parts(struct plan *plan, const struct film *film, const char *container)
{
    if (film->chapters && container_is_hls(container))
        add_dropped(plan, xstrdup("chapters: HLS has no place for them, .mp4 and .mkv have"));
}

static double duration_s(const struct plan_video *video)
{
    return (double)(video->end_pts - video->start_pts) * (double)video->time_base.num /
           (double)video->time_base.den;
}

/* One machine's outputs have paths, a cluster's are on S3 or a claim. */
static bool is_cluster(const struct job_spec *spec)
{
    char scheme[URI_SCHEME_SIZE];

    uri_scheme(scheme, spec->output_uri);
    return strcmp(scheme, "s3") == 0 || strcmp(scheme, "pvc") == 0;
}

/* Enough segments that the last worker does not keep the others waiting, none too short to pay: on
 * one machine a worker starts at once, in a cluster a pod costs 10 to 30 s. */
static double segment_seconds(const struct plan_video *video, const struct job_spec *spec)
{
    double whole = duration_s(video);

    if (spec->segment_seconds > 0)
        return spec->segment_seconds;
    if (is_cluster(spec))
        return fmin(fmax(whole / (4.0 * spec->parallelism), CLUSTER_MIN_S), CLUSTER_MAX_S);
    return fmin(fmax(whole / (2.0 * spec->parallelism), SEGMENT_MIN_S), SEGMENT_S);
}

/* plan_cut saw packets' ordinals as dts, which ascend whatever the film says. The packet to seek to
 * is the last keyframe up to there; it need not be shown (edit lists). */
static void place_seek(struct plan_segment *segment, const struct film *film, bool all)
{
    size_t at = (size_t)segment->seek_dts;

    if (!all)
        at = plan_select_seek(film, at, segment->lead_pts);
    while (at > 0 && !film->packets[at].key)
        at--;
    segment->seek_pts = film->packets[at].pts;
    segment->seek_dts = film->packets[at].dts;
    if (segment->seek_pts == FILM_NO_TIME || segment->seek_pts > segment->lead_pts)
        segment->seek_pts = segment->lead_pts; /* not found again: from the film's start */
}

static int fill_segments(struct plan *plan, const struct film *film,
                         const struct selection *selection, const struct job_spec *spec,
                         struct err *err)
{
    const struct ratio *tb = &plan->video.time_base;
    double ticks = segment_seconds(&plan->video, spec) * (double)tb->den / (double)tb->num;
    struct plan_cut_opts opts = {
        .target = ticks < 1      ? 1
                  : ticks > 1e15 ? (int64_t)1e15
                                 : llrint(ticks),
        .window = plan->window,
        .asked = spec->segment_seconds > 0 && !plan->pieces,
        .capped = plan->pieces || duration_s(&plan->video) > CAPPED_S,
    };

    if (plan_cut(&plan->segments, &plan->segment_count, selection->frames, selection->count,
                 selection->end, &opts, err) < 0)
        return -1;
    for (uint32_t i = 0; i < plan->segment_count; i++)
        place_seek(&plan->segments[i], film, selection->count == film->frame_count);
    return 0;
}

static void fill_source(struct plan_source *out, const struct film *film)
{
    const struct store_stat *stat = store_reader_stat(film->reader);

    out->uri = xstrdup(film->uri);
    (void)snprintf(out->format, sizeof(out->format), "%s", film->format);
    out->size = stat->size;
    out->mtime_ns = stat->mtime_ns;
    memcpy(out->digest, film->digest, sizeof(out->digest));
}

static void fill_encode(struct plan *plan, const struct job_spec *spec)
{
    const char *codec = spec->codec;

    layout_packed_size(spec->layout, plan->video.width, plan->video.height, &plan->packed_width,
                       &plan->packed_height);
    if (!*codec || strcmp(codec, "auto") == 0)
        codec = plan->packed_width > H264_MAX_SIDE ||
                        plan->packed_height / layout_films(spec->layout) > H264_MAX_SIDE
                    ? "libx265"
                    : "libx264";
    (void)snprintf(plan->codec, sizeof(plan->codec), "%s", codec);
}

int plan_draft(struct plan **out, const struct film *film, const struct job_spec *spec,
               struct err *err)
{
    AUTO(plan) struct plan *plan = xcalloc(1, sizeof(*plan));
    __attribute__((cleanup(selection_auto_))) struct selection selection = { .count = 0 };
    const char *container = NULL;

    fill_source(&plan->source, film);
    plan->video.time_base = film_video(film)->time_base;
    if (plan_select(&selection, plan, film, spec, err) < 0)
        return -1;
    fill_video(plan, film, &selection, spec->layout);
    if (working_depth(&plan->video.bit_depth, film, spec, err) < 0 ||
        plan_container(&container, spec->output_uri, err) < 0)
        return -1;
    fill_encode(plan, spec);
    if (container_is_hls(container) && !media_package_takes(plan->codec))
        return err_set(err, ERR_CONFIG, "spec.encode.codec: %s: HLS takes H.264, HEVC and AV1 only",
                       plan->codec);
    plan->window = spec->depth == DEPTH_CLASSICAL               ? depth_classical_support()
                   : spec->convergence_mode == CONVERGENCE_AUTO ? depth_following_support()
                                                                : 0;
    plan->window += plan->video.interlaced; /* a field's neighbours */
    plan->memory_bytes = plan_memory(plan, film_video(film), media_encoder_full_chroma(plan, spec));
    (void)snprintf(plan->build, sizeof(plan->build), "%s", job_build());
    plan->pieces = spec->segment_mode == SEGMENT_COPY || film_needs_pieces(film);
    fill_copies(plan, film, container);
    drop_parts(plan, film, container);
    if (fill_segments(plan, film, &selection, spec, err) < 0)
        return -1;
    *out = TAKE(plan);
    return 0;
}

#define TELL_ROOM 240 /* for one stream's line, and for the last one's */

struct text {
    char *out;
    size_t size, len;
};

static void say(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *text, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (text->len + 1 >= text->size)
        return;
    if (text->len)
        text->len += (size_t)snprintf(text->out + text->len, text->size - text->len, "\n");
    va_start(ap, fmt);
    n = vsnprintf(text->out + text->len, text->size - text->len, fmt, ap);
    va_end(ap);
    text->len =
        n < 0 || (size_t)n >= text->size - text->len ? text->size - 1 : text->len + (size_t)n;
}

static bool loses_sound(const struct film *film, const struct plan *plan)
{
    bool any = false;

    for (int i = 0; i < film->stream_count; i++)
        any = any || film->streams[i].type == 'a';
    for (size_t i = 0; i < plan->copy_count; i++)
        any = any && plan->copies[i].type != 'a';
    return any;
}

/* Of streams the length is not told but guessed from what is there; an index is whole or not there.
 */
static void say_cut_off(struct text *text, const struct film *film)
{
    static const char *const told[] = { "matroska", "avi", "flv", "asf", NULL };
    int64_t missing_us = film->told_us - film->last_us;

    for (int i = 0; told[i]; i++)
        if (strcmp(film->format, told[i]) == 0 && missing_us > 500000 &&
            missing_us > film->told_us / 50)
            say(text, "Its header says that it lasts %.1f s, but it ends after %.1f s: cut off?",
                (double)film->told_us / 1e6, (double)film->last_us / 1e6);
}

static void say_sounds(struct text *text, const struct plan *plan)
{
    for (size_t i = 0; i < plan->copy_count && text->len + TELL_ROOM <= text->size; i++) {
        const struct plan_copy *copy = &plan->copies[i];
        const char *to = copy->becomes;

        if (strcmp(to, "aac") == 0)
            say(text, "Sound stream %d (%s) becomes AAC.", copy->stream, copy->codec);
        else if (*to)
            say(text, "Sound stream %d (%s) becomes %s%s.", copy->stream, copy->codec,
                strcmp(to, "flac") == 0 ? "FLAC" : "PCM",
                media_output_sound_is_exact(copy->codec) ? ", without loss" : " of 24 bits");
    }
}

void plan_warning(char *out, size_t size, const struct film *film, const struct plan *plan)
{
    const struct media_stream *video = film_video(film);
    struct text text = { out, size, 0 };

    *out = '\0';
    say_cut_off(&text, film);
    if (film->shared)
        say(&text, "%zu frames share a timestamp with another and are left out.", film->shared);
    if (film->undecodable)
        say(&text, "%zu pictures at the start cannot be decoded (their references are cut off).",
            film->undecodable);
    if (film->left_out)
        say(&text,
            "%zu frames are left out: the film is damaged and does not say when to show them.",
            film->left_out);
    else if (film->restamped)
        say(&text, "The film has no presentation times; they were made from its decode order.");
    if (film->jumps)
        say(&text, "The film's clock jumps %d times; it goes on without a gap.", film->jumps);
    if (video->width % 2 || video->height % 2)
        say(&text, "%dx%d has an odd side; the last column or row is cropped.", video->width,
            video->height);
    if (video->interlaced)
        say(&text, "The film may be interlaced; pictures that are become whole ones (bwdif).");
    if (video->dolby_only)
        say(&text,
            "Its Dolby Vision (profile %d) has no plain picture below it: the colours of the "
            "output will be wrong.",
            video->dolby_profile);
    else if (video->dolby_profile)
        say(&text, "Its Dolby Vision layer (profile %d) is not taken over, the picture below is.",
            video->dolby_profile);
    if (video->bit_depth > 10 || (video->bit_depth > 8 && plan->video.bit_depth == 8))
        say(&text, "%d bits a sample become %d.", video->bit_depth, plan->video.bit_depth);
    if (film->captions && !media_encoder_keeps_captions(plan->codec))
        say(&text, "The film has closed captions, which the encoder %s cannot carry.", plan->codec);
    say_sounds(&text, plan);
    if (loses_sound(film, plan))
        say(&text, "The output has no sound.");
    for (size_t i = 0; i < plan->dropped_count; i++) {
        if (text.len + TELL_ROOM > size) {
            say(&text, "Not taken over either: %zu more streams.", plan->dropped_count - i);
            break;
        }
        say(&text, "Not taken over: %s.", plan->dropped[i]);
    }
}
