/* SPDX-License-Identifier: Apache-2.0
 *
 * cues.h - what one frame alone says about depth. Each cue gives every cell a nearness, 0 (far) to
 * 65535 (near); the table in cues.c weighs them. A cue looks at no other frame: one that does must
 * be counted in depth_classical_support().
 */
#ifndef WORKER_DEPTH_CUES_H
#define WORKER_DEPTH_CUES_H

#include "worker/depth/low.h"

struct cue_space { /* for a cue's own use; width * height each, sums width */
    uint16_t *plane, *scratch;
    uint32_t *sums;
};

typedef void cue_fn(uint16_t *out, const struct low *low, const struct cue_space *space);

cue_fn cue_prior;    /* low in the picture and near its middle is near */
cue_fn cue_colour;   /* warm is near; blue and bright at the top is sky */
cue_fn cue_contrast; /* detail and warm saturation are near, haze is far */

/* The weighted mean of all cues; one has width * height. */
void cues_fuse(uint16_t *out, uint16_t *one, const struct low *low, const struct cue_space *space);
#endif
