/* SPDX-License-Identifier: Apache-2.0
 *
 * pieces.h - the stretch of packets that each segment needs, copied out of the film once, in one
 * pass: for films that cannot be sought, and for `segment.mode: Copy`.
 */
#ifndef WORKER_PLAN_PIECES_H
#define WORKER_PLAN_PIECES_H

#include "worker/job.h"
#include "worker/plan/film.h"

/* Writes every piece of plan and fills plan->piece. */
int plan_write_pieces(const struct job *job, const struct film *film, struct plan *plan,
                      struct err *err);
#endif
