/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.h - where blocks of one frame lie in another: least sums of absolute differences over a
 * pyramid of 8-bit luma, then a fraction of a cell from the sums beside the best. Integer; one
 * thread. Vectors are in 1/16 of a cell of the pyramid's base.
 */
#ifndef WORKER_DEPTH_FLOW_H
#define WORKER_DEPTH_FLOW_H

#include "common/auto.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_BLOCK  8 /* cells a side */
#define FLOW_ONE    16
#define FLOW_LEVELS 3
#define FLOW_TRUST  255 /* of a block with one clear match */

struct pyramid { /* width * height samples a level, each half of the one before */
    int levels, width[FLOW_LEVELS], height[FLOW_LEVELS];
    uint8_t *px[FLOW_LEVELS];
};

struct flow_vector {
    int16_t x, y;
    uint8_t trust; /* 0: anything could be true (no texture, no match) */
};

/* False when memory is gone; clear in any case. A base smaller than two blocks has no levels, and
 * all its vectors are 0 without trust. */
bool pyramid_init(struct pyramid *pyramid, int width, int height);
void pyramid_clear(struct pyramid *pyramid);
void pyramid_load(struct pyramid *pyramid, const uint16_t *luma);

static inline int flow_blocks(int cells)
{
    return (cells + FLOW_BLOCK - 1) / FLOW_BLOCK;
}
/* out: flow_blocks(width) * flow_blocks(height) of the base: for a block of from, the way to where
 * it is in to. coarse: scratch of the same size. */
void flow_find(struct flow_vector *out, struct flow_vector *coarse, const struct pyramid *from,
               const struct pyramid *to);
#endif
