/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/depth_video.h"

#include "common/mem.h"
#include "worker/media/decoder.h"
#include "worker/media/source.h"
#include "worker/store/store.h"

#include <string.h>

#define WHAT       "spec.depth.uri"
#define SLACK_US   1000 /* rounding of time bases beyond one tick of each */
#define FULL_RANGE 2    /* H.273 / libav: luma 0..255; else 16..235 */
#define NO_TIME    INT64_MIN

struct depth_video {
    struct depth base;
    struct store_reader *reader;   /* owned */
    struct media_source *source;   /* owned */
    struct media_decoder *decoder; /* owned */
    struct media_frame *ahead;     /* owned; decoded, not yet past; or NULL */
    uint16_t *plane;               /* owned; of the frame pushed last */
    bool ready, full_range;
    struct ratio film_tb, tb;
    int64_t film_start, start;  /* pts of the first frames */
    int64_t seek_pts, seek_dts; /* the keyframe to begin at */
    int64_t slack_us;
    int64_t at; /* of the film, given by _at */
    int stream;
};

/* Microseconds from start; the film's and the depth film's clocks meet here. */
static int64_t time_us(int64_t pts, int64_t start, struct ratio tb)
{
    return (int64_t)((__int128)(pts - start) * tb.num * 1000000 / tb.den);
}

static void video_free(struct depth *depth)
{
    struct depth_video *video = (struct depth_video *)depth;

    media_frame_unref(&video->ahead);
    media_decoder_free(video->decoder);
    media_source_free(video->source);
    store_reader_free(video->reader);
    free(video->plane);
    free(video);
}

/* One row of cells: the average luma of each, 0..max, as depth. */
static void scale_row(const struct depth_video *video, const struct image *image, int row)
{
    int width = video->base.width, high = image->bit_depth - 8;
    int low = video->full_range ? 0 : 16 << high;
    int max = video->full_range ? (256 << high) - 1 : 219 << high;
    int y0 = (int)((int64_t)row * image->height / video->base.height);
    int y1 = (int)((int64_t)(row + 1) * image->height / video->base.height);

    for (int column = 0; column < width; column++) {
        int x0 = (int)((int64_t)column * image->width / width);
        int x1 = (int)((int64_t)(column + 1) * image->width / width);
        uint64_t sum = 0, area = (uint64_t)(x1 - x0) * (uint64_t)(y1 - y0), level;

        for (int y = y0; y < y1; y++) {
            const uint8_t *line = image->plane[0] + y * image->stride[0];
            const uint16_t *wide = (const uint16_t *)(const void *)line;

            for (int x = x0; x < x1; x++)
                sum += high ? wide[x] : line[x];
        }
        sum = sum > area * (uint64_t)low ? sum - area * (uint64_t)low : 0;
        level = (sum * 65535 + area * (uint64_t)max / 2) / (area * (uint64_t)max);
        video->plane[row * width + column] = (uint16_t)(level > 65535 ? 65535 : level);
    }
}

static int off_time(int64_t found_us, int64_t want_us, struct err *err)
{
    return err_set(
        err, ERR_INPUT,
        WHAT ": the depth film has no frame at %.3f s, where the film has one; the "
             "nearest after it is at %.3f s. Both must have the same frames at the same times",
        (double)want_us / 1e6, (double)found_us / 1e6);
}

static int video_push(struct depth *depth, const struct image *frame, struct err *err)
{
    struct depth_video *video = (struct depth_video *)depth;
    int64_t want = time_us(video->at, video->film_start, video->film_tb), found;
    struct image image;

    (void)frame;
    for (;;) {
        if (!video->ahead && media_decoder_next(video->decoder, &video->ahead, err) < 0)
            return err_wrap(err, WHAT);
        if (!video->ahead)
            return err_set(err, ERR_INPUT,
                           WHAT ": the depth film ends before the film's frame at %.3f s",
                           (double)want / 1e6);
        found = time_us(media_frame_pts(video->ahead), video->start, video->tb);
        if (found >= want - video->slack_us)
            break;
        media_frame_unref(&video->ahead);
    }
    if (found > want + video->slack_us)
        return off_time(found, want, err);
    image = media_frame_image(video->ahead);
    for (int row = 0; row < video->base.height; row++)
        scale_row(video, &image, row);
    media_frame_unref(&video->ahead);
    video->ready = true;
    return 0;
}

static int video_flush(struct depth *depth, struct err *err)
{
    (void)depth, (void)err;
    return 0;
}

static int video_pop(struct depth *depth, struct plane16 *out, bool *ready, struct err *err)
{
    struct depth_video *video = (struct depth_video *)depth;
    size_t row = (size_t)depth->width * sizeof(*video->plane);

    (void)err;
    *ready = video->ready;
    video->ready = false;
    for (int y = 0; *ready && y < depth->height; y++)
        memcpy((char *)out->px + y * out->stride, video->plane + y * depth->width, row);
    return 0;
}

static const struct depth_ops video_ops = { video_push, video_flush, video_pop, video_free };

static int open_source(struct depth_video *video, bool index_only, struct err *err)
{
    struct media_source_opts opts = { .index_only = index_only, .what = WHAT };

    media_source_free(TAKE(video->source));
    if (media_source_open(&video->source, video->reader, &opts, err) < 0)
        return -1;
    video->stream = media_source_video(video->source);
    if (video->stream < 0)
        return err_set(err, ERR_INPUT, WHAT ": no video stream");
    return 0;
}

struct key {
    int64_t pts, dts;
};
struct scan {
    struct key *keys; /* owned */
    size_t count, room;
    int64_t packets, first;
};

static int add_key(struct scan *scan, const struct media_packet *packet, struct err *err)
{
    if (scan->count == scan->room) {
        size_t room = scan->room ? 2 * scan->room : 1024;
        struct key *keys = realloc(scan->keys, room * sizeof(*keys));

        if (!keys)
            return err_set(err, ERR_NOMEM, WHAT ": no memory for %zu keyframes", room);
        scan->keys = keys;
        scan->room = room;
    }
    scan->keys[scan->count++] = (struct key){ media_packet_pts(packet), media_packet_dts(packet) };
    return 0;
}

/* All packets: how many frames there are, when the first is shown, where decoding can begin. */
static int scan_packets(struct depth_video *video, struct scan *scan, struct err *err)
{
    media_source_want(video->source, video->stream);
    for (;;) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (media_source_read(video->source, &packet, err) < 0)
            return err_wrap(err, WHAT);
        if (!packet)
            return 0;
        if (media_packet_stream(packet) != video->stream)
            continue;
        if (media_packet_pts(packet) == NO_TIME)
            return err_set(err, ERR_INPUT,
                           WHAT ": its frames have no times; put it into MP4 or Matroska");
        if (scan->packets++ == 0 || media_packet_pts(packet) < scan->first)
            scan->first = media_packet_pts(packet);
        if (media_packet_is_key(packet) && add_key(scan, packet, err) < 0)
            return -1;
    }
}

static int choose_start(struct depth_video *video, const struct scan *scan, const struct plan *plan,
                        const struct plan_segment *segment, struct err *err)
{
    int64_t want = time_us(segment->lead_pts, video->film_start, video->film_tb);

    if (scan->packets < plan->video.frames)
        return err_set(err, ERR_INPUT, WHAT ": the depth film has %lld frames, the film has %lld",
                       (long long)scan->packets, (long long)plan->video.frames);
    video->start = scan->first;
    video->seek_pts = NO_TIME;
    for (size_t i = 0; i < scan->count; i++) {
        const struct key *key = &scan->keys[i];

        if (time_us(key->pts, video->start, video->tb) > want + video->slack_us ||
            (video->seek_pts != NO_TIME && key->pts < video->seek_pts))
            continue;
        video->seek_pts = key->pts;
        video->seek_dts = key->dts;
    }
    if (video->seek_pts == NO_TIME)
        return err_set(err, ERR_INPUT, WHAT ": the depth film does not begin with a keyframe");
    return 0;
}

static int open_decoder(struct depth_video *video, const struct plan *plan, struct err *err)
{
    const struct media_stream *facts = media_source_stream(video->source, video->stream);
    struct media_decoder_opts opts = { .stream = video->stream,
                                       .bit_depth = facts->bit_depth > 8 ? 10 : 8,
                                       .rotation = facts->rotation,
                                       .flipped = facts->flipped };
    bool turned = facts->rotation % 180 != 0;
    int width = (turned ? facts->height : facts->width) / 2 * 2; /* as the decoder gives them */
    int height = (turned ? facts->width : facts->height) / 2 * 2;
    int limit = plan->video.width < DEPTH_MAX_WIDTH ? plan->video.width : DEPTH_MAX_WIDTH;

    video->full_range = facts->color_range == FULL_RANGE;
    if (width < 2 || height < 2)
        return err_set(err, ERR_INPUT, WHAT ": pictures of %dx%d", facts->width, facts->height);
    video->base.width = width < limit ? width : limit;
    video->base.height = (int)((int64_t)height * video->base.width / width);
    if (video->base.height > plan->video.height)
        video->base.height = plan->video.height;
    if (video->base.height < 1)
        video->base.height = 1;
    video->plane =
        calloc((size_t)video->base.width * (size_t)video->base.height, sizeof(*video->plane));
    if (!video->plane)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    if (media_decoder_open(&video->decoder, video->source, &opts, err) < 0 ||
        media_decoder_seek(video->decoder, video->seek_pts, video->seek_dts, err) < 0)
        return err_wrap(err, WHAT);
    return 0;
}

static int open_all(struct depth_video *video, const char *uri, const struct plan *plan,
                    const struct plan_segment *segment, struct err *err)
{
    struct scan scan = { 0 };
    int64_t tick, film_tick;
    int rc;

    if (store_reader_open_uri(&video->reader, STORE_SOURCE, uri, WHAT, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG;
        return -1;
    }
    if (open_source(video, true, err) < 0)
        return -1;
    video->tb = media_source_stream(video->source, video->stream)->time_base;
    tick = time_us(1, 0, video->tb);
    film_tick = time_us(1, 0, video->film_tb);
    /* A time base of one tick a frame is exact: its ticks are not what rounding costs. */
    video->slack_us = SLACK_US + (tick < 2000 ? tick : 0) + (film_tick < 2000 ? film_tick : 0);
    rc = scan_packets(video, &scan, err);
    if (rc == 0)
        rc = choose_start(video, &scan, plan, segment, err);
    free(scan.keys);
    if (rc < 0 || open_source(video, false, err) < 0)
        return -1;
    return open_decoder(video, plan, err);
}

int depth_video_new(struct depth_video **out, const char *uri, const struct plan *plan,
                    const struct plan_segment *segment, struct err *err)
{
    struct depth_video *video = xcalloc(1, sizeof(*video));
    AUTO(depth) struct depth *base = &video->base;

    base->ops = &video_ops;
    video->film_tb = plan->video.time_base;
    video->film_start = plan->video.start_pts;
    if (open_all(video, uri, plan, segment, err) < 0)
        return -1;
    (void)TAKE(base);
    *out = video;
    return 0;
}

struct depth *depth_video_base(struct depth_video *video)
{
    return &video->base;
}

void depth_video_at(struct depth_video *video, int64_t pts)
{
    video->at = pts;
}
