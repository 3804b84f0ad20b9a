/* SPDX-License-Identifier: Apache-2.0
 *
 * classical.h - the classical provider in parts, for who measures them (bench/depth) and for tests.
 */
#ifndef WORKER_DEPTH_CLASSICAL_H
#define WORKER_DEPTH_CLASSICAL_H

#include "worker/depth/depth.h"

struct classical_parts {
    uint32_t cues; /* a bit for each row of the cue table */
    bool steady;   /* means over frames */
    bool refine;   /* edges moved to those of luma */
};
#define CLASSICAL_ALL ((struct classical_parts){ ~0u, true, true })

/* As depth_classical_new(), which is this with CLASSICAL_ALL. */
int classical_new(struct depth **out, int width, int height, int bit_depth,
                  struct classical_parts parts, struct err *err);
#endif
