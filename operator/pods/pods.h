/* SPDX-License-Identifier: Apache-2.0
 *
 * pods.h - between the world's JSON and decide's structs: builds pod manifests from actions, reads
 * Pod objects into pod_view, and StereoJob status to and from JSON. Pure.
 */
#ifndef OPERATOR_PODS_H
#define OPERATOR_PODS_H

#include "common/json.h"
#include "operator/decide/decide.h"

struct pods_context {
    const cJSON *job;     /* the StereoJob, defaulted; metadata.name, uid; spec */
    const char *image;    /* worker image; "local" on one machine */
    const char *work_uri; /* resolved work store */
    const char *build;    /* "" before planning */
    const char *secret;   /* name of the track Secret, "<job>-track" */
    uint32_t beat_ms;
    uint64_t memory_bytes; /* the plan's estimate; 0 = not known */
    bool tracking;         /* false: of the track Secret only the token, which signs records */
};

/* The manifest of the pod for a CREATE action; caller owns. Restricted Pod Security, our finalizer,
 * labels, annotations, args {verb}, env, emptyDir scratch at /scratch, restartPolicy Never,
 * terminationMessagePath, activeDeadlineSeconds from segmentDeadlineSeconds (convert),
 * terminationGracePeriodSeconds, ownerReference (controller) to the job. */
cJSON *pods_manifest(const struct pods_context *context, const struct action *action);

/* From a Pod object. deletion_ms is when the delete was asked for. A pod that succeeded with a
 * record of another key is shown as Failed/Interrupted: not believed, and nobody's failure.
 * token_hex checks the mac of its termination message. ERR_INTERNAL: not a pod of ours (labels or
 * annotations missing). */
int pods_view(struct pod_view *out, const cJSON *pod, const char *token_hex, struct err *err);

/* Caller owns. Of what is for people, segments ("7/12") and progress by whole segments. */
cJSON *status_to_json(const struct job_status *status);
/* What only its writer knows. */
struct status_extra {
    int64_t generation; /* of the job that was looked at; 0: not said */
    double progress;    /* of the film, 0..1, finer than by segments; below 0: not known */
    int64_t eta_ms;     /* until the end; below 0: not known */
};
/* Puts observedGeneration, progress and eta ("4m10s") into what status_to_json made. */
void status_put_extra(cJSON *json, const struct status_extra *extra);
/* NULL or {} gives a fresh status. On success *out is owned (job_status_clear). */
int status_from_json(struct job_status *out, const cJSON *json, struct err *err);
#endif
