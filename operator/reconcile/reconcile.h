/* SPDX-License-Identifier: Apache-2.0
 *
 * reconcile.h - one pass for one job: observe (cluster, track), decide, act. The order of acts is
 * the safety: one status write, then finalizers off, then deletes, then creates; when the status
 * write fails nothing else is done. The same code drives the operator and the local machine.
 */
#ifndef OPERATOR_RECONCILE_H
#define OPERATOR_RECONCILE_H

#include "operator/cluster/cluster.h"
#include "operator/decide/decide.h"
#include "operator/pods/pods.h"
#include "operator/track/track.h"

struct reconcile_opts {
    struct cluster *cluster; /* borrowed */
    struct track *track;     /* borrowed; NULL: no tracking */
    bool tracking_wanted;
    const char *token_hex;    /* borrowed */
    struct pods_context pods; /* job is taken from the cluster at each pass */
    /* Something a person may want to know: reason is CamelCase; may be NULL. */
    void (*event)(void *ctx, const char *reason, const char *message);
    void *ctx;
};

/* One pass at now_ms. *phase and *wake_ms (0 = never) tell when to come again. status (may be
 * NULL; else zeroed or an earlier copy) receives a copy of what is stored now (caller clears).
 * Errors: ERR_DEPENDENCY (come again soon), ERR_INTERNAL. */
int reconcile_pass(const struct reconcile_opts *opts, int64_t now_ms, struct job_status *status,
                   int64_t *wake_ms, struct err *err);
#endif
