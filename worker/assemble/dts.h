/* SPDX-License-Identifier: Apache-2.0
 *
 * dts.h - decode times of the whole film from its presentation times alone. Packets come in decode
 * order with their pts; packet n is decoded at the pts of frame n - D in play order, D being the
 * encoder's reorder depth, the first D one step earlier each. That always ascends and is never
 * after the pts, whatever the frame rate does. Memory does not grow with the film. Pure.
 */
#ifndef WORKER_ASSEMBLE_DTS_H
#define WORKER_ASSEMBLE_DTS_H

#include "common/auto.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DTS_MAX_DEPTH 32
#define DTS_MAX_WAIT  256 /* packets whose duration is not known yet */

struct dts;

struct dts_times {
    int64_t pts, dts;
    int64_t duration; /* to the next frame in play order; of the last: to the film's end */
};

/* Sees every pts once, ascending. -1 ends the push that called it. */
typedef int dts_sorted_fn(void *ctx, int64_t pts, struct err *err);

/* depth 0..DTS_MAX_DEPTH; step >= 1: how far apart the first `depth` decode times are. sorted may
 * be NULL. ERR_INTERNAL: depth is out of range. */
int dts_new(struct dts **out, int depth, int64_t step, dts_sorted_fn *sorted, void *ctx,
            struct err *err);
void dts_free(struct dts *dts);
AUTO_DEFINE(dts, struct dts *, dts_free)
/* ERR_INTERNAL: a pts comes twice, or later than depth allows. */
int dts_push(struct dts *dts, int64_t pts, struct err *err);
/* No more packets; end: where the last frame ends. */
int dts_finish(struct dts *dts, int64_t end, struct err *err);
/* Next packet in decode order whose times are complete; false when there is none yet. */
bool dts_pop(struct dts *dts, struct dts_times *out);
#endif
