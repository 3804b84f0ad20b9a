/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/repair.h"

#include "common/contract/pace.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_TIMES  256
#define LATE_PACKETS 256 /* so many behind the segment's end: no more of it come */

void repair_clear(struct repair *repair)
{
    media_frame_unref(&repair->before);
    free(repair->pts);
    *repair = (struct repair){ 0 };
}

static int add_time(struct repair *repair, int64_t pts, struct err *err)
{
    size_t room = repair->room ? 2 * repair->room : FIRST_TIMES;
    int64_t *grown;

    if (repair->count == repair->room) {
        grown = realloc(repair->pts, room * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "no memory for %zu times", room);
        repair->pts = grown;
        repair->room = room;
    }
    repair->pts[repair->count++] = pts;
    return 0;
}

static int read_times(struct repair *repair, struct media_source *source,
                      const struct plan_segment *segment, int stream, struct err *err)
{
    int late = 0;

    while (late < LATE_PACKETS) {
        AUTO(media_packet) struct media_packet *packet = NULL;
        int64_t pts, dts;

        if (media_source_read(source, &packet, err) < 0)
            return -1;
        if (!packet)
            break;
        pts = media_packet_pts(packet);
        dts = media_packet_dts(packet);
        if (media_packet_stream(packet) != stream || pts == INT64_MIN)
            continue;
        if (dts != INT64_MIN && dts >= segment->tail_pts)
            break;
        late = pts >= segment->tail_pts ? late + 1 : 0;
        if (pts < segment->lead_pts || late > 0 || media_packet_is_discarded(packet))
            continue;
        if (add_time(repair, pts, err) < 0)
            return -1;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* As plan chose the film's frames. */
static void choose(struct repair *repair, const struct plan *plan)
{
    struct pace pace = pace_of(plan);
    size_t n = 0;

    if (repair->count > 0)
        qsort(repair->pts, repair->count, sizeof(*repair->pts), compare);
    for (size_t i = 0; i < repair->count; i++) {
        int64_t pts = repair->pts[i];

        if ((n == 0 || repair->pts[n - 1] != pts) && pace_takes(&pace, pts))
            repair->pts[n++] = pts;
    }
    repair->count = n;
}

static bool is_planned(const struct repair *repair, const struct plan_segment *segment)
{
    int64_t frames = 0;
    uint32_t crc = 0;

    for (size_t i = 0; i < repair->count; i++) {
        int64_t pts = repair->pts[i];
        uint8_t bytes[8];

        if (pts < segment->start_pts || pts >= segment->end_pts)
            continue;
        for (int k = 0; k < 8; k++)
            bytes[k] = (uint8_t)((uint64_t)pts >> (8 * k));
        crc = hash_crc32(crc, bytes, sizeof(bytes));
        frames++;
    }
    return frames == segment->frames && crc == segment->pts_crc;
}

int repair_load(struct repair *repair, bool *matches, struct media_source *source,
                const struct plan *plan, const struct plan_segment *segment, int stream,
                struct err *err)
{
    *repair = (struct repair){ 0 };
    media_source_want(source, stream);
    if (media_source_seek(source, stream, segment->seek_pts, segment->seek_dts, err) < 0 ||
        read_times(repair, source, segment, stream, err) < 0)
        return -1;
    choose(repair, plan);
    *matches = is_planned(repair, segment);
    return 0;
}

int64_t repair_lost(const struct repair *repair, const struct media_frame *frame)
{
    size_t at = repair->at;

    while (at < repair->count && repair->pts[at] < media_frame_pts(frame))
        at++;
    return (int64_t)(at - repair->at);
}

/* Where nothing at all came before. */
static int black(struct media_frame **out, const struct plan_video *video, struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    bool deep = video->bit_depth > 8;
    struct image image;

    if (media_frame_new(&frame, video->width, video->height, video->bit_depth, err) < 0)
        return -1;
    image = media_frame_image(frame);
    for (int i = 0; i < 3; i++) {
        int width = i ? (video->width + 1) / 2 : video->width;
        int height = i ? (video->height + 1) / 2 : video->height;
        int level = i ? 128 : 16;

        for (int y = 0; y < height; y++) {
            uint8_t *row = image.plane[i] + y * image.stride[i];

            for (int x = 0; x < width; x++) {
                if (deep)
                    ((uint16_t *)(void *)row)[x] = (uint16_t)(level << 2);
                else
                    row[x] = (uint8_t)level;
            }
        }
    }
    *out = TAKE(frame);
    return 0;
}

static int make(struct repair *repair, const struct media_frame *next, struct media_frame **out,
                const struct plan_video *video, struct err *err)
{
    const struct media_frame *like = repair->before ? repair->before : next;

    if (!like) {
        if (black(&repair->before, video, err) < 0)
            return -1;
        like = repair->before;
    }
    return media_frame_again(out, like, repair->pts[repair->at++], err);
}

static void keep(struct repair *repair, struct media_frame *frame)
{
    media_frame_unref(&repair->before);
    repair->before = media_frame_ref(frame);
}

int repair_next(struct repair *repair, struct media_frame **frame, struct media_frame **out,
                bool *made, const struct plan_video *video, struct err *err)
{
    *out = NULL;
    *made = repair->at < repair->count &&
            (!*frame || repair->pts[repair->at] < media_frame_pts(*frame));
    if (*made)
        return make(repair, *frame, out, video, err);
    if (!*frame)
        return 0;
    keep(repair, *frame);
    if (repair->at < repair->count && repair->pts[repair->at] == media_frame_pts(*frame)) {
        *out = TAKE(*frame);
        repair->at++;
        repair->decoded++;
        return 0;
    }
    media_frame_unref(frame); /* of a time that no packet has */
    return 0;
}
