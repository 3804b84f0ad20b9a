/* SPDX-License-Identifier: Apache-2.0
 *
 * repair.h - a segment of a damaged film, with as many frames as it should have: one that does not
 * decode is shown as the one before it. What should be there is known from the packets' times,
 * which must be those that the plan was made of. One thread.
 */
#ifndef WORKER_CONVERT_REPAIR_H
#define WORKER_CONVERT_REPAIR_H

#include "common/contract/plan.h"
#include "worker/media/source.h"

struct repair {
    int64_t *pts; /* owned; of the frames that feed the segment, ascending */
    size_t count, room, at;
    size_t decoded;             /* of those, how many did */
    struct media_frame *before; /* owned; the last picture that decoded, or NULL */
};

/* Reads the packets of the segment from source, which stands anywhere after it. *matches: they are
 * those of the plan. Clear it whatever this answers. */
int repair_load(struct repair *repair, bool *matches, struct media_source *source,
                const struct plan *plan, const struct plan_segment *segment, int stream,
                struct err *err);
void repair_clear(struct repair *repair);
/* How many frames should be there before this one and were not given out. */
int64_t repair_lost(const struct repair *repair, const struct media_frame *frame);
/* *frame: the newest that decoded; taken once it is used or not wanted; NULL when no more come.
 * *out: the next that should be there; NULL when another has to be decoded first, or all are out.
 * *made: out is no picture of its own. */
int repair_next(struct repair *repair, struct media_frame **frame, struct media_frame **out,
                bool *made, const struct plan_video *video, struct err *err);
#endif
