/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/provider.h"

#include "worker/depth/following.h"
#include "worker/stereo/comfort.h"
#include "worker/stereo/shape.h"

#include <math.h>

static int new_depth(struct depth **out, struct depth_video **film, const struct job_spec *spec,
                     const struct plan *plan, const struct plan_segment *segment, struct err *err)
{
    const struct plan_video *video = &plan->video;

    *film = NULL;
    switch (spec->depth) {
    case DEPTH_CLASSICAL:
        return depth_classical_new(out, video->width, video->height, video->bit_depth, err);
    case DEPTH_VIDEO:
        if (depth_video_new(film, spec->depth_uri, plan, segment, err) < 0)
            return -1;
        *out = depth_video_base(*film);
        if (spec->convergence_mode == CONVERGENCE_AUTO &&
            depth_following_new(out, *out, video->width, video->height, err) < 0) {
            *film = NULL; /* it is gone with it */
            return -1;
        }
        return 0;
    }
    return err_set(err, ERR_INTERNAL, "depth provider %d", (int)spec->depth);
}

static uint16_t unbent(const struct job_spec *spec, double depth)
{
    return shape_unbend(spec->foreground_scale, (uint16_t)lround(depth * UINT16_MAX));
}

/* Convergence and comfort are of depths as they are shown, bent by foregroundScale. */
static void lay_screen(struct depth *depth, const struct job_spec *spec)
{
    struct depth_span screen;

    depth->screen = unbent(spec, spec->convergence);
    if (spec->convergence_mode == CONVERGENCE_FIXED)
        return;
    screen = comfort_screen(spec, comfort_depths(spec));
    depth->follows = true;
    depth->screen_low = unbent(spec, screen.farthest);
    depth->screen_high = unbent(spec, screen.nearest);
}

int provider_open(struct depth **out, struct depth_video **film, const struct job_spec *spec,
                  const struct plan *plan, const struct plan_segment *segment, struct err *err)
{
    struct depth *depth = NULL;

    if (new_depth(&depth, film, spec, plan, segment, err) < 0)
        return -1;
    lay_screen(depth, spec);
    *out = depth;
    return 0;
}
