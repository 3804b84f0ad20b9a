/* SPDX-License-Identifier: Apache-2.0
 *
 * snap.h - what the surroundings of each depth cell say about an edge through it.
 */
#ifndef WORKER_STEREO_SNAP_H
#define WORKER_STEREO_SNAP_H

#include "worker/image.h"

#define SNAP_SPLIT_Q8 90 /* .35 of the way from far to near: rather too near */
#define SNAP_HINT_Q8  32 /* luma moves the split by an eighth at most: grain must not decide */

struct snap_cell {
    uint16_t low, high; /* depth in the window around; equal where there is no edge */
    int32_t slope_q8;   /* depth per step of 10-bit luma */
};

/* cells and luma (10-bit scale) are depth-sized, rows of depth->width; scratch has
 * 2 * width * (height + 1). radius in cells. */
void snap_cells(struct snap_cell *cells, const struct plane16 *depth, const uint16_t *luma,
                int radius, int edge_min, uint16_t *scratch);
/* luma is the pixel's, smooth the cells' luma interpolated as depth was. */
static inline uint16_t snap_pixel(uint16_t depth, int luma, int smooth, struct snap_cell cell)
{
    int32_t range = cell.high - cell.low, most = range * SNAP_HINT_Q8 >> 8;
    int32_t hint = ((luma - smooth) * cell.slope_q8) >> 8;

    hint = hint < -most ? -most : hint > most ? most : hint;
    return depth + hint > cell.low + (range * SNAP_SPLIT_Q8 >> 8) ? cell.high : cell.low;
}
#endif
