/* SPDX-License-Identifier: Apache-2.0
 *
 * upscale.h - depth at the view's size, one row at a time. Bilinear; where depth was blurred over
 * the edge of an object (near and far within a window of W/190) each pixel is taken wholly to the
 * one side or the other. Which side, its depth says together with its luma, by how depth follows
 * luma around it. Depth that is more than half the view's size is only interpolated.
 */
#ifndef WORKER_STEREO_UPSCALE_H
#define WORKER_STEREO_UPSCALE_H

#include "common/auto.h"
#include "common/err.h"
#include "worker/image.h"
#include "worker/stereo/ops.h"

struct upscale;

/* ERR_NOMEM. Caller owns *out. */
int upscale_new(struct upscale **out, int width, int height, const struct stereo_ops *ops,
                struct err *err);
void upscale_free(struct upscale *up);
AUTO_DEFINE(upscale, struct upscale *, upscale_free)

/* A new frame: its luma (8 or 10 bit) and its depth, at most the view's size; both are borrowed
 * until the last row. edge_min: depth differences below it are no edges. */
void upscale_begin(struct upscale *up, const struct image *view, const struct plane16 *depth,
                   int edge_min);
/* Row y in any order, ascending is fast; out has the view's width. */
void upscale_row(struct upscale *up, uint16_t *out, int y);
#endif
