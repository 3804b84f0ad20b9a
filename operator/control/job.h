/* SPDX-License-Identifier: Apache-2.0
 *
 * job.h - inside control: one StereoJob that is known, and its chain of steps. A chain begins with
 * job_begin and ends in job_end (control.c) exactly once.
 */
#ifndef OPERATOR_CONTROL_JOB_H
#define OPERATOR_CONTROL_JOB_H

#include "common/hash.h"
#include "operator/cluster/kube/kube.h"
#include "operator/control/control.h"
#include "operator/reconcile/reconcile.h"

/* One namespace watched, or all of them. */
struct area {
    struct control *control;
    struct cluster_kube_api api;
};

struct job {
    struct area *area;
    char *key, *space, *name, *uid; /* owned */
    char token[HASH_HEX_SIZE];
    char *secret;                 /* owned: name of the track Secret */
    char *work_uri;               /* owned */
    struct cluster_kube *cluster; /* owned */
    struct memo *memo;            /* owned */
    struct track_job *watch;      /* owned; NULL while the job is over */
    struct reconcile_opts reconcile;
    /* The claims: looked at for this parallelism (0: not yet), and again while they do not fit. */
    int64_t volumes_for;
    int claim_at;
    char volume_problem[300];
    bool secret_made; /* or found, by this process */
    bool cleaned;     /* deleted, and nothing is left to be cleaned: only to be let go */
    bool forgotten;   /* Redis was told to */
    bool unreadable;  /* deleted, and no pass can be made: its pods go without */
    struct err held;  /* why the job is read again, told afterwards */
    /* While it converts, as of the last pass: how many segments there are at a time, how many are
     * not counted, and how many done records of tracking were. */
    uint32_t at_once, left;
    size_t noted;
    char *seen; /* owned: what of the object was not ours when a chain last began; NULL: none has */
    int64_t begun_us;
};

/* object: the StereoJob as cached, borrowed for the call. ERR_CONFIG: not to be understood. */
int job_new(struct job **out, struct area *area, const cJSON *object, struct err *err);
void job_free(struct job *job);
void job_begin(struct job *job);
/* Tracking has a record for every segment that is not counted yet: nothing more is waited for. */
bool job_has_all(const struct job *job);
/* An event of the job itself: true when it tells no more than what the operator wrote. */
bool job_is_own_news(const struct job *job, const cJSON *object);
/* Any event of a pod of the job. */
void job_pod_seen(struct job *job, const cJSON *pod);

/* job_step.c: steps of a chain ------------------------------------------------------------------*/

extern const struct kube_resource job_secrets;

const cJSON *job_object(const struct job *job); /* as cached; NULL: it is gone */
bool job_is_deleted(const cJSON *object);       /* a deletionTimestamp: a job or a pod */
/* One request; its answer goes to next, which ends the chain or goes on with it. */
typedef void (*job_next)(struct job *job, const struct kube_status *status, const cJSON *doc);
void job_send(struct job *job, const char *method, const char *path, const cJSON *body,
              enum kube_patch patch, job_next next);
/* Ends the chain with what the API server said of `what`. */
void job_fail(struct job *job, const struct kube_status *status, const char *what);
/* An event and a line of log; ctx is the job. */
void job_tell(void *ctx, const char *reason, const char *message);
/* An answer into the cache, if it is the StereoJob. */
void job_put(const struct job *job, const cJSON *doc);
/* The finalizer. job_hold: true when it is being put on; the chain begins anew then. */
bool job_hold(struct job *job);
void job_let_go(struct job *job); /* ends the chain */

/* job_clean.c: a deleted job whose pass found it over: its pods, its work, its Secret; ends the
 * chain. */
void job_clean(struct job *job);

/* control.c. wake_ms (Unix; 0: none) and, on -1, err say when the key comes again. The job may be
 * freed by it. */
void job_end(struct job *job, int rc, int64_t wake_ms, const struct err *err);
const struct control_opts *job_opts(const struct job *job);
#endif
