/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/drain/drain.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/contract/names.h"
#include "common/mem.h"
#include "operator/cluster/kube/kube.h"
#include "operator/control/objects.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_US = 500000,
    STALE_MS = 30000, /* a leader that did not renew for so long is no more */
    TRIES = 5,        /* of one object that others change too */
};

static const struct kube_resource leases = { "coordination.k8s.io", "v1", "leases", "Lease" };

static char *lease_path(const struct drain_opts *opts)
{
    return kube_path(&leases, opts->lease_space, opts->lease_name, NULL, NULL);
}

/* Nobody holds it, or whoever did has stopped renewing. */
static bool is_free(const cJSON *lease)
{
    int64_t renewed_ms = clock_parse(json_text(lease, "spec.renewTime"));

    return !json_text(lease, "spec.holderIdentity")[0] || renewed_ms < 0 ||
           clock_unix_ms() - renewed_ms > STALE_MS;
}

static int lease_close(struct kube_sync *sync, const struct drain_opts *opts, struct err *err)
{
    AUTO_FREE char *path = lease_path(opts);
    AUTO(cJSON) cJSON *patch = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(patch, "metadata");
    char now[32];

    clock_format(now, sizeof(now), clock_unix_ms());
    json_add_str(cJSON_AddObjectToObject(metadata, "annotations"), DRAIN_ANNOTATION, now);
    return kube_sync_call(sync, "PATCH", path, patch, KUBE_PATCH_MERGE, NULL, err);
}

static int leader_wait(struct kube_sync *sync, const struct drain_opts *opts, struct err *err)
{
    AUTO_FREE char *path = lease_path(opts);
    int64_t until_us = clock_mono_us() + opts->wait_ms * 1000;

    for (;;) {
        AUTO(cJSON) cJSON *lease = NULL;

        if (kube_sync_call(sync, "GET", path, NULL, KUBE_PATCH_NONE, &lease, err) < 0)
            return err->code == ERR_NOT_FOUND ? 0 : -1;
        if (is_free(lease))
            return 0;
        if (clock_mono_us() > until_us)
            return err_set(err, ERR_DEPENDENCY, "%s still leads after %lld s",
                           json_text(lease, "spec.holderIdentity"),
                           (long long)(opts->wait_ms / 1000));
        (void)usleep(LOOK_US);
    }
}

/* Somebody else may change the object meanwhile: then it is read and tried again. */
static int release(struct kube_sync *sync, const struct kube_resource *resource,
                   const cJSON *object, const char *finalizer, struct err *err)
{
    AUTO_FREE char *path = kube_path(resource, json_text(object, "metadata.namespace"),
                                     json_text(object, "metadata.name"), NULL, NULL);
    AUTO(cJSON) cJSON *patch = objects_finalizer_remove(object, finalizer);

    for (int i = 0; patch && i < TRIES; i++) {
        AUTO(cJSON) cJSON *live = NULL;

        if (kube_sync_call(sync, "PATCH", path, patch, KUBE_PATCH_MERGE, NULL, err) == 0 ||
            err->code == ERR_NOT_FOUND)
            return 0;
        if (err->code != ERR_CONFLICT)
            return -1;
        if (kube_sync_call(sync, "GET", path, NULL, KUBE_PATCH_NONE, &live, err) < 0)
            return err->code == ERR_NOT_FOUND ? 0 : -1;
        cJSON_Delete(patch);
        patch = objects_finalizer_remove(live, finalizer);
    }
    return patch ? -1 : 0;
}

static int release_all(struct kube_sync *sync, const struct kube_resource *resource,
                       const char *space, const char *query, const char *finalizer, struct err *err)
{
    AUTO_FREE char *path = kube_path(resource, space, NULL, NULL, query);
    AUTO(cJSON) cJSON *list = NULL;
    const cJSON *item; /* borrowed from list */
    int count = 0;

    if (kube_sync_call(sync, "GET", path, NULL, KUBE_PATCH_NONE, &list, err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1; /* the kind is gone already */
    cJSON_ArrayForEach(item, json_path(list, "items"))
    {
        if (!objects_has_finalizer(item, finalizer))
            continue;
        if (release(sync, resource, item, finalizer, err) < 0)
            return err_wrap(err, "%s %s", resource->kind, json_text(item, "metadata.name"));
        count++;
    }
    (void)printf("released %d %s%s%s\n", count, resource->plural, space ? " in " : "",
                 space ? space : "");
    return 0;
}

static int space_release(struct kube_sync *sync, const char *space, struct err *err)
{
    static const char query[] = "labelSelector=" LABEL_MANAGED "%3D" MANAGED_BY;

    if (release_all(sync, &cluster_kube_pods, space, query, NAME_FINALIZER, err) < 0)
        return -1;
    return release_all(sync, &cluster_kube_jobs, space, NULL, NAME_JOB_FINALIZER, err);
}

int drain_run(struct kube_sync *sync, const struct drain_opts *opts, struct err *err)
{
    if (lease_close(sync, opts, err) < 0 && err->code != ERR_NOT_FOUND)
        return err_wrap(err, "Lease %s/%s", opts->lease_space, opts->lease_name);
    (void)printf("waiting for the leader to stand down\n");
    (void)fflush(stdout);
    if (leader_wait(sync, opts, err) < 0)
        return -1;
    if (!opts->spaces || !opts->spaces[0])
        return space_release(sync, NULL, err);
    for (size_t i = 0; opts->spaces[i]; i++) {
        if (space_release(sync, opts->spaces[i], err) < 0)
            return -1;
    }
    return 0;
}
