/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of an object in the caches: what decide and the writes here read, no more. Ten
 * thousand pods of 8 KB each would not fit where ten thousand of 2 KB do, and most of the
 * operator's time went into making trees of what nobody reads.
 */
#include "common/contract/names.h"
#include "operator/cluster/kube/kube.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static const struct json_pick labels[] = {
    { LABEL_JOB, NULL },   { LABEL_UID, NULL },     { LABEL_STAGE, NULL },
    { LABEL_INDEX, NULL }, { LABEL_MANAGED, NULL }, { NULL, NULL },
};
static const struct json_pick metadata[] = {
    { "name", NULL },
    { "namespace", NULL },
    { "uid", NULL },
    { "resourceVersion", NULL },
    { "labels", labels },
    { "annotations", NULL },
    { "finalizers", NULL },
    { "creationTimestamp", NULL },
    { "deletionTimestamp", NULL },
    { "deletionGracePeriodSeconds", NULL },
    { NULL, NULL },
};
static const struct json_pick spec[] = {
    { "nodeName", NULL },
    { "terminationGracePeriodSeconds", NULL },
    { NULL, NULL },
};
static const struct json_pick container[] = {
    { "name", NULL },
    { "state", NULL },
    { NULL, NULL },
};
static const struct json_pick status[] = {
    { "phase", NULL },     { "reason", NULL },     { "message", NULL },
    { "startTime", NULL }, { "conditions", NULL }, { "containerStatuses", container },
    { NULL, NULL },
};
const struct json_pick cluster_kube_pod_wanted[] = {
    { "apiVersion", NULL }, { "kind", NULL },     { "metadata", metadata },
    { "spec", spec },       { "status", status }, { NULL, NULL },
};

void cluster_kube_keep_job(void *ctx, cJSON *job)
{
    cJSON *metadata_of = cJSON_GetObjectItemCaseSensitive(job, "metadata");

    (void)ctx;
    cJSON_DeleteItemFromObjectCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(metadata_of, "annotations"), LAST_APPLIED);
}
