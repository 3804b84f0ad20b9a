/* SPDX-License-Identifier: Apache-2.0
 *
 * refine.h - depth of the half size brought to the low size, its edges moved to those of luma: in
 * every box depth is taken for the line through luma that fits it best, and the lines of all boxes
 * around a sample are averaged. Where luma is flat that is a mean of depth. Integer.
 */
#ifndef WORKER_DEPTH_REFINE_H
#define WORKER_DEPTH_REFINE_H

#include "worker/depth/low.h"

/* out: low_width * low_height; near: of the size of half. low_luma: of out's size. space: 5 planes
 * of half's size. */
void refine_depth(uint16_t *out, const uint16_t *near, const struct low *half,
                  const uint16_t *low_luma, int low_width, int low_height, int32_t *space);
#endif
