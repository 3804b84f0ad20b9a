/* SPDX-License-Identifier: Apache-2.0
 *
 * local.h - this machine as a cluster: pods are child processes, the API store is
 * WORK/job.json (fsync + rename), which holds the StereoJob (its UID drawn once, status) and its
 * pods. Of a pod it honours metadata, args, env (values and secretKeyRef of the track Secret),
 * emptyDir (a folder), activeDeadlineSeconds, terminationGracePeriodSeconds; it maps the
 * termination message to a file (STEREO_TERMINATION_LOG), and writes phase,
 * terminated{exitCode, signal, reason, message} and deletionTimestamp. Image, resources,
 * scheduling and securityContext are ignored. Children die with this process
 * (PR_SET_PDEATHSIG; SIGKILL). A pod found Running in job.json at the start becomes
 * Failed with reason NodeLost.
 *
 *   WORK/lock      held while open          WORK/logs/POD.log      stdout and stderr of a pod
 *   WORK/job.json  the API store            WORK/pods/POD/         its emptyDir; removed at its end
 */
#ifndef OPERATOR_CLUSTER_LOCAL_H
#define OPERATOR_CLUSTER_LOCAL_H

#include "operator/cluster/cluster.h"

#include <stdbool.h>
#include <stdint.h>

struct cluster_local;

struct cluster_local_opts {
    const char *work_dir; /* made if absent; copied */
    const char *worker;   /* path of the stereo-worker program; copied */
    const cJSON *job;     /* the wanted StereoJob, checked and defaulted; copied */
    const char *build;    /* of this program: stereo-worker --version; copied */
    bool keep_logs;
};

/*
 * Takes the lock, reads or makes job.json. Errors: ERR_CONFLICT (another process works here; its
 * pid in the message), ERR_CONFIG (job.json is of other conversion options: names each field with
 * both values; or of another build: names both), ERR_SPACE, ERR_DEPENDENCY.
 * Fields of the immutable group are compared; parallelism, suspend, cancel, limits follow the new
 * job. On success *out is owned: cluster_local_free (kills what still runs).
 */
int cluster_local_open(struct cluster_local **out, const struct cluster_local_opts *opts,
                       struct err *err);
void cluster_local_free(struct cluster_local *local);
struct cluster *cluster_local_base(struct cluster_local *local); /* borrowed */

/* What secretKeyRef of the track Secret answers from now on. Values are copied; never stored. */
void cluster_local_secret(struct cluster_local *local, const char *url, const char *password,
                          const char *token_hex);

/* A descriptor that is readable when a child may have ended (signalfd/pidfd/self-pipe), for the
 * caller's poll. */
int cluster_local_fd(const struct cluster_local *local);
/* Reaps children, enforces activeDeadlineSeconds and grace (SIGTERM, then SIGKILL), updates and
 * stores pods. Returns 0 or -1 (store). *next_ms: when to call again at the latest; 0 = no need. */
int cluster_local_step(struct cluster_local *local, int64_t now_unix_ms, int64_t *next_ms,
                       struct err *err);
/* Asks all children to stop (SIGTERM) and waits at most grace_ms, then kills. For Ctrl-C. */
void cluster_local_stop_all(struct cluster_local *local, int64_t grace_ms);
/* Changes of the stored StereoJob after opening, as kubectl would patch it: spec.parallelism, an
 * annotation. Durable when they return. */
int cluster_local_set_parallelism(struct cluster_local *local, uint32_t parallelism,
                                  struct err *err);
int cluster_local_annotate(struct cluster_local *local, const char *key, const char *value,
                           struct err *err);
const char *cluster_local_uid(const struct cluster_local *local); /* borrowed */
#endif
