/* SPDX-License-Identifier: Apache-2.0
 *
 * steady.h - a mean over frames along what moves: a cell of another frame counts as much as it
 * looks like the one it is taken for. Integer; the order of frames does not matter.
 */
#ifndef WORKER_DEPTH_STEADY_H
#define WORKER_DEPTH_STEADY_H

#include "worker/depth/flow.h"

struct steady { /* sums, planes of width * height */
    int width, height;
    uint32_t *near, *weight;
};

void steady_start(struct steady *sums);
/* ways: where the blocks of the frame with luma `here` lie in the one with luma `there`, whose
 * nearness is near; NULL: in the same place. */
void steady_add(struct steady *sums, const uint16_t *near, const uint16_t *here,
                const uint16_t *there, const struct flow_vector *ways);
void steady_end(uint16_t *out, const struct steady *sums);
#endif
