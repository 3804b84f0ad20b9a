/* SPDX-License-Identifier: Apache-2.0
 *
 * cues.h - what is seen around one frame that tells about depth. Each cue gives every cell a
 * nearness, 0 (far) to 65535 (near), and how sure it is of it; the table in cues.c weighs them.
 * Cells are those of the frame at half the low size. A cue looks at no other frame itself: what
 * comes from others is in struct cue_view, and counted in depth_classical_support().
 */
#ifndef WORKER_DEPTH_CUES_H
#define WORKER_DEPTH_CUES_H

#include "worker/depth/low.h"
#include "worker/depth/motion.h"
#include "worker/depth/regions.h"

#define CUE_SURE 255

struct cue_space { /* for a cue's own use; planes of a cell each, sums a row */
    uint16_t *plane, *scratch;
    uint32_t *sums;
    struct regions *regions;
};

struct cue_view {
    const struct low *half;
    const uint16_t *fine; /* low_fine() of it */
    int top, bottom;      /* rows with a picture in them: top <= y < bottom */
    int horizon;          /* row where the ground begins */
    const struct motion_grid *motion;
    struct cue_space *space;
};

typedef void cue_fn(uint16_t *out, uint8_t *sure, const struct cue_view *view);

cue_fn cue_prior;    /* low in the picture and near its middle is near */
cue_fn cue_contact;  /* an object is as near as the ground where it stands */
cue_fn cue_motion;   /* see motion.h */
cue_fn cue_colour;   /* warm is near; blue and bright at the top is sky */
cue_fn cue_contrast; /* detail and warm saturation are near, haze is far */
cue_fn cue_focus;    /* sharp is near */

struct cue {
    const char *name;
    cue_fn *fn;
    int weight;
};
extern const struct cue cues[];
extern const int cues_count;

/* How near the ground is in a row. */
uint16_t cue_ground(const struct cue_view *view, int y);
/* The mean by weight and sureness of the cues whose bit is set in mask; the middle where none says
 * anything. one, sure: a plane each; sums: 2 * width * height. */
void cues_fuse(uint16_t *out, uint32_t mask, uint16_t *one, uint8_t *sure, uint32_t *sums,
               const struct cue_view *view);
#endif
