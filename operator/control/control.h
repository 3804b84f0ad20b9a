/* SPDX-License-Identifier: Apache-2.0
 *
 * control.h - the controller of StereoJobs: two caches for each namespace watched, one queue of
 * keys, and for each key a chain of steps: our finalizer, the track Secret, a reconcile pass, and
 * for a deleted job the cleaning of its work. Every step is repeated safely: what is done is seen.
 * Loop thread only.
 */
#ifndef OPERATOR_CONTROL_H
#define OPERATOR_CONTROL_H

#include "common/err.h"
#include "operator/kube/client.h"
#include "operator/kube/events.h"
#include "operator/pods/pods.h"
#include "operator/track/track.h"
#include "operator/work/work.h"

struct control;

/* All borrowed; they outlive the controller. */
struct control_opts {
    uv_loop_t *loop;
    struct kube_client *client;
    struct kube_events *events;
    struct track *track;
    const char *const *spaces; /* NULL-terminated namespaces; empty: all */
    const void *key;           /* the operator key, from which job tokens are made */
    size_t key_len;
    /* What the track Secret of each job says: how its workers reach Redis. */
    const char *worker_redis_url, *worker_redis_password;
    const char *worker_image;
    const struct pods_cluster *pods; /* see pods.h */
    int64_t resync_ms; /* every job is looked at again so often, whatever was heard; 0: never */
    void (*synced)(void *ctx); /* a cache holds its first list: see control_is_synced */
    /* For metrics; may be NULL. rc 0, or -1 and the error's code; later: it comes again at a time.
     */
    void (*passed)(void *ctx, int rc, enum err_code code, bool later, double seconds);
    void (*reconnected)(void *ctx, const char *resource, const char *reason, bool relist);
    void *ctx;
};

/* Starts the caches; nothing is written before control_lead. */
int control_open(struct control **out, const struct control_opts *opts, struct err *err);
/* No callback comes any more. Not while keys are under way (control_stop first), except at exit. */
void control_close(struct control *control);

bool control_is_synced(const struct control *control);   /* all caches hold their first list */
int64_t control_heard_us(const struct control *control); /* of the quietest cache; mono */
void control_lead(struct control *control);              /* we lead: begin to work */
/* Begins nothing any more; idle is called once when nothing is under way. */
void control_stop(struct control *control, void (*idle)(void *ctx), void *ctx);
void control_work_stats(const struct control *control, struct work_stats *out);
/* How many jobs are in each phase, and pods in all. */
struct control_counts {
    size_t jobs[PHASE_COUNT], pods;
};
void control_counts(const struct control *control, struct control_counts *out);
#endif
