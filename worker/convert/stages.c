/* SPDX-License-Identifier: Apache-2.0
 *
 * The work of the four threads. A queue that does not take or give any more means that the others
 * have ended: that is no failure of the stage that learns of it.
 */
#include "common/contract/pace.h"
#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/convert/pipeline.h"

#include <string.h>

#define COARSE_CRF 36
#define RING       64 /* frames that wait for their depth; more than any look-ahead */

static int fail_here(struct err *err, const char *name)
{
    return err_set(err, ERR_INTERNAL, "failpoint %s", name);
}

static bool is_owned(const struct plan_segment *segment, int64_t pts)
{
    return pts >= segment->start_pts && pts < segment->end_pts;
}

/* Everything that is due by now. *open: the next stage still takes them. */
static int give_due(struct pipeline *p, struct pipeline_clock *clock, struct media_frame **frame,
                    bool mended, bool *open, struct err *err)
{
    for (;;) {
        AUTO(media_frame) struct media_frame *out = NULL;
        bool made;

        if (repair_next(&p->repair, frame, &out, &made, &p->plan->video, err) < 0)
            return -1;
        if (!out)
            return 0;
        if ((made || mended) && is_owned(p->segment, media_frame_pts(out)))
            p->damaged++;
        *open = pipeline_give(clock, p->decoded, out) == 0;
        if (!*open)
            return 0;
        (void)TAKE(out);
    }
}

/* A segment whose only frames are made up is no film: where it is the whole of it, that is said. */
static int end_repair(const struct pipeline *p, struct err *err)
{
    if (p->repair.decoded == 0 && p->plan->segment_count == 1)
        return err_set(err, ERR_INPUT, "none of its %lld frames can be decoded",
                       (long long)p->segment->frames);
    queue_close(p->decoded);
    return 0;
}

/* As stage_decode, with a picture for every frame that there should be. */
static int decode_repairing(struct pipeline *p, struct pipeline_clock *clock, struct err *err)
{
    int64_t damaged = 0;
    bool open = true, more = true;

    report_step(p->job->report, "repair");
    while (open && more && !atomic_load(&p->stop)) {
        AUTO(media_frame) struct media_frame *frame = NULL;
        bool mended;

        if (media_decoder_next(p->decoder, &frame, err) < 0)
            return -1;
        report_progress(p->job->report, 1);
        more = frame && media_frame_pts(frame) < p->segment->tail_pts;
        if (frame && !more)
            media_frame_unref(&frame);
        /* What was lost is counted where it is made up. */
        mended =
            frame && media_decoder_damaged(p->decoder) - damaged > repair_lost(&p->repair, frame);
        damaged = media_decoder_damaged(p->decoder);
        if (give_due(p, clock, &frame, mended, &open, err) < 0)
            return -1;
    }
    return open && !more ? end_repair(p, err) : 0;
}

/* With --max-fps a frame waits until it is known which ones behind it are left out: their captions
 * become its own. *frame is taken when it stays. *open: the next stage still takes them. */
static int pass_on(struct pipeline *p, struct pipeline_clock *clock, struct media_frame **held,
                   struct media_frame **frame, bool stays, bool *open, struct err *err)
{
    struct media_frame **next = p->plan->max_fps.num > 0 ? held : frame;

    if (!stays)
        return *held && *frame ? media_frame_add_captions(*held, *frame, err) : 0;
    if (*next && pipeline_give(clock, p->decoded, *next) < 0)
        *open = false;
    else
        (void)TAKE(*next);
    if (*open && next == held)
        *held = TAKE(*frame);
    return 0;
}

int stage_decode(struct pipeline *p, struct pipeline_clock *clock, struct err *err)
{
    const struct plan_segment *segment = p->segment;
    AUTO(media_frame) struct media_frame *held = NULL;
    struct pace pace = pace_of(p->plan);
    int64_t count = 0, damaged = 0;
    bool open = true;

    if (p->repairing)
        return decode_repairing(p, clock, err);
    report_step(p->job->report, "decode");
    while (!atomic_load(&p->stop)) {
        AUTO(media_frame) struct media_frame *frame = NULL;
        int64_t pts;

        if (media_decoder_next(p->decoder, &frame, err) < 0)
            return -1;
        if (!frame)
            break;
        report_progress(p->job->report, 1);
        count++;
        if ((count == 1 && FP("convert.decode.first")) ||
            (count == segment->frames / 2 && FP("convert.decode.mid")))
            return fail_here(err, "convert.decode");
        pts = media_frame_pts(frame);
        if (pts >= segment->tail_pts)
            break;
        if (is_owned(segment, pts) && media_decoder_damaged(p->decoder) > damaged)
            p->damaged++;
        damaged = media_decoder_damaged(p->decoder);
        if (pts < segment->lead_pts)
            continue;
        if (pass_on(p, clock, &held, &frame, pace_takes(&pace, pts), &open, err) < 0)
            return -1;
        if (!open)
            return 0;
    }
    if (held && pass_on(p, clock, &held, &(struct media_frame *){ NULL }, true, &open, err) < 0)
        return -1;
    queue_close(p->decoded); /* changes nothing when all was told to stop */
    return 0;
}

struct waiting {               /* for its depth */
    struct media_frame *frame; /* owned; NULL when it only feeds the windows */
    int64_t pts;
};

struct ring {
    struct waiting waiting[RING];
    size_t first, count;
    struct deep_frame *spare; /* owned; a plane to fill next */
};

static void ring_clear(struct ring *ring)
{
    for (; ring->count > 0; ring->count--, ring->first++)
        media_frame_unref(&ring->waiting[ring->first % RING].frame);
    deep_frame_free(ring->spare);
}

static int ring_add(struct ring *ring, const struct plan_segment *segment,
                    struct media_frame *frame, struct err *err)
{
    int64_t pts = media_frame_pts(frame);
    struct waiting *waiting = &ring->waiting[(ring->first + ring->count) % RING];

    if (ring->count == RING)
        return err_set(err, ERR_INTERNAL, "the depth of %d frames is outstanding", RING);
    waiting->pts = pts;
    waiting->frame =
        pts >= segment->start_pts && pts < segment->end_pts ? media_frame_ref(frame) : NULL;
    ring->count++;
    return 0;
}

static int make_spare(struct ring *ring, const struct depth *depth, struct err *err)
{
    struct deep_frame *deep;

    if (ring->spare)
        return 0;
    deep = xcalloc(1, sizeof(*deep));
    deep->depth.width = depth->width;
    deep->depth.height = depth->height;
    deep->depth.stride = (ptrdiff_t)depth->width * (ptrdiff_t)sizeof(uint16_t);
    deep->depth.px = malloc((size_t)deep->depth.stride * (size_t)depth->height);
    ring->spare = deep;
    if (!deep->depth.px)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    return 0;
}

/* Every depth that is ready meets its frame. *open: the next stage still takes them. */
static int pop_ready(struct pipeline *p, struct pipeline_clock *clock, struct ring *ring,
                     bool *open, struct err *err)
{
    for (;;) {
        struct waiting *waiting = &ring->waiting[ring->first % RING];
        struct deep_frame *deep;
        bool ready;

        if (make_spare(ring, p->depth, err) < 0 ||
            p->depth->ops->pop(p->depth, &ring->spare->depth, &ready, err) < 0)
            return -1;
        if (!ready)
            return 0;
        (void)FP("convert.depth");
        if (ring->count == 0)
            return err_set(err, ERR_INTERNAL, "a depth too many");
        ring->first = (ring->first + 1) % RING;
        ring->count--;
        if (!waiting->frame)
            continue;
        deep = TAKE(ring->spare);
        deep->frame = TAKE(waiting->frame);
        deep->screen = p->depth->screen;
        if (pipeline_give(clock, p->deep, deep) < 0) {
            deep_frame_free(deep);
            *open = false;
            return 0;
        }
    }
}

static int push_depth(struct pipeline *p, struct ring *ring, struct media_frame *frame,
                      struct err *err)
{
    struct image image;

    if (!frame)
        return p->depth->ops->flush(p->depth, err);
    if (ring_add(ring, p->segment, frame, err) < 0)
        return -1;
    if (p->depth_film)
        depth_video_at(p->depth_film, media_frame_pts(frame));
    image = media_frame_image(frame);
    return p->depth->ops->push(p->depth, &image, err);
}

/* Nothing that the segment owns is still to come. */
static bool is_served(const struct ring *ring, const struct plan_segment *segment)
{
    return ring->count > 0 && ring->waiting[ring->first % RING].pts >= segment->end_pts;
}

static int run_depth(struct pipeline *p, struct pipeline_clock *clock, struct ring *ring,
                     struct err *err)
{
    bool open = true, more = true;

    while (open && more && !is_served(ring, p->segment)) {
        AUTO(media_frame) struct media_frame *frame = NULL;
        void *item;

        if (pipeline_take(clock, p->decoded, &item) < 0)
            return 0;
        frame = item;
        more = frame != NULL;
        if (push_depth(p, ring, frame, err) < 0 || pop_ready(p, clock, ring, &open, err) < 0)
            return -1;
        report_progress(p->job->report, 1);
    }
    if (open && !more && ring->count > 0)
        return err_set(err, ERR_INTERNAL, "the depth of %zu frames from pts %lld did not come",
                       ring->count, (long long)ring->waiting[ring->first % RING].pts);
    queue_close(p->decoded);
    queue_close(p->deep);
    return 0;
}

int stage_depth(struct pipeline *p, struct pipeline_clock *clock, struct err *err)
{
    struct ring ring = { .count = 0 };
    int rc = run_depth(p, clock, &ring, err);

    ring_clear(&ring);
    return rc;
}

static int new_packed(struct media_frame **out, const struct pipeline *p, struct err *err)
{
    const struct plan *plan = p->plan;
    bool full = media_encoder_full_chroma(plan, p->job->spec);

    return (full ? media_frame_new_full_chroma : media_frame_new)(
        out, plan->packed_width, plan->packed_height, plan->video.bit_depth, err);
}

static void lay_screen(struct pipeline *p, uint16_t screen)
{
    warp_set_screen(p->warp, screen);
    if (screen < p->screen_low)
        p->screen_low = screen;
    if (screen > p->screen_high)
        p->screen_high = screen;
}

int stage_warp(struct pipeline *p, struct pipeline_clock *clock, struct err *err)
{
    for (;;) {
        AUTO(deep_frame) struct deep_frame *deep = NULL;
        AUTO(media_frame) struct media_frame *packed = NULL;
        struct image in, out;
        void *item;

        if (pipeline_take(clock, p->deep, &item) < 0)
            return 0;
        deep = item;
        if (!deep)
            break;
        if (new_packed(&packed, p, err) < 0)
            return -1;
        in = media_frame_image(deep->frame);
        out = media_frame_image(packed);
        if (p->depth->follows)
            lay_screen(p, deep->screen);
        warp_frame(p->warp, &out, &in, &deep->depth);
        media_frame_set_pts(packed, media_frame_pts(deep->frame));
        if (media_frame_add_captions(packed, deep->frame, err) < 0)
            return -1;
        report_progress(p->job->report, 1);
        if (pipeline_give(clock, p->warped, packed) < 0)
            return 0;
        (void)TAKE(packed);
    }
    queue_close(p->warped);
    return 0;
}

/* The check allows for loss, but not for any loss. */
static int explain_check(const struct pipeline *p, struct err *err)
{
    int crf = p->job->spec->crf;

    if (crf < COARSE_CRF || err->code != ERR_INTERNAL)
        return -1;
    return err_wrap(err, "spec.encode.crf: %d may lose more than the check allows", crf);
}

/* What the film's encoder has ready is written, and decoded again. */
static int drain_encoder(struct pipeline *p, int film, struct err *err)
{
    for (;;) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (media_encoder_receive(p->encoder[film], &packet, err) < 0)
            return -1;
        if (!packet || atomic_load(&p->stop))
            return 0;
        if (segment_writer_write(p->writer, film, packet, err) < 0)
            return -1;
        if (media_checker_feed(p->checker[film], packet, err) < 0)
            return explain_check(p, err);
        report_progress(p->job->report, 1 + (int64_t)media_packet_size(packet));
    }
}

static void count_frame(struct pipeline *p, int64_t pts)
{
    uint8_t bytes[8];

    if (p->frames == 0)
        p->first_pts = pts;
    else if (pts - p->last_pts > p->gap) {
        p->gap = pts - p->last_pts;
        p->gap_pts = p->last_pts;
    }
    p->last_pts = pts;
    p->frames++;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)pts >> (8 * i));
    p->pts_crc = hash_crc32(p->pts_crc, bytes, sizeof(bytes));
}

static int finish_encode(struct pipeline *p, struct err *err)
{
    report_step(p->job->report, "finish");
    for (int film = 0; film < p->films; film++) {
        if (media_encoder_send(p->encoder[film], NULL, err) < 0 || drain_encoder(p, film, err) < 0)
            return -1;
        if (media_checker_feed(p->checker[film], NULL, err) < 0)
            return explain_check(p, err);
    }
    if (FP("convert.trailer"))
        return fail_here(err, "convert.trailer");
    return segment_writer_finish(p->writer, err);
}

/* What the packed picture shows of this film. */
static int encode_film(struct pipeline *p, int film, struct media_frame *packed, struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    int rows = p->plan->packed_height / p->films;

    if (p->films == 1)
        frame = media_frame_ref(packed);
    else if (media_frame_rows(&frame, packed, film * rows, rows, err) < 0)
        return -1;
    media_checker_expect(p->checker[film], frame);
    if (media_encoder_send(p->encoder[film], frame, err) < 0)
        return -1;
    return drain_encoder(p, film, err);
}

int stage_encode(struct pipeline *p, struct pipeline_clock *clock, struct err *err)
{
    for (;;) {
        AUTO(media_frame) struct media_frame *frame = NULL;
        void *item;

        if (pipeline_take(clock, p->warped, &item) < 0)
            return 0;
        frame = item;
        if (!frame)
            break;
        if (p->frames == 0)
            report_step(p->job->report, "encode");
        count_frame(p, media_frame_pts(frame));
        if (p->frames == p->segment->frames / 2 && FP("convert.encode.mid"))
            return fail_here(err, "convert.encode.mid");
        for (int film = 0; film < p->films; film++)
            if (encode_film(p, film, frame, err) < 0)
                return -1;
        report_frames(p->job->report, p->frames, p->segment->frames);
    }
    return finish_encode(p, err);
}
