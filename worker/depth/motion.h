/* SPDX-License-Identifier: Apache-2.0
 *
 * motion.h - what moves, and what that says about depth. Vectors of neighbouring frames are chained
 * to long ones; what the camera did is taken off them: under a camera that travels, near things
 * pass faster than far ones; before a camera that stands, what moves is in front of what does not.
 */
#ifndef WORKER_DEPTH_MOTION_H
#define WORKER_DEPTH_MOTION_H

#include "worker/depth/flow.h"

#define MOTION_REACH 4 /* frames on each side that are chained */

struct motion_grid { /* blocks; both planes cols * rows */
    int cols, rows;
    uint16_t *near; /* 0..65535 */
    uint8_t *sure;  /* 0..255; 0 everywhere when nothing can be said */
};

enum motion_kind { MOTION_NONE, MOTION_OBJECTS, MOTION_TRAVEL, MOTION_DOLLY };

/* sum += the vectors of step at the place where sum leads to; starts from zero vectors of full
 * trust. */
void motion_start(struct flow_vector *sum, int blocks);
void motion_chain(struct flow_vector *sum, const struct flow_vector *step, int cols, int rows);
/* ways: total vectors over the chained frames, from early to late. scratch: 2 * cols * rows. */
enum motion_kind motion_near(struct motion_grid *out, const struct flow_vector *ways,
                             int32_t *scratch);
#endif
