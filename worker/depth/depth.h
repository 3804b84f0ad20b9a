/* SPDX-License-Identifier: Apache-2.0
 *
 * depth.h - depth from frames, behind one small interface. Depth is 16-bit integer at this door
 * (0 = far, 65535 = near), at most 512 wide; everything after the provider is integer too. Every
 * temporal operator is a window of bounded support, cut off at scene cuts: the depth of frame t
 * depends only on frames t-R..t+R, so the result does not depend on how the film was cut.
 * One thread; no libav here.
 */
#ifndef WORKER_DEPTH_H
#define WORKER_DEPTH_H

#include "common/auto.h"
#include "common/err.h"
#include "worker/image.h"

#include <stdbool.h>
#include <stdint.h>

#define DEPTH_MAX_WIDTH 512

struct depth;

struct depth_ops { /* a provider */
    /* Frame t in presentation order. The image is only read during the call. */
    int (*push)(struct depth *depth, const struct image *frame, struct err *err);
    int (*flush)(struct depth *depth, struct err *err); /* no more frames will come */
    /* The next depth in order, if it is ready (*ready). out: planes of the provider's size,
     * caller's memory, width/height from _size. */
    int (*pop)(struct depth *depth, struct plane16 *out, bool *ready, struct err *err);
    void (*free)(struct depth *depth);
};
struct depth { /* first member of an implementation */
    const struct depth_ops *ops;
    int width, height;   /* of the depth planes */
    uint32_t look_ahead; /* frames that push must be ahead of pop, at most 24 */
    uint16_t screen;     /* of the screen plane, where a provider puts letterbox bars and burnt-in
                          * subtitles; who knows the convergence sets it before the first pop.
                          * Where it follows the film it is that of the depth popped last */
    bool follows;        /* each pop sets screen: set before the first push, with its bounds */
    uint16_t screen_low, screen_high;
};
void depth_free(struct depth *depth);
AUTO_DEFINE(depth, struct depth *, depth_free)

/* R of the classical provider: the sum of its operators' supports, in frames. */
uint32_t depth_classical_support(void);
#define DEPTH_CLASSICAL_FARTHEST .2
#define DEPTH_CLASSICAL_NEAREST  .8
/* Frames of width x height, bit_depth 8 or 10. ERR_NOMEM. Caller owns *out. A guess without a model
 * deserves little trust, so its depths keep to 60 % of the range around the middle (.2 .. .8): at
 * convergence .5 that is 60 % of the asked strength. The first depth_classical_support() depths of
 * a run that does not start with the film are not the film's; nobody owns them. push takes one
 * frame at a time beyond look_ahead: pop in between. */
int depth_classical_new(struct depth **out, int width, int height, int bit_depth, struct err *err);
#endif
