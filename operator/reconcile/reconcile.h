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
#include "operator/reconcile/memo.h"
#include "operator/track/track.h"

struct reconcile_opts {
    struct cluster *cluster; /* borrowed */
    struct track_job *track; /* borrowed; NULL: no tracking */
    struct memo *memo;       /* borrowed, of this job alone; NULL: all pods are read at each pass */
    bool tracking_wanted;
    const char *token_hex;      /* borrowed */
    const char *volume_problem; /* why its claims do not fit, or NULL; may change between passes */
    struct pods_context pods;   /* job is taken from the cluster at each pass */
    /* While it converts, how far it has come is written as often as this, though nothing else
     * changed; 0: never (who looks on sees the heartbeats). */
    uint32_t progress_every_ms;
    uint32_t tidy_ms; /* see struct observed */
    /* Something a person may want to know: reason is CamelCase; may be NULL. */
    void (*event)(void *ctx, const char *reason, const char *message);
    void *ctx;
};

struct reconcile_result {
    int64_t wake_ms;                 /* come again then; 0 = when something happens */
    const struct job_status *status; /* what is stored now; borrowed for the call */
    size_t done_seen;                /* done records of tracking that this pass took in */
    bool expired; /* the job is to be deleted: over for longer than ttlSecondsAfterFinished */
};
struct reconcile_end {
    /* rc 0 and result, or -1 and err: ERR_DEPENDENCY, ERR_CONFLICT (come again soon),
     * ERR_NOT_FOUND (the job is gone), ERR_CONFIG (its spec or status cannot be read, or a pod was
     * refused: come again when something changes). */
    void (*call)(void *ctx, int rc, const struct reconcile_result *result, const struct err *err);
    void *ctx;
};

/* Begins a pass at now_ms. opts is borrowed until end is called, exactly once: from within, on a
 * cluster that answers at once, or later on the loop thread. One pass of a job at a time. */
void reconcile_start(const struct reconcile_opts *opts, int64_t now_ms, struct reconcile_end end);

/* A whole pass on a cluster that answers at once. status (may be NULL; else zeroed or an earlier
 * copy) receives a copy of what is stored now (caller clears). */
int reconcile_pass(const struct reconcile_opts *opts, int64_t now_ms, struct job_status *status,
                   int64_t *wake_ms, struct err *err);
#endif
