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
    /* While it converts, as of the last pass: how many segments it has, and are not counted. */
    uint32_t segments, left;
    bool under_way;
    int64_t begun_us;
};

/* object: the StereoJob as cached, borrowed for the call. ERR_CONFIG: not to be understood. */
int job_new(struct job **out, struct area *area, const cJSON *object, struct err *err);
void job_free(struct job *job);
void job_begin(struct job *job);
/* Any event of a pod of the job. */
void job_pod_seen(struct job *job, const cJSON *pod);

/* control.c. wake_ms (Unix; 0: none) and, on -1, err say when the key comes again. The job may be
 * freed by it. */
void job_end(struct job *job, int rc, int64_t wake_ms, const struct err *err);
const struct control_opts *job_opts(const struct job *job);
#endif
