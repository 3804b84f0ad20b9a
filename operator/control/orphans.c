/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/orphans.h"

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "operator/control/objects.h"

#include <string.h>

struct orphans {
    struct map under_way; /* uid -> struct look */
};

/* One job UID whose pods are looked at. */
struct look {
    struct orphans *orphans; /* NULL: gone */
    struct area *area;
    char *uid, *space; /* owned */
};

static void look_end(struct look *look)
{
    if (look->orphans)
        (void)map_remove(&look->orphans->under_way, look->uid);
    free(look->uid);
    free(look->space);
    free(look);
}

static void look_forget(void *ctx, const char *key, void *value)
{
    struct look *look = value;

    (void)ctx;
    (void)key;
    look->orphans = NULL;
}

struct orphans *orphans_new(void)
{
    return xcalloc(1, sizeof(struct orphans));
}

void orphans_free(struct orphans *orphans)
{
    if (!orphans)
        return;
    map_each(&orphans->under_way, look_forget, NULL);
    map_clear(&orphans->under_way);
    free(orphans);
}

static const cJSON *pod_held(const struct look *look)
{
    const struct names *names = pod_index_pods(look->area->api.index, look->space, look->uid);

    for (size_t i = 0; i < names->count; i++) {
        const cJSON *pod = kube_reflector_get(look->area->api.pods, look->space, names->list[i]);

        if (pod && objects_has_finalizer(pod, NAME_FINALIZER))
            return pod;
    }
    return NULL;
}

static void release_next(struct look *look);

static void released(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct look *look = ctx;
    bool is_pod = strcmp(json_text(doc, "kind"), "Pod") == 0;

    if (!look->orphans || status->code / 100 != 2) { /* it is looked at again in a while */
        if (status->code / 100 != 2 && status->code != 404)
            log_warn("orphaned pods of job %s: %s", look->uid, status->message);
        look_end(look);
        return;
    }
    if (is_pod)
        kube_reflector_put(look->area->api.pods, doc);
    if (!is_pod || objects_has_finalizer(doc, NAME_FINALIZER))
        look_end(look);
    else
        release_next(look);
}

static void release_next(struct look *look)
{
    const cJSON *pod = pod_held(look);
    AUTO(cJSON) cJSON *patch = pod ? objects_finalizer_remove(pod, NAME_FINALIZER) : NULL;
    AUTO_FREE char *path = NULL;
    struct kube_request request = {
        .method = "PATCH", .patch = KUBE_PATCH_MERGE, .done = released, .ctx = look
    };

    if (!patch) {
        look_end(look);
        return;
    }
    path = kube_path(&cluster_kube_pods, look->space, json_text(pod, "metadata.name"), NULL, NULL);
    request.path = path;
    request.body = patch;
    kube_call_start(look->area->api.client, &request, NULL);
}

static void job_read(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct look *look = ctx;
    bool gone = status->code == 404 ||
                (status->code == 200 && strcmp(json_text(doc, "metadata.uid"), look->uid) != 0);

    if (!look->orphans || !gone)
        look_end(look); /* the cache of jobs is behind; its turn comes */
    else
        release_next(look);
}

/* Its job's turn comes. */
static bool is_known(const struct area *area, const char *space, const char *job_name,
                     const char *uid)
{
    const cJSON *job = kube_reflector_get(area->api.jobs, space, job_name);

    return strcmp(json_text(job, "metadata.uid"), uid) == 0;
}

void orphans_look(struct orphans *orphans, struct area *area, const char *space,
                  const char *job_name, const char *uid)
{
    AUTO_FREE char *path = NULL;
    struct kube_request request = { .method = "GET", .done = job_read };
    struct look *look;

    if (!uid[0] || !job_name[0] || pod_index_pods(area->api.index, space, uid)->count == 0 ||
        map_get(&orphans->under_way, uid) || is_known(area, space, job_name, uid))
        return;
    look = xcalloc(1, sizeof(*look));
    *look = (struct look){ orphans, area, xstrdup(uid), xstrdup(space) };
    path = kube_path(&cluster_kube_jobs, space, job_name, NULL, NULL);
    request.path = path;
    request.ctx = look;
    map_put(&orphans->under_way, uid, look);
    kube_call_start(area->api.client, &request, NULL);
}
