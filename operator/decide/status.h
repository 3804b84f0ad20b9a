/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h - what decide's own files need of a job_status beyond decide.h. Pure.
 */
#ifndef OPERATOR_DECIDE_STATUS_H
#define OPERATOR_DECIDE_STATUS_H

#include "operator/decide/decide.h"

/* What a reader of the stored status could tell apart. */
bool job_status_equal(const struct job_status *a, const struct job_status *b);
/* Takes over the plan's record and makes the two sets, empty. */
void job_status_plan(struct job_status *status, const struct record *plan);
/* Sets or clears a condition; since_ms moves only when is_true does. A condition that was never
 * true stays absent. */
void job_status_condition(struct job_status *status, enum condition condition, bool is_true,
                          int64_t now_ms, const char *reason, const char *message);

bool phase_is_active(enum phase phase); /* Pending, Planning, Converting, Assembling */

/* snprintf that cuts at a whole UTF-8 character. */
void text_set(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#endif
