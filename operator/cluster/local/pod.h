/* SPDX-License-Identifier: Apache-2.0
 *
 * pod.h - what the API server and a kubelet write into a Pod object, as far as decide reads it. On
 * JSON only; times have whole seconds, as Kubernetes writes them.
 */
#ifndef OPERATOR_LOCAL_POD_H
#define OPERATOR_LOCAL_POD_H

#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_POD_MESSAGE_MAX 4096 /* bytes of a termination message, as in Kubernetes */

const char *local_pod_name(const cJSON *pod); /* borrowed; "" when it has none */
bool local_pod_is_over(const cJSON *pod);     /* Succeeded or Failed */
bool local_pod_is_pending(const cJSON *pod);
bool local_pod_is_deleted(const cJSON *pod); /* has a deletionTimestamp */
/* Over, deleted and without finalizers: the API server would forget it. */
bool local_pod_is_gone(const cJSON *pod);
int64_t local_pod_grace_ms(const cJSON *pod);
int64_t local_pod_deadline_ms(const cJSON *pod); /* activeDeadlineSeconds; 0 = none */

/* A new object: uid, creationTimestamp, Pending. */
void local_pod_admit(cJSON *pod, int64_t now_ms);
void local_pod_wait(cJSON *pod, const char *reason, const char *message); /* still Pending */
void local_pod_run(cJSON *pod, int64_t now_ms);

struct local_pod_end {
    int exit_code;
    int signal;             /* 0: none */
    const char *reason;     /* of the container; NULL: Completed or Error */
    const char *message;    /* its termination message, or "" */
    const char *pod_reason; /* of the pod; NULL: none */
    const char *pod_message;
};
void local_pod_end(cJSON *pod, const struct local_pod_end *end, int64_t now_ms);
/* Failed without a word from a container: lost with an earlier run, or deleted before it ran. */
void local_pod_lose(cJSON *pod, const char *reason, const char *message, int64_t now_ms);
void local_pod_delete(cJSON *pod, int64_t now_ms);
void local_pod_release(cJSON *pod, const char *finalizer);
void local_pod_annotate(cJSON *object, const char *key, const char *value);
/* A random (version 4) UUID. */
void local_uid(char out[37]);
#endif
