/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of an object in the caches: what decide and the writes here read, no more. Ten
 * thousand pods of 8 KB each would not fit where ten thousand of 2 KB do.
 */
#include "common/contract/names.h"
#include "operator/cluster/kube/kube.h"

#include <string.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* Only the members named, in place. */
static void only(cJSON *object, const char *const *keys)
{
    cJSON *next;

    for (cJSON *item = object ? object->child : NULL; item; item = next) {
        bool wanted = false;

        next = item->next;
        for (const char *const *key = keys; *key; key++)
            wanted |= strcmp(item->string, *key) == 0;
        if (!wanted)
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
    }
}

static void each_only(cJSON *list, const char *const *keys)
{
    cJSON *item;

    cJSON_ArrayForEach(item, list) only(item, keys);
}

static cJSON *at(cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

void cluster_kube_keep_pod(void *ctx, cJSON *pod)
{
    static const char *const top[] = { "metadata", "spec", "status", NULL };
    static const char *const metadata[] = { "name",
                                            "namespace",
                                            "uid",
                                            "resourceVersion",
                                            "labels",
                                            "annotations",
                                            "finalizers",
                                            "creationTimestamp",
                                            "deletionTimestamp",
                                            "deletionGracePeriodSeconds",
                                            NULL };
    static const char *const labels[] = { LABEL_JOB, LABEL_UID, LABEL_STAGE, LABEL_INDEX, NULL };
    static const char *const spec[] = { "nodeName", "terminationGracePeriodSeconds", NULL };
    static const char *const status[] = { "phase",     "reason",     "message",
                                          "startTime", "conditions", "containerStatuses",
                                          NULL };
    static const char *const container[] = { "name", "state", NULL };

    (void)ctx;
    only(pod, top);
    only(at(pod, "metadata"), metadata);
    only(at(at(pod, "metadata"), "labels"), labels);
    only(at(pod, "spec"), spec);
    only(at(pod, "status"), status);
    each_only(at(at(pod, "status"), "containerStatuses"), container);
}

void cluster_kube_keep_job(void *ctx, cJSON *job)
{
    (void)ctx;
    cJSON_DeleteItemFromObjectCaseSensitive(at(at(job, "metadata"), "annotations"), LAST_APPLIED);
}
