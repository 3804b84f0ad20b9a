/* SPDX-License-Identifier: Apache-2.0
 *
 * select.h - the frames of a film that are asked for: between --from and --to, at most --max-fps a
 * second.
 */
#ifndef WORKER_PLAN_SELECT_H
#define WORKER_PLAN_SELECT_H

#include "common/contract/spec.h"
#include "worker/plan/film.h"

struct selection {
    struct plan_frame *frames; /* owned; ascending pts */
    size_t count;
    int64_t end; /* of the last frame */
};
static inline void selection_auto_(struct selection *selection)
{
    free(selection->frames);
}

/* Sets plan's cut_start, cut_end and max_fps; its video must have the film's time base. ERR_CONFIG:
 * nothing is left. */
int plan_select(struct selection *out, struct plan *plan, const struct film *film,
                const struct job_spec *spec, struct err *err);
/* The last keyframe from which all frames from lead_pts on are decoded, also where it is not among
 * the frames that are asked for; a packet's ordinal. known: one that is early enough. */
size_t plan_select_seek(const struct film *film, size_t known, int64_t lead_pts);
#endif
