/* SPDX-License-Identifier: Apache-2.0
 *
 * shots.h - which frames around one are of its shot, as far as a window asks.
 */
#ifndef WORKER_DEPTH_SHOTS_H
#define WORKER_DEPTH_SHOTS_H

#include "worker/depth/scene_cut.h"

#include <stdint.h>

#define SHOTS_KEPT 64 /* frames whose scores are remembered */

struct shots {
    uint32_t scores[SHOTS_KEPT];      /* a ring; against the frame before, 0 for the first */
    uint32_t bins[2][SCENE_CUT_BINS]; /* by parity of the frame */
    int64_t pushed;                   /* frames */
};

struct shot { /* frames first..last around one, of one shot */
    int64_t first, last;
};

/* The next frame: n samples of luma, and those of the frame before it (NULL for the first). */
void shots_push(struct shots *shots, const uint16_t *luma, const uint16_t *before, int n);
/* Of t, at most reach on either side, of the frames pushed so far. What is a cut at a frame is
 * known when SCENE_CUT_REACH more were pushed; t - reach - SCENE_CUT_REACH is still kept. */
struct shot shots_around(const struct shots *shots, int64_t t, int reach);
/* Of that, at most reach on either side. */
struct shot shot_within(struct shot shot, int64_t t, int reach);
#endif
