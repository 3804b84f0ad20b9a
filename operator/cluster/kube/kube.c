/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/kube/kube.h"

#include "common/buf.h"
#include "common/contract/names.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SELECTOR_MAX = 16 << 10 }; /* some thousand indexes: far above what one pass deletes */

const struct kube_resource cluster_kube_jobs = { "stereojob.io", "v1", "stereojobs", "StereoJob" };
const struct kube_resource cluster_kube_pods = { "", "v1", "pods", "Pod" };

struct cluster_kube {
    struct cluster base; /* first */
    struct cluster_kube_api api;
    char *space, *name, *uid; /* owned */
    bool ending;              /* its namespace takes no new pods */
    cJSON *list;              /* owned: what pods() gave last; its items belong to the cache */
};

/* One write, and a read after it where the answer asks for one. */
struct write {
    struct cluster_kube *cluster;
    struct cluster_reply reply;
    const char *what;             /* "create pod"; static */
    struct kube_reflector *cache; /* where its answer belongs */
    const struct kube_resource *resource;
    char *object;    /* owned: its name */
    struct err held; /* why it is read again, told afterwards */
    bool absent_ok;  /* 404 is a yes */
    bool is_create;
    bool is_tested; /* a JSON patch with tests of ours: one that does not hold is 422 */
};

static struct cluster_kube *of(struct cluster *cluster)
{
    return (struct cluster_kube *)cluster;
}

static struct write *write_new(struct cluster_kube *cluster, const char *what, const char *object,
                               struct cluster_reply reply)
{
    struct write *write = xcalloc(1, sizeof(*write));

    write->cluster = cluster;
    write->reply = reply;
    write->what = what;
    write->cache = cluster->api.pods;
    write->resource = &cluster_kube_pods;
    write->object = xstrdup(object);
    return write;
}

static void write_end(struct write *write, int rc, const struct err *err)
{
    struct cluster_reply reply = write->reply;

    free(write->object);
    free(write);
    reply.call(reply.ctx, rc, err);
}

static const char *label(const cJSON *doc, const char *key)
{
    return json_member(json_path(doc, "metadata.labels"), key);
}

/* Whether the watch would show it: what it does not show would stay in the cache for ever. */
static bool is_watched(const struct write *write, const cJSON *doc)
{
    return write->resource != &cluster_kube_pods ||
           strcmp(label(doc, LABEL_MANAGED), MANAGED_BY) == 0;
}

/* An answer may be a Status ("Success") where the object is gone already. */
static void cache_put(const struct write *write, const cJSON *doc)
{
    if (strcmp(json_text(doc, "kind"), write->resource->kind) == 0 && is_watched(write, doc))
        kube_reflector_put(write->cache, doc);
}

/* The name of a pod was taken: by ourselves, and nobody heard it; by a pod that has gone since; or
 * by somebody else, whom people must ask to move. */
static void taken_judge(struct write *write, const struct kube_status *status, const cJSON *doc)
{
    if (status->code == 404)
        write->held.code = ERR_DEPENDENCY;
    else if (status->code / 100 == 2 &&
             (!is_watched(write, doc) || strcmp(label(doc, LABEL_UID), write->cluster->uid) != 0))
        (void)err_set(&write->held, ERR_CONFIG, "%s: the name %s is taken by a pod of others",
                      write->what, write->object);
}

static void read_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct write *write = ctx;
    struct err held;

    if (status->code / 100 == 2)
        cache_put(write, doc);
    if (write->is_create)
        taken_judge(write, status, doc);
    held = write->held;
    write_end(write, -1, &held);
}

static const struct json_pick *wanted_of(const struct write *write)
{
    return write->resource == &cluster_kube_pods ? cluster_kube_pod_wanted : NULL;
}

/* What the cache holds is not what the API server does: read before anybody decides again. */
static void read_live(struct write *write)
{
    struct cluster_kube *cluster = write->cluster;
    AUTO_FREE char *path = kube_path(write->resource, cluster->space, write->object, NULL, NULL);
    const struct kube_request request = {
        .method = "GET", .path = path, .wanted = wanted_of(write), .done = read_done, .ctx = write
    };

    kube_call_start(cluster->api.client, &request, NULL);
}

static void write_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct write *write = ctx;

    if (status->code / 100 == 2) {
        cache_put(write, doc);
        write_end(write, 0, NULL);
        return;
    }
    if (status->code == 404 && write->absent_ok) {
        write_end(write, 0, NULL);
        return;
    }
    (void)kube_status_err(&write->held, status, write->what);
    if (status->code == 403 && kube_status_is_ending(status))
        write->cluster->ending = true;
    if (status->code == 422 && write->is_tested)
        write->held.code = ERR_CONFLICT;
    if (write->held.code == ERR_CONFLICT) {
        read_live(write);
    } else {
        struct err held = write->held;

        write_end(write, -1, &held);
    }
}

static void write_send(struct write *write, const char *method, const char *sub,
                       enum kube_patch patch, const cJSON *body)
{
    struct cluster_kube *cluster = write->cluster;
    bool is_post = strcmp(method, "POST") == 0;
    AUTO_FREE char *path =
        kube_path(write->resource, cluster->space, is_post ? NULL : write->object, sub, NULL);
    const struct kube_request request = { .method = method,
                                          .path = path,
                                          .body = body,
                                          .patch = patch,
                                          .wanted = wanted_of(write),
                                          .done = write_done,
                                          .ctx = write };

    kube_call_start(cluster->api.client, &request, NULL);
}

static const cJSON *op_job(struct cluster *base)
{
    const struct cluster_kube *cluster = of(base);
    const cJSON *job = kube_reflector_get(cluster->api.jobs, cluster->space, cluster->name);

    return job && strcmp(json_text(job, "metadata.uid"), cluster->uid) == 0 ? job : NULL;
}

static const cJSON *pod_get(const struct cluster_kube *cluster, const char *name)
{
    return kube_reflector_get(cluster->api.pods, cluster->space, name);
}

static const cJSON *op_pods(struct cluster *base)
{
    struct cluster_kube *cluster = of(base);
    const struct names *names = pod_index_pods(cluster->api.index, cluster->space, cluster->uid);

    cJSON_Delete(cluster->list);
    cluster->list = cJSON_CreateArray();
    for (size_t i = 0; i < names->count; i++) {
        const cJSON *pod = pod_get(cluster, names->list[i]);

        if (pod)
            cJSON_AddItemReferenceToArray(cluster->list, (cJSON *)pod);
    }
    return cluster->list;
}

/* For good: a namespace that is going away does not come back. */
static bool op_is_ending(struct cluster *base)
{
    return of(base)->ending;
}

static void op_each_pod(struct cluster *base,
                        void (*each)(void *ctx, const char *name, const char *version), void *ctx)
{
    const struct cluster_kube *cluster = of(base);
    const struct names *names = pod_index_pods(cluster->api.index, cluster->space, cluster->uid);

    for (size_t i = 0; i < names->count; i++) {
        const char *version =
            kube_reflector_version_of(cluster->api.pods, cluster->space, names->list[i]);

        if (version)
            each(ctx, names->list[i], version);
    }
}

static const cJSON *op_pod(struct cluster *base, const char *name)
{
    return pod_get(of(base), name);
}

static void op_create_pod(struct cluster *base, const cJSON *manifest, struct cluster_reply reply)
{
    struct write *write =
        write_new(of(base), "create pod", json_text(manifest, "metadata.name"), reply);

    write->is_create = true;
    write_send(write, "POST", NULL, KUBE_PATCH_NONE, manifest);
}

/* Nothing to be done: the reply comes all the same. */
static void reply_now(struct cluster_reply reply)
{
    reply.call(reply.ctx, 0, NULL);
}

/* The uid makes it the pod that was seen, and none that took its name since. */
static void op_annotate_pod(struct cluster *base, const char *name, const char *key,
                            const char *value, struct cluster_reply reply)
{
    struct cluster_kube *cluster = of(base);
    const cJSON *pod = pod_get(cluster, name);
    AUTO(cJSON) cJSON *body = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(body, "metadata");
    struct write *write;

    if (!pod) {
        reply_now(reply);
        return;
    }
    json_add_str(metadata, "uid", json_text(pod, "metadata.uid"));
    json_add_str(cJSON_AddObjectToObject(metadata, "annotations"), key, value);
    write = write_new(cluster, "annotate pod", name, reply);
    write->absent_ok = true;
    write_send(write, "PATCH", NULL, KUBE_PATCH_MERGE, body);
}

static void op_delete_pod(struct cluster *base, const char *name, struct cluster_reply reply)
{
    struct cluster_kube *cluster = of(base);
    const cJSON *pod = pod_get(cluster, name);
    AUTO(cJSON) cJSON *body = NULL;
    struct write *write;

    if (!pod || json_path(pod, "metadata.deletionTimestamp")) {
        reply_now(reply);
        return;
    }
    body = kube_delete_options(json_text(pod, "metadata.uid"));
    write = write_new(cluster, "delete pod", name, reply);
    write->absent_ok = true;
    write_send(write, "DELETE", NULL, KUBE_PATCH_NONE, body);
}

/* What has Succeeded gets no grace: whom nobody holds is gone, of the others the watch tells. */
static void deleted_forget(const struct write *write, const cJSON *doc)
{
    const cJSON *item; /* borrowed from doc */

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(doc, "items"))
    {
        if (cJSON_GetArraySize(json_path(item, "metadata.finalizers")) == 0)
            kube_reflector_gone(write->cache, write->cluster->space,
                                json_text(item, "metadata.name"), json_text(item, "metadata.uid"));
    }
}

static void delete_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct write *write = ctx;
    struct err err;

    if (status->code / 100 == 2) {
        deleted_forget(write, doc);
        write_end(write, 0, NULL);
    } else {
        (void)kube_status_err(&err, status, write->what);
        write_end(write, -1, &err);
    }
}

/* "stereojob.io/index in (0,3,4)" and whose. */
static void select_segments(struct buf *query, const char *uid, const uint32_t *indexes,
                            size_t count)
{
    AUTO_BUF struct buf text = { 0 };
    struct err ignored;

    buf_init(&text, SELECTOR_MAX);
    (void)buf_printf(&text, &ignored, "%s,%s=%s,%s=%s,%s in (", CLUSTER_KUBE_SELECTOR, LABEL_UID,
                     uid, LABEL_STAGE, stage_name(STAGE_CONVERT), LABEL_INDEX);
    for (size_t i = 0; i < count; i++)
        (void)buf_printf(&text, &ignored, "%s%" PRIu32, i ? "," : "", indexes[i]);
    (void)buf_append(&text, ")", 1, &ignored);
    kube_query_add(query, "labelSelector", text.data);
    kube_query_add(query, "fieldSelector", "status.phase=Succeeded");
}

static void op_delete_succeeded(struct cluster *base, const uint32_t *indexes, size_t count,
                                struct cluster_reply reply)
{
    static const struct json_pick metadata[] = {
        { "name", NULL }, { "uid", NULL }, { "finalizers", NULL }, { NULL, NULL }
    };
    static const struct json_pick item[] = { { "metadata", metadata }, { NULL, NULL } };
    static const struct json_pick wanted[] = { { "items", item }, { NULL, NULL } };
    struct cluster_kube *cluster = of(base);
    AUTO(cJSON) cJSON *body = kube_delete_options(NULL);
    AUTO_BUF struct buf query = { 0 };
    struct kube_request request = { .method = "DELETE", .body = body, .wanted = wanted };
    AUTO_FREE char *path = NULL;

    buf_init(&query, 4 * SELECTOR_MAX);
    select_segments(&query, cluster->uid, indexes, count);
    path = kube_path(&cluster_kube_pods, cluster->space, NULL, NULL, query.data);
    request.path = path;
    request.names_only = true;
    request.done = delete_done;
    request.ctx = write_new(cluster, "delete pods", "", reply);
    kube_call_start(cluster->api.client, &request, NULL);
}

static int finalizer_place(const cJSON *pod)
{
    const cJSON *item; /* borrowed from pod */
    int at = 0;

    cJSON_ArrayForEach(item, json_path(pod, "metadata.finalizers"))
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, NAME_FINALIZER) == 0)
            return at;
        at++;
    }
    return -1;
}

static void patch_add(cJSON *patch, const char *op, const char *path, const char *value)
{
    cJSON *item = cJSON_CreateObject();

    json_add_str(item, "op", op);
    json_add_str(item, "path", path);
    if (value)
        json_add_str(item, "value", value);
    cJSON_AddItemToArray(patch, item);
}

/* Others may hold the pod too: ours is taken out of the list by its place, if it is still there. */
static void op_release_pod(struct cluster *base, const char *name, struct cluster_reply reply)
{
    struct cluster_kube *cluster = of(base);
    const cJSON *pod = pod_get(cluster, name);
    AUTO(cJSON) cJSON *patch = cJSON_CreateArray();
    int at = finalizer_place(pod);
    struct write *write;
    char path[48];

    if (at < 0) {
        reply_now(reply);
        return;
    }
    (void)snprintf(path, sizeof(path), "/metadata/finalizers/%d", at);
    patch_add(patch, "test", "/metadata/uid", json_text(pod, "metadata.uid"));
    patch_add(patch, "test", path, NAME_FINALIZER);
    patch_add(patch, "remove", path, NULL);
    write = write_new(cluster, "release pod", name, reply);
    write->is_tested = true;
    write->absent_ok = true;
    write_send(write, "PATCH", NULL, KUBE_PATCH_JSON, patch);
}

/* The version of the job that was decided on: who changed it meanwhile is heard first. */
static void op_write_status(struct cluster *base, const cJSON *status, struct cluster_reply reply)
{
    struct cluster_kube *cluster = of(base);
    const cJSON *job = op_job(base);
    AUTO(cJSON) cJSON *body = cJSON_CreateObject();
    struct write *write;
    cJSON *metadata;
    struct err err;

    if (!job) {
        (void)err_set(&err, ERR_NOT_FOUND, "the job is gone");
        reply.call(reply.ctx, -1, &err);
        return;
    }
    json_add_str(body, "apiVersion", "stereojob.io/v1");
    json_add_str(body, "kind", "StereoJob");
    metadata = cJSON_AddObjectToObject(body, "metadata");
    json_add_str(metadata, "name", cluster->name);
    json_add_str(metadata, "namespace", cluster->space);
    json_add_str(metadata, "uid", cluster->uid);
    json_add_str(metadata, "resourceVersion", json_text(job, "metadata.resourceVersion"));
    cJSON_AddItemReferenceToObject(body, "status", (cJSON *)status);
    write = write_new(cluster, "write status", cluster->name, reply);
    write->cache = cluster->api.jobs;
    write->resource = &cluster_kube_jobs;
    write_send(write, "PUT", "status", KUBE_PATCH_NONE, body);
}

static void op_free(struct cluster *base)
{
    cluster_kube_free(of(base));
}

static const struct cluster_ops ops = {
    .job = op_job,
    .pods = op_pods,
    .each_pod = op_each_pod,
    .pod = op_pod,
    .is_ending = op_is_ending,
    .create_pod = op_create_pod,
    .annotate_pod = op_annotate_pod,
    .delete_pod = op_delete_pod,
    .delete_succeeded = op_delete_succeeded,
    .release_pod = op_release_pod,
    .write_status = op_write_status,
    .free = op_free,
};

struct cluster_kube *cluster_kube_new(const struct cluster_kube_api *api, const char *space,
                                      const char *name, const char *uid)
{
    struct cluster_kube *cluster = xcalloc(1, sizeof(*cluster));

    cluster->base.ops = &ops;
    cluster->api = *api;
    cluster->space = xstrdup(space);
    cluster->name = xstrdup(name);
    cluster->uid = xstrdup(uid);
    return cluster;
}

void cluster_kube_free(struct cluster_kube *cluster)
{
    if (!cluster)
        return;
    cJSON_Delete(cluster->list);
    free(cluster->space);
    free(cluster->name);
    free(cluster->uid);
    free(cluster);
}

struct cluster *cluster_kube_base(struct cluster_kube *cluster)
{
    return &cluster->base;
}
