/* SPDX-License-Identifier: Apache-2.0
 *
 * kube.h - the Kubernetes API as a cluster: one of these for each StereoJob, all on the same client
 * and the same two caches. Every answer to a write goes into the cache before the reply, so that no
 * decision is made on less than our last write; after a conflict the object is read live first.
 * Loop thread only.
 */
#ifndef OPERATOR_CLUSTER_KUBE_H
#define OPERATOR_CLUSTER_KUBE_H

#include "common/contract/names.h"
#include "operator/cluster/cluster.h"
#include "operator/cluster/kube/index.h"
#include "operator/kube/reflector.h"

struct cluster_kube;

/* What all jobs share; borrowed, outlives them. */
struct cluster_kube_api {
    struct kube_client *client;
    struct kube_reflector *jobs, *pods;
    const struct pod_index *index;
};

extern const struct kube_resource cluster_kube_jobs; /* stereojobs of stereojob.io/v1 */
extern const struct kube_resource cluster_kube_pods;
#define CLUSTER_KUBE_SELECTOR LABEL_MANAGED "=" MANAGED_BY

/* space, name and uid are copied. A job of the same name and another uid is another cluster: this
 * one's job is gone then. */
struct cluster_kube *cluster_kube_new(const struct cluster_kube_api *api, const char *space,
                                      const char *name, const char *uid);
void cluster_kube_free(struct cluster_kube *cluster); /* not while a reply is outstanding */
struct cluster *cluster_kube_base(struct cluster_kube *cluster); /* borrowed */

/* For the caches: what is read here of a pod, and what is dropped of a job that nobody reads
 * (wanted and keep() of the reflectors). */
extern const struct json_pick cluster_kube_pod_wanted[];
void cluster_kube_keep_job(void *ctx, cJSON *job);
#endif
