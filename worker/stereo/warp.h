/* SPDX-License-Identifier: Apache-2.0
 *
 * warp.h - from one view and its depth to the packed 3D frame. Fixed point throughout, so that the
 * CPU and a GPU agree bit for bit. Conventions (shared/reference: conversion 2.1): depth 1 = near,
 * parallax p = divergence/100 * width * (depth - convergence) px, p > 0 in front of the screen;
 * both: x_L = x + p/2, x_R = x - p/2; right: x_R = x - p; left: x_L = x + p.
 * One struct warp per thread.
 */
#ifndef WORKER_STEREO_WARP_H
#define WORKER_STEREO_WARP_H

#include "common/auto.h"
#include "common/contract/spec.h"
#include "common/err.h"
#include "worker/image.h"

#include <stdbool.h>

struct warp;
struct stereo_ops; /* ops.h: the table of functions; CPU now, faster entries later */

struct warp_opts {
    int width, height, bit_depth; /* of the view */
    int color_space, color_range; /* H.273, as libav has them; anaglyphs are mixed by them */
    enum layout layout;
    enum synthetic_view synthetic;
    double divergence, convergence; /* turned to fixed point */
    double ipd_offset;              /* % of the width that every p is moved; above 0 nearer */
    double foreground_scale;        /* -3..3, see shape.h */
    int edge_dilation;              /* samples of depth that near things grow */
    bool preserve_border;           /* p falls to 0 towards the left and right border */
    const struct stereo_ops *ops;   /* NULL = stereo_ops_best() */
};

/* ERR_NOMEM. Caller owns *out. */
int warp_new(struct warp **out, const struct warp_opts *opts, struct err *err);
void warp_free(struct warp *warp);
AUTO_DEFINE(warp, struct warp *, warp_free)
/* The depth that lies on the screen from now on, before foreground_scale bends it: of the same kind
 * as those that warp_frame is given. Bars and subtitles lie flat there. */
void warp_set_screen(struct warp *warp, uint16_t depth);
/* in: the view; depth: any size up to the view's, scaled up here with edges snapped to it;
 * out: layout_packed_size(); of anaglyphs it may have full_chroma. Cannot fail. LAYOUT_DEPTH
 * writes depth as luma, LAYOUT_RGBD also the view beside it. */
void warp_frame(struct warp *warp, struct image *out, const struct image *in,
                const struct plane16 *depth);
#endif
