/* SPDX-License-Identifier: Apache-2.0
 *
 * draft.h - the plan of a film for a spec, before anything is written. Pure but for allocation.
 */
#ifndef WORKER_PLAN_DRAFT_H
#define WORKER_PLAN_DRAFT_H

#include "common/contract/spec.h"
#include "worker/plan/film.h"

/* Caller owns *out. Errors: ERR_CONFIG (an option that does not fit), ERR_INPUT. */
int plan_draft(struct plan **out, const struct film *film, const struct job_spec *spec,
               struct err *err);
/* What the user should know, a line each; "" when nothing. */
void plan_warning(char *out, size_t size, const struct film *film, const struct plan *plan);
/* "mp4", "mov" or "matroska" by the output's name; ERR_CONFIG names the endings known. */
int plan_container(const char **out, const char *uri, struct err *err);

/* memory.c: what one convert attempt needs, rounded up to MiB. */
uint64_t plan_memory(const struct plan *plan, const struct media_stream *video, bool full_chroma);
/* Adds what is to be said of the 3D itself: colour that the encoder halves, depth that tires. */
void plan_warning_stereo(char *out, size_t size, const struct plan *plan,
                         const struct job_spec *spec);
#endif
