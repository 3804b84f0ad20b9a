/* SPDX-License-Identifier: Apache-2.0
 *
 * pace.h - which frames of a film stay when it may have at most so many a second. Time is divided
 * into cells of one frame each, from the film's first frame on; of the frames in one cell the first
 * stays, and any that is a whole cell behind the last that stayed. A millisecond is forgiven, so
 * that times which a container rounded do not make the steps uneven. Looks at times only: begun at
 * any frame that stays, it goes on as it would have from the film's start. Pure.
 */
#ifndef CONTRACT_PACE_H
#define CONTRACT_PACE_H

#include "common/contract/plan.h"

struct pace {
    struct ratio time_base, fps; /* fps.num 0: every frame stays */
    int64_t start;               /* pts of the film's first frame */
    int64_t cell, last;          /* of the last that stayed; its pts */
    bool any;
};

/* For plan's frames; begin with one that stays. */
struct pace pace_of(const struct plan *plan);
/* pts in ascending order. Does this frame stay? */
bool pace_takes(struct pace *pace, int64_t pts);
/* Frames a second as they are written, "23.976" and "29.97" being 24000/1001 and 30000/1001. */
struct ratio pace_fps(double fps);
#endif
