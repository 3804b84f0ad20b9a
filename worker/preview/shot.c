/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/preview/shot.h"

#include "common/mem.h"
#include "worker/convert/provider.h"
#include "worker/media/decoder.h"
#include "worker/stereo/shape.h"

#include <stdlib.h>

#define LIGHT_STEP 4 /* every so many rows and columns are looked at */

struct taking {
    const struct shot_opts *opts;
    const struct plan_segment *segment;
    struct media_source *source; /* owned, as is what follows */
    struct media_decoder *decoder;
    struct depth *depth[SHOT_MAX];
    struct depth_video *video[SHOT_MAX]; /* the same as depth where that is a film */
    bool done[SHOT_MAX];
    int64_t popped[SHOT_MAX];
    int64_t pushed, wanted; /* frames; which of them is the one, -1 before it came */
};

static void taking_clear(struct taking *t)
{
    for (int i = 0; i < t->opts->count; i++)
        depth_free(t->depth[i]);
    media_decoder_free(t->decoder);
    media_source_free(t->source);
}

void shot_clear(struct shot *shot)
{
    media_frame_unref(&shot->frame);
    for (int i = 0; i < SHOT_MAX; i++) {
        free(shot->depth[i].px);
        shot->depth[i].px = NULL;
    }
}

static const struct plan_segment *segment_at(const struct plan *plan, int64_t pts)
{
    const struct plan_segment *segment = plan->segments;

    while (segment + 1 < plan->segments + plan->segment_count && pts >= segment->end_pts)
        segment++;
    return segment;
}

static int open_film(struct taking *t, struct err *err)
{
    const struct plan_video *video = &t->opts->plan->video;
    struct media_decoder_opts opts = {
        .stream = video->stream,
        .bit_depth = video->bit_depth,
        .rotation = video->rotation,
        .flipped = video->flipped,
        .deinterlace = video->interlaced,
        .width = video->width,
        .height = video->height,
    };

    if (film_source(t->opts->film, &t->source, err) < 0 ||
        media_decoder_open(&t->decoder, t->source, &opts, err) < 0)
        return -1;
    return media_decoder_seek(t->decoder, t->segment->seek_pts, t->segment->seek_dts, err);
}

static int open_depth(struct taking *t, int i, struct plane16 *plane, struct err *err)
{
    const struct shot_screen *screen = &t->opts->screens[i];
    struct job_spec spec = *t->opts->spec; /* as a conversion's would be; it owns nothing */

    spec.convergence_mode = screen->follows ? CONVERGENCE_AUTO : CONVERGENCE_FIXED;
    if (screen->follows)
        spec.divergence = screen->divergence;
    else
        spec.convergence = screen->convergence;
    if (provider_open(&t->depth[i], &t->video[i], &spec, t->opts->plan, t->segment, err) < 0)
        return -1;
    plane->width = t->depth[i]->width;
    plane->height = t->depth[i]->height;
    plane->stride = (ptrdiff_t)plane->width * (ptrdiff_t)sizeof(*plane->px);
    plane->px = malloc((size_t)plane->stride * (size_t)plane->height);
    return plane->px ? 0 : err_set(err, ERR_NOMEM, "no memory for depth");
}

static int push(struct taking *t, const struct media_frame *frame, struct err *err)
{
    for (int i = 0; i < t->opts->count; i++) {
        struct depth *depth = t->depth[i];
        struct image image;

        if (t->done[i])
            continue;
        if (!frame) {
            if (depth->ops->flush(depth, err) < 0)
                return -1;
            continue;
        }
        if (t->video[i])
            depth_video_at(t->video[i], media_frame_pts(frame));
        image = media_frame_image(frame);
        if (depth->ops->push(depth, &image, err) < 0)
            return -1;
    }
    t->pushed += frame != NULL;
    return 0;
}

static double convergence_of(const struct taking *t, int i)
{
    if (!t->opts->screens[i].follows)
        return t->opts->screens[i].convergence;
    return shape_bend(t->opts->spec->foreground_scale, t->depth[i]->screen) / (double)UINT16_MAX;
}

/* Each plane is overwritten until the wanted depth is in it. *all: every one has it. */
static int pop(struct taking *t, struct shot *shot, bool *all, struct err *err)
{
    *all = true;
    for (int i = 0; i < t->opts->count; i++) {
        bool ready = true;

        while (!t->done[i] && ready) {
            if (t->depth[i]->ops->pop(t->depth[i], &shot->depth[i], &ready, err) < 0)
                return -1;
            if (ready)
                t->done[i] = t->popped[i]++ == t->wanted;
        }
        if (t->done[i])
            shot->convergence[i] = convergence_of(t, i);
        *all = *all && t->done[i];
    }
    return 0;
}

static int run(struct taking *t, struct shot *shot, int64_t pts, struct err *err)
{
    bool all = false, more = true;

    while (!all && more) {
        AUTO(media_frame) struct media_frame *frame = NULL;

        if (film_check_stop(t->opts->film, err) < 0 ||
            media_decoder_next(t->decoder, &frame, err) < 0)
            return -1;
        more = frame && media_frame_pts(frame) < t->segment->tail_pts;
        if (more && media_frame_pts(frame) < t->segment->lead_pts)
            continue;
        if (more && t->wanted < 0 && media_frame_pts(frame) >= pts) {
            t->wanted = t->pushed;
            shot->frame = media_frame_ref(frame);
        }
        if (push(t, more ? frame : NULL, err) < 0 || pop(t, shot, &all, err) < 0)
            return -1;
    }
    return all ? 0 : err_set(err, ERR_INPUT, "no picture decodes there");
}

int shot_take(struct shot *out, const struct shot_opts *opts, int64_t pts, struct err *err)
{
    struct taking taking = { .opts = opts, .segment = segment_at(opts->plan, pts), .wanted = -1 };
    int rc;

    *out = (struct shot){ .frame = NULL };
    rc = open_film(&taking, err);
    for (int i = 0; rc == 0 && i < opts->count; i++)
        rc = open_depth(&taking, i, &out->depth[i], err);
    if (rc == 0)
        rc = run(&taking, out, pts, err);
    taking_clear(&taking);
    return rc;
}

int shot_light(const struct shot *shot)
{
    struct image image = media_frame_image(shot->frame);
    uint64_t sum = 0, count = 0;

    for (int y = 0; y < image.height; y += LIGHT_STEP)
        for (int x = 0; x < image.width; x += LIGHT_STEP, count++) {
            const uint8_t *row = image.plane[0] + y * image.stride[0];

            sum += image.bit_depth == 8 ? row[x] : ((const uint16_t *)(const void *)row)[x] >> 2;
        }
    return (int)(sum / count);
}
