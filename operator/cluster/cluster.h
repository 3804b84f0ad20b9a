/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster.h - where pods run and objects are kept: the Kubernetes API or this machine
 * (cluster/local). Both take the same pod manifests. Loop thread only.
 */
#ifndef OPERATOR_CLUSTER_H
#define OPERATOR_CLUSTER_H

#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cluster;

/* How a write ended: called exactly once, on the loop thread, from within the write (this machine)
 * or later (an API server). rc 0, or -1 and why. */
struct cluster_reply {
    void (*call)(void *ctx, int rc, const struct err *err);
    void *ctx;
};

struct cluster_ops {
    /* The StereoJob (borrowed until the next call or turn of the loop): spec, metadata, status.
     * NULL: it is gone. */
    const cJSON *(*job)(struct cluster *cluster);
    /* All pods of the job as Kubernetes Pod objects (borrowed array until the next call or turn).
     */
    const cJSON *(*pods)(struct cluster *cluster);
    /* Where many pods are expected, so that only those that changed are looked at; both or neither
     * (NULL). each_pod: name and version of all pods of the job; the version is another whenever
     * the pod is. pod: one of them (borrowed until the next call or turn), NULL: it is gone. */
    void (*each_pod)(struct cluster *cluster,
                     void (*each)(void *ctx, const char *name, const char *version), void *ctx);
    const cJSON *(*pod)(struct cluster *cluster, const char *name);
    /* The place where the job lives is going away: nothing can be created there any more, so that
     * nobody may wait for a successor. May be NULL: it never does. */
    bool (*is_ending)(struct cluster *cluster);
    /* ERR_CONFLICT when the name exists: somebody did it. ERR_DEPENDENCY to try again. manifest is
     * borrowed for the call. */
    void (*create_pod)(struct cluster *cluster, const cJSON *manifest, struct cluster_reply reply);
    /* Sets one annotation. Absent is fine. It is there before a later delete of the pod is. */
    void (*annotate_pod)(struct cluster *cluster, const char *name, const char *key,
                         const char *value, struct cluster_reply reply);
    /* Graceful: sets deletionTimestamp, the pod ends within its grace. Absent is fine. */
    void (*delete_pod)(struct cluster *cluster, const char *name, struct cluster_reply reply);
    /* With one request, the pods of these segments that have Succeeded, as delete_pod would. A
     * refusal (ERR_CONFIG) leaves all as it was. May be NULL. */
    void (*delete_succeeded)(struct cluster *cluster, const uint32_t *indexes, size_t count,
                             struct cluster_reply reply);
    /* Takes our finalizer off; a finished pod being deleted then goes away. Absent is fine. */
    void (*release_pod)(struct cluster *cluster, const char *name, struct cluster_reply reply);
    /* Replaces status; durable when it replies. ERR_CONFLICT: the job was changed meanwhile. */
    void (*write_status)(struct cluster *cluster, const cJSON *status, struct cluster_reply reply);
    void (*free)(struct cluster *cluster);
};

/* Implementations embed this as their first member. */
struct cluster {
    const struct cluster_ops *ops;
};
#endif
