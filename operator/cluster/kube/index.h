/* SPDX-License-Identifier: Apache-2.0
 *
 * index.h - which pods belong to which job: the pods cache by namespace and job UID, so that no pod
 * of another namespace is taken for a job's by its labels. Pods of the clean stage are apart, since
 * the job's passes do not steer them.
 */
#ifndef OPERATOR_CLUSTER_KUBE_INDEX_H
#define OPERATOR_CLUSTER_KUBE_INDEX_H

#include "common/json.h"
#include "operator/cluster/kube/names.h"

struct pod_index;

struct pod_index *pod_index_new(void);
void pod_index_free(struct pod_index *index);
/* From the cache's events; a pod without our labels is ignored. */
void pod_index_add(struct pod_index *index, const cJSON *pod);
void pod_index_remove(struct pod_index *index, const cJSON *pod);
/* Borrowed until the index changes; never NULL. */
const struct names *pod_index_pods(const struct pod_index *index, const char *space,
                                   const char *uid);
const struct names *pod_index_cleaners(const struct pod_index *index, const char *space,
                                       const char *uid);
/* Every job that has pods, those of the clean stage not counted; each() changes nothing here. */
void pod_index_each(const struct pod_index *index,
                    void (*each)(void *ctx, const char *space, const char *uid,
                                 const struct names *names),
                    void *ctx);
/* The UID of the job a pod belongs to, "" for none; borrowed from pod. */
const char *pod_index_uid(const cJSON *pod);
#endif
