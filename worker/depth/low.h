/* SPDX-License-Identifier: Apache-2.0
 *
 * low.h - a frame at the size that cues are computed at: averages over whole cells of factor x
 * factor luma samples, the smallest factor that gives at most DEPTH_MAX_WIDTH columns. 12-bit
 * samples whatever the film has, so that 8 and 10 bit agree.
 */
#ifndef WORKER_DEPTH_LOW_H
#define WORKER_DEPTH_LOW_H

#include "common/auto.h"
#include "common/err.h"
#include "worker/image.h"

#define LOW_MAX    4080 /* 255 as a 12-bit sample */
#define LOW_CENTRE 2048 /* neutral chroma */

struct low {
    int width, height, factor;
    uint16_t *luma, *cb, *cr; /* width * height each */
};

/* ERR_NOMEM. Caller owns *out. */
int low_new(struct low **out, int width, int height, struct err *err);
void low_free(struct low *low);
AUTO_DEFINE(low, struct low *, low_free)
void low_load(struct low *low, const struct image *frame);
/* At half the size, rounded up: what cues are computed on. factor counts luma samples here too. */
int low_half_new(struct low **out, const struct low *low, struct err *err);
void low_halve(struct low *out, const struct low *in);
/* out: a cell of half gets the mean difference of its four samples of luma from their mean, times
 * 4: detail that only the larger size shows. */
void low_fine(uint16_t *out, const struct low *half, const struct low *low);
#endif
