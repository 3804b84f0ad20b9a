/* SPDX-License-Identifier: Apache-2.0
 *
 * pods.h - between the world's JSON and decide's structs: builds pod manifests from actions, reads
 * Pod objects into pod_view, and StereoJob status to and from JSON. Pure.
 */
#ifndef OPERATOR_PODS_H
#define OPERATOR_PODS_H

#include "common/json.h"
#include "operator/decide/decide.h"

/* What the operator's configuration says of all worker pods of a cluster; no tenant can. NULL (or a
 * list of nothing): not said. */
struct pods_cluster {
    const char *pull_policy;         /* "IfNotPresent", ... */
    const char *const *pull_secrets; /* NULL-terminated; Secrets of the job's namespace */
    const char *http_proxy, *https_proxy, *no_proxy;
    const char *ca_config_map;   /* of the job's namespace; its key "ca.crt" becomes ENV_CA_FILE */
    const char *service_account; /* of the job's namespace, for web identity; its token is not
                                    mounted */
};

struct pods_context {
    const cJSON *job;     /* the StereoJob, defaulted; metadata.name, uid; spec */
    const char *image;    /* worker image; "local" on one machine */
    const char *work_uri; /* resolved work store */
    const char *build;    /* "" before planning */
    const char *secret;   /* name of the track Secret, "<job>-track-..." */
    uint32_t beat_ms;
    uint64_t memory_bytes;              /* the plan's estimate; 0 = not known */
    const struct pods_cluster *cluster; /* NULL: one machine */
    bool tracking; /* false: of the track Secret only the token, which signs records */
};

/* The manifest of the pod for a CREATE action; caller owns. Restricted Pod Security, our finalizer,
 * labels, annotations, args {verb}, env, emptyDir scratch at /scratch, restartPolicy Never,
 * terminationMessagePath, activeDeadlineSeconds from segmentDeadlineSeconds (convert),
 * terminationGracePeriodSeconds, ownerReference (controller) to the job. In a cluster besides: keys
 * from the tenant's Secrets, claims at NAME_CLAIM_MOUNT, what the cluster's configuration says,
 * requests sized by what the plan found, and the words that keep autoscalers away. */
cJSON *pods_manifest(const struct pods_context *context, const struct action *action);

/* The pod that removes a deleted job's work: the verb clean, nobody's child, without finalizer, so
 * that nothing waits for it. Of the track Secret the token, if it is still there. */
cJSON *pods_clean_manifest(const struct pods_context *context, uint32_t attempt);

/* The work store of a job of a cluster: a folder named by its UID in spec.work.uri, else in
 * .stereojob/ beside the output: "s3://films/3d/.stereojob/UID/". Caller frees *out. ERR_CONFIG
 * names the field. */
int pods_work_uri(char **out, const cJSON *job, struct err *err);

/* From a Pod object. deletion_ms is when the delete was asked for. A pod that succeeded with a
 * record of another key is shown as Failed/Interrupted: not believed, and nobody's failure.
 * token_hex checks the mac of its termination message. ERR_INTERNAL: not a pod of ours (labels or
 * annotations missing). */
int pods_view(struct pod_view *out, const cJSON *pod, const char *token_hex, struct err *err);

/* Caller owns. Of what is for people, segments ("7/12") and progress by whole segments; of what is
 * for tools, the conditions Complete, Failed and Suspended. */
cJSON *status_to_json(const struct job_status *status);
/* What only its writer knows. */
struct status_extra {
    int64_t generation; /* of the job that was looked at; 0: not said */
    double progress;    /* of the film, 0..1, finer than by segments; below 0: not known */
    int64_t eta_ms;     /* until the end; below 0: not known */
};
/* progress and eta_ms by the pace of all time active so far; frames: done in segments that are not
 * done, by their heartbeats. eta only while Converting, once there is a pace to speak of. */
void status_estimate(struct status_extra *extra, const struct job_status *status, int64_t frames,
                     int64_t now_ms);
/* Puts observedGeneration (in the conditions too), progress and eta ("4m10s") into what
 * status_to_json made. */
void status_put_extra(cJSON *json, const struct status_extra *extra);
/* NULL or {} gives a fresh status. On success *out is owned (job_status_clear). */
int status_from_json(struct job_status *out, const cJSON *json, struct err *err);
#endif
