/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/local/store.h"

#include "common/failpoint.h"
#include "common/file.h"
#include "common/mem.h"
#include "operator/cluster/local/compare.h"
#include "operator/cluster/local/pod.h"

#include "common/clock.h"

#include <string.h>

#define STORE_MAX (64u << 20)

static cJSON *object_at(cJSON *object, const char *key)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return item ? item : cJSON_AddObjectToObject(object, key);
}

static void job_make(struct local_store *store, const struct cluster_local_opts *opts,
                     int64_t now_ms)
{
    char uid[37], time[32];
    cJSON *metadata;

    store->job = cJSON_Duplicate(opts->job, true);
    store->pods = cJSON_CreateArray();
    metadata = object_at(store->job, "metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(store->job, "status");
    cJSON_DeleteItemFromObjectCaseSensitive(metadata, "uid");
    cJSON_DeleteItemFromObjectCaseSensitive(metadata, "creationTimestamp");
    local_uid(uid);
    clock_format(time, sizeof(time), now_ms);
    json_add_str(metadata, "uid", uid);
    json_add_str(metadata, "creationTimestamp", time);
    local_pod_annotate(store->job, LOCAL_ANNOTATION_BUILD, opts->build);
}

static int read_parts(struct local_store *store, const char *text, size_t len, struct err *err)
{
    const cJSON *list, *pod; /* borrowed from the job */

    if (json_parse(&store->job, text, len, err) < 0)
        return -1;
    if (json_array(&list, store->job, "pods", 0, INT32_MAX, err) < 0)
        return -1;
    if (strlen(json_text(store->job, "metadata.uid")) != 36)
        return err_set(err, ERR_CONFIG, "metadata.uid: is missing");
    cJSON_ArrayForEach(pod, list)
    {
        const char *name = local_pod_name(pod);

        if (!name[0] || name[0] == '.' || strchr(name, '/')) /* it becomes a file's name */
            return err_set(err, ERR_CONFIG, "pods: one has no proper name");
    }
    store->pods = cJSON_DetachItemFromObjectCaseSensitive(store->job, "pods");
    return 0;
}

static int check_build(const cJSON *job, const char *build, const char *work_dir, struct err *err)
{
    const cJSON *notes = json_path(job, "metadata.annotations");
    const char *was = json_member(notes, LOCAL_ANNOTATION_BUILD);

    if (strcmp(was, build) == 0 || strcmp(json_text(job, "status.phase"), "Completed") == 0)
        return 0;
    return err_set(err, ERR_CONFIG,
                   "%s was begun by build %s, this is build %s: go on with that one, use another "
                   "--work-dir or delete %s",
                   work_dir, was[0] ? was : "(unknown)", build, work_dir);
}

/* What may change follows the new job: its spec whole (the rest of it is equal), annotations. */
static void job_update(struct local_store *store, const cJSON *wanted)
{
    const cJSON *item; /* borrowed from wanted */

    json_path_set(store->job, "spec", cJSON_Duplicate(json_path(wanted, "spec"), true));
    cJSON_ArrayForEach(item, json_path(wanted, "metadata.annotations"))
    {
        if (cJSON_IsString(item))
            local_pod_annotate(store->job, item->string, item->valuestring);
    }
}

/* Children died with their parent. A pod that was stored as Pending may have been started since. */
static void pods_lose(struct local_store *store, int64_t now_ms)
{
    cJSON *pod, *next;

    for (pod = store->pods->child; pod; pod = next) {
        next = pod->next;
        if (!local_pod_is_over(pod))
            local_pod_lose(pod, "NodeLost", "the run it belonged to ended before it did", now_ms);
        if (local_pod_is_gone(pod))
            cJSON_Delete(cJSON_DetachItemViaPointer(store->pods, pod));
    }
}

static int store_load(struct local_store *store, const struct cluster_local_opts *opts,
                      int64_t now_ms, struct err *err)
{
    AUTO_FREE char *text = NULL;
    size_t len;

    if (!file_exists(store->path)) {
        job_make(store, opts, now_ms);
    } else {
        if (file_read(&text, &len, store->path, STORE_MAX, err) < 0)
            return -1;
        if (read_parts(store, text, len, err) < 0) {
            (void)err_wrap(err, "%s is not what we wrote (delete %s to begin anew)", store->path,
                           opts->work_dir);
            err->code = ERR_CONFIG;
            return -1;
        }
        if (local_compare(store->job, opts->job, opts->work_dir, err) < 0 ||
            check_build(store->job, opts->build, opts->work_dir, err) < 0)
            return -1;
        job_update(store, opts->job);
        pods_lose(store, now_ms);
    }
    store->dirty = true;
    return local_store_save(store, err);
}

int local_store_open(struct local_store *out, const struct cluster_local_opts *opts, int64_t now_ms,
                     struct err *err)
{
    struct local_store store = { .path = xasprintf("%s/job.json", opts->work_dir) };

    if (store_load(&store, opts, now_ms, err) < 0) {
        local_store_clear(&store);
        return -1;
    }
    *out = store;
    return 0;
}

void local_store_clear(struct local_store *store)
{
    free(store->path);
    cJSON_Delete(store->job);
    cJSON_Delete(store->pods);
    *store = (struct local_store){ 0 };
}

int local_store_save(struct local_store *store, struct err *err)
{
    AUTO_FREE char *text = NULL;

    if (!store->dirty)
        return 0;
    cJSON_AddItemReferenceToObject(store->job, "pods", store->pods);
    text = json_print(store->job);
    cJSON_DeleteItemFromObjectCaseSensitive(store->job, "pods"); /* only the reference */
    (void)FP("local.save.before");
    if (file_write(store->path, text, strlen(text), err) < 0)
        return -1;
    (void)FP("local.save.after");
    store->dirty = false;
    return 0;
}

cJSON *local_store_find(const struct local_store *store, const char *pod)
{
    cJSON *item; /* borrowed */

    cJSON_ArrayForEach(item, store->pods)
    {
        if (strcmp(local_pod_name(item), pod) == 0)
            return item;
    }
    return NULL;
}

int local_store_put(struct local_store *store, cJSON *object, const char *key, cJSON *value,
                    struct err *err)
{
    cJSON *was = cJSON_DetachItemFromObjectCaseSensitive(object, key);
    bool was_dirty = store->dirty;

    if (value)
        cJSON_AddItemToObject(object, key, value);
    store->dirty = true;
    if (local_store_save(store, err) == 0) {
        cJSON_Delete(was);
        return 0;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (was)
        cJSON_AddItemToObject(object, key, was);
    store->dirty = was_dirty;
    return -1;
}
