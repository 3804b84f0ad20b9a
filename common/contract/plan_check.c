/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/plan_check.h"

#include <string.h>

static int check_video(const struct plan_video *video, struct err *err)
{
    if (video->width % 2 != 0 || video->height % 2 != 0)
        return err_set(err, ERR_INTERNAL, "video: %dx%d is not even", video->width, video->height);
    if (video->rotation % 90 != 0)
        return err_set(err, ERR_INTERNAL, "video: rotation %d is not a quarter turn",
                       video->rotation);
    if (video->bit_depth != 8 && video->bit_depth != 10)
        return err_set(err, ERR_INTERNAL, "video: bitDepth %d is not 8 or 10", video->bit_depth);
    return 0;
}

static int check_copies(const struct plan *plan, struct err *err)
{
    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct plan_copy *copy = &plan->copies[i];

        if (!copy->type || !strchr("astdv", copy->type))
            return err_set(err, ERR_INTERNAL, "copies[%zu]: type is not one of a, s, t, d, v", i);
        if (copy->stream == plan->video.stream)
            return err_set(err, ERR_INTERNAL, "copies[%zu]: stream %d is the converted one", i,
                           copy->stream);
        for (size_t j = 0; j < i; j++) {
            if (plan->copies[j].stream == copy->stream)
                return err_set(err, ERR_INTERNAL, "copies[%zu]: stream %d is there twice", i,
                               copy->stream);
        }
    }
    return 0;
}

/* `start` is where the one before ends. */
static int check_segment(const struct plan_segment *s, int64_t start, const struct plan *plan,
                         struct err *err)
{
    if (s->start_pts != start)
        return err_set(err, ERR_INTERNAL, "startPts %lld is not %lld, where the one before ends",
                       (long long)s->start_pts, (long long)start);
    if (s->end_pts <= s->start_pts)
        return err_set(err, ERR_INTERNAL, "endPts %lld is not behind startPts",
                       (long long)s->end_pts);
    if (s->frames > s->end_pts - s->start_pts)
        return err_set(err, ERR_INTERNAL, "has %lld frames in %lld ticks", (long long)s->frames,
                       (long long)(s->end_pts - s->start_pts));
    if (s->lead_pts > s->start_pts || s->lead_pts < plan->video.start_pts)
        return err_set(err, ERR_INTERNAL,
                       "leadPts %lld is not between the film's start and its own",
                       (long long)s->lead_pts);
    if (s->tail_pts < s->end_pts || s->tail_pts > plan->video.end_pts)
        return err_set(err, ERR_INTERNAL, "tailPts %lld is not between its own end and the film's",
                       (long long)s->tail_pts);
    if (s->seek_pts > s->lead_pts)
        return err_set(err, ERR_INTERNAL, "seekPts %lld is behind leadPts", (long long)s->seek_pts);
    return 0;
}

static int check_segments(const struct plan *plan, struct err *err)
{
    int64_t start = plan->video.start_pts, frames = 0;

    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct plan_segment *s = &plan->segments[i];

        if (check_segment(s, start, plan, err) < 0)
            return err_wrap(err, "segments[%u]", i);
        start = s->end_pts;
        frames += s->frames; /* at most the film's ticks: cannot overflow */
    }
    if (start != plan->video.end_pts)
        return err_set(err, ERR_INTERNAL, "segments end at %lld, the film at %lld",
                       (long long)start, (long long)plan->video.end_pts);
    if (frames != plan->video.frames)
        return err_set(err, ERR_INTERNAL, "segments own %lld frames, the film has %lld",
                       (long long)frames, (long long)plan->video.frames);
    return 0;
}

int plan_check(const struct plan *plan, struct err *err)
{
    if (check_video(&plan->video, err) < 0 || check_copies(plan, err) < 0)
        return -1;
    return check_segments(plan, err);
}
