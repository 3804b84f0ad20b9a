/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - the operator's metrics: the names that controllers on Kubernetes share, so that their
 * dashboards and alerts fit, and stereo_* for what is ours. One thread.
 */
#ifndef OPERATOR_SERVE_NAMES_H
#define OPERATOR_SERVE_NAMES_H

#include "common/err.h"
#include "operator/serve/metrics.h"
#include "operator/work/work.h"

#include <stdbool.h>

struct names {
    struct metrics *metrics; /* owned */
    char *host;              /* owned; the API server, a label */
    /* Borrowed from metrics. */
    struct metric *reconciles, *reconcile_errors, *terminal_errors, *reconcile_seconds;
    struct metric *workers_max, *workers_active;
    struct metric *depth, *adds, *retries, *queue_seconds, *work_seconds, *unfinished, *longest;
    struct metric *requests, *request_seconds, *request_retries, *leader;
    struct metric *watch_reconnects, *relists, *cache_age; /* {resource,reason}, ..., {resource} */
    struct metric *jobs, *pods, *redis_up, *events_dropped;
    struct metric *cpu, *resident, *virtual, *fds, *fds_max, *started;
};

/* server: "https://host:port", cut to host:port. */
struct names *names_new(const char *server);
void names_free(struct names *names); /* NULL is fine */
AUTO_DEFINE(names, struct names *, names_free)

/* How a pass over a job ended: rc 0, or -1 and its error; again: it comes back, in some time when
 * later. ERR_CONFLICT and ERR_DEPENDENCY are no terminal errors. */
void names_reconciled(struct names *names, int rc, enum err_code code, bool again, bool later,
                      double seconds);
void names_work(struct names *names, const struct work_stats *stats, size_t at_once);
/* As kube_client_opts.observed; ctx is the names. code 0: no answer. */
void names_request(void *ctx, const char *method, int code, double seconds, bool again);
/* As kube_reflector_opts.reconnected, with the resource's plural. */
void names_reconnected(struct names *names, const char *resource, const char *reason, bool relist);
void names_leader(struct names *names, const char *lease, bool leads);
void names_process(struct names *names); /* reads /proc of this process: before each print */
#endif
