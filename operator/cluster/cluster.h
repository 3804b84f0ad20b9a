/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster.h - where pods run and objects are kept: the Kubernetes API or this machine
 * (cluster/local). Both take the same pod manifests. Loop thread only.
 */
#ifndef OPERATOR_CLUSTER_H
#define OPERATOR_CLUSTER_H

#include "common/err.h"
#include "common/json.h"

struct cluster;

struct cluster_ops {
    /* The StereoJob (borrowed until the next call): spec, metadata, status. */
    const cJSON *(*job)(struct cluster *cluster);
    /* All pods of the job as Kubernetes Pod objects (borrowed array until the next call). */
    const cJSON *(*pods)(struct cluster *cluster);
    /* ERR_CONFLICT when the name exists: somebody did it. ERR_DEPENDENCY to try again. */
    int (*create_pod)(struct cluster *cluster, const cJSON *manifest, struct err *err);
    /* Sets one annotation. Absent is fine. It is there before a later delete of the pod is. */
    int (*annotate_pod)(struct cluster *cluster, const char *name, const char *key,
                        const char *value, struct err *err);
    /* Graceful: sets deletionTimestamp, the pod ends within its grace. Absent is fine. */
    int (*delete_pod)(struct cluster *cluster, const char *name, struct err *err);
    /* Takes our finalizer off; a finished pod being deleted then goes away. Absent is fine. */
    int (*release_pod)(struct cluster *cluster, const char *name, struct err *err);
    /* Replaces status; durable when it returns. */
    int (*write_status)(struct cluster *cluster, const cJSON *status, struct err *err);
    void (*free)(struct cluster *cluster);
};

/* Implementations embed this as their first member. */
struct cluster {
    const struct cluster_ops *ops;
};
#endif
