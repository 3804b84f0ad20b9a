/* SPDX-License-Identifier: Apache-2.0
 *
 * shot.h - one frame of a film and its depth, as a conversion would have them: the depth's window
 * before and behind is decoded, too.
 */
#ifndef WORKER_PREVIEW_SHOT_H
#define WORKER_PREVIEW_SHOT_H

#include "common/contract/spec.h"
#include "worker/media/frame.h"
#include "worker/plan/film.h"

#define SHOT_MAX 16 /* depths of one frame */

struct shot_screen { /* a convergence, or auto */
    bool follows;
    double convergence; /* unless it follows; bars and subtitles are laid on the screen */
    double divergence;  /* where it follows: what it may be goes by it */
};

struct shot_opts { /* all borrowed */
    const struct film *film;
    const struct plan *plan;           /* of that film, with short segments and no pieces */
    const struct job_spec *spec;       /* for the depth */
    const struct shot_screen *screens; /* a depth for each */
    int count;                         /* 1..SHOT_MAX */
};

struct shot {
    struct media_frame *frame;      /* owned */
    struct plane16 depth[SHOT_MAX]; /* px owned */
    double convergence[SHOT_MAX];   /* of each: the one asked for, or where the screen came to */
};

/* The first frame from pts on that decodes, within its segment. ERR_INPUT: there is none.
 * Clear *out whatever this answers. */
int shot_take(struct shot *out, const struct shot_opts *opts, int64_t pts, struct err *err);
void shot_clear(struct shot *shot);
/* Mean luma, 0 (black) to 255. */
int shot_light(const struct shot *shot);
#endif
