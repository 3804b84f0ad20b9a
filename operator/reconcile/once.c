/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/reconcile/reconcile.h"

/* What a pass on a cluster that answers at once left behind. */
struct outcome {
    bool came;
    int rc;
    struct job_status *status; /* or NULL */
    int64_t *wake_ms;
    struct err *err;
};

static void outcome_take(void *ctx, int rc, const struct reconcile_result *result,
                         const struct err *err)
{
    struct outcome *outcome = ctx;

    outcome->came = true;
    outcome->rc = rc;
    if (rc < 0) {
        *outcome->err = *err;
        return;
    }
    *outcome->wake_ms = result->wake_ms;
    if (outcome->status) {
        job_status_clear(outcome->status);
        job_status_copy(outcome->status, result->status);
    }
}

int reconcile_pass(const struct reconcile_opts *opts, int64_t now_ms, struct job_status *status,
                   int64_t *wake_ms, struct err *err)
{
    struct outcome outcome = { .status = status, .wake_ms = wake_ms, .err = err };

    reconcile_start(opts, now_ms, (struct reconcile_end){ outcome_take, &outcome });
    if (!outcome.came)
        return err_set(err, ERR_INTERNAL, "the cluster did not answer at once");
    return outcome.rc;
}
