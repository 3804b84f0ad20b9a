/* SPDX-License-Identifier: Apache-2.0
 *
 * snap.h - what the surroundings of each depth cell say about an edge through it.
 */
#ifndef WORKER_STEREO_SNAP_H
#define WORKER_STEREO_SNAP_H

#include "worker/image.h"

#ifndef BIAS
#define BIAS 90
#endif
struct snap_cell {
    uint16_t low, high; /* depth in the window around; equal where there is no edge */
    int32_t slope_q8;   /* depth per step of 10-bit luma */
};

/* cells and luma (10-bit scale) are depth-sized, rows of depth->width; scratch has 2 * width *
 * height. radius in cells. */
void snap_cells(struct snap_cell *cells, const struct plane16 *depth, const uint16_t *luma,
                int radius, int edge_min, uint16_t *scratch);
/* luma is the pixel's, smooth the cells' luma interpolated as depth was. */
static inline uint16_t snap_pixel(uint16_t depth, int luma, int smooth, struct snap_cell cell)
{
    int32_t v = depth + (((luma - smooth) * cell.slope_q8) >> 8);
    int32_t split = cell.low + (cell.high - cell.low) * BIAS / 256; /* .35: rather too near */

    return v > split ? cell.high : cell.low;
}
#endif
