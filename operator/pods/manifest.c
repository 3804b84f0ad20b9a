/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/pods.h"

#include "common/mem.h"
#include "operator/pods/env.h"
#include "operator/pods/resources.h"
#include "operator/pods/size.h"
#include "operator/pods/volumes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    WORKER_USER = 65532, /* "nonroot" of the worker image */
    GRACE_S = 30,
    LOST_NODE_S = 20, /* what Kubernetes waits 300 s for by default */
    LABEL_MAX = 63,
};
static void add_u32(cJSON *object, const char *key, uint32_t value)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%" PRIu32, value);
    json_add_str(object, key, text);
}

/* Label values end at 63 bytes, in a letter or digit. */
static void label_add(cJSON *labels, const char *key, const char *value)
{
    char text[LABEL_MAX + 1];
    size_t len;

    (void)snprintf(text, sizeof(text), "%s", value);
    for (len = strlen(text); len > 0 && strchr("-_.", text[len - 1]); len--)
        text[len - 1] = '\0';
    json_add_str(labels, key, text);
}

static cJSON *labels_build(const cJSON *job, const struct attempt_id *id)
{
    cJSON *labels = cJSON_CreateObject();

    json_add_str(labels, "app.kubernetes.io/name", "stereojob");
    json_add_str(labels, "app.kubernetes.io/component", "worker");
    json_add_str(labels, LABEL_MANAGED, MANAGED_BY);
    label_add(labels, LABEL_JOB, json_text(job, "metadata.name"));
    json_add_str(labels, LABEL_UID, json_text(job, "metadata.uid"));
    json_add_str(labels, LABEL_STAGE, stage_name(id->stage));
    add_u32(labels, LABEL_INDEX, id->index);
    return labels;
}

static cJSON *annotations_build(const struct action *action)
{
    cJSON *annotations = cJSON_CreateObject();

    add_u32(annotations, ANNOTATION_EPOCH, action->id.epoch);
    add_u32(annotations, ANNOTATION_ATTEMPT, action->id.attempt);
    add_u32(annotations, ANNOTATION_FAILURES, action->failures);
    add_u32(annotations, ANNOTATION_INTERRUPTED, action->interruptions);
    add_u32(annotations, ANNOTATION_MEMORY, action->memory_percent ? action->memory_percent : 100);
    add_u32(annotations, ANNOTATION_STORAGE,
            action->storage_percent ? action->storage_percent : 100);
    return annotations;
}

static cJSON *owner_build(const cJSON *job)
{
    cJSON *owner = cJSON_CreateObject();

    json_add_str(owner, "apiVersion", json_text(job, "apiVersion"));
    json_add_str(owner, "kind", json_text(job, "kind"));
    json_add_str(owner, "name", json_text(job, "metadata.name"));
    json_add_str(owner, "uid", json_text(job, "metadata.uid"));
    json_add_bool(owner, "controller", true);
    json_add_bool(owner, "blockOwnerDeletion", true);
    return owner;
}

static cJSON *metadata_build(const cJSON *job, const struct action *action)
{
    cJSON *metadata = cJSON_CreateObject();
    const cJSON *space = json_path(job, "metadata.namespace");
    char name[NAME_POD_SIZE];

    name_pod(name, json_text(job, "metadata.name"), json_text(job, "metadata.uid"), &action->id);
    json_add_str(metadata, "name", name);
    if (cJSON_IsString(space))
        json_add_str(metadata, "namespace", space->valuestring);
    cJSON_AddItemToObject(metadata, "labels", labels_build(job, &action->id));
    cJSON_AddItemToObject(metadata, "annotations", annotations_build(action));
    return metadata;
}

/* A segment is lost with its pod, so nobody moves it to save a node. */
static void keep_put(cJSON *annotations)
{
    json_add_str(annotations, "cluster-autoscaler.kubernetes.io/safe-to-evict", "false");
    json_add_str(annotations, "karpenter.sh/do-not-disrupt", "true");
}

static cJSON *container_security(void)
{
    cJSON *security = cJSON_CreateObject();
    cJSON *capabilities = cJSON_AddObjectToObject(security, "capabilities");

    cJSON_AddItemToArray(cJSON_AddArrayToObject(capabilities, "drop"), cJSON_CreateString("ALL"));
    json_add_bool(security, "allowPrivilegeEscalation", false);
    json_add_bool(security, "readOnlyRootFilesystem", true);
    return security;
}

/* Convert pods follow spec, the others (which need no GPU) spec.auxiliary. */
static const cJSON *wishes(const cJSON *job, enum stage stage)
{
    return json_path(job, stage == STAGE_CONVERT ? "spec" : "spec.auxiliary");
}

static cJSON *limits_build(const struct pods_context *context, const struct action *action)
{
    enum stage stage = action->id.stage;
    const cJSON *wanted =
        cJSON_GetObjectItemCaseSensitive(wishes(context->job, stage), "resources");
    struct resources_opts opts = { .devices = stage == STAGE_CONVERT,
                                   .memory_percent = action->memory_percent,
                                   .storage_percent = action->storage_percent };
    struct size size = { .cpu = NULL };

    if (context->cluster)
        size_estimate(&size, context, stage);
    opts.cpu = size.cpu;
    opts.storage_bytes = size.storage_bytes;
    opts.memory_bytes = stage == STAGE_CONVERT ? context->memory_bytes : size.memory_bytes;
    return resources_build(wanted, &opts);
}

static cJSON *container_build(const struct pods_context *context, const struct action *action)
{
    cJSON *container = cJSON_CreateObject();

    json_add_str(container, "name", "worker");
    json_add_str(container, "image", context->image);
    if (context->cluster && context->cluster->pull_policy)
        json_add_str(container, "imagePullPolicy", context->cluster->pull_policy);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(container, "args"),
                         cJSON_CreateString(stage_name(action->id.stage)));
    cJSON_AddItemToObject(container, "env", env_build(context, &action->id));
    cJSON_AddItemToObject(container, "resources", limits_build(context, action));
    cJSON_AddItemToObject(container, "volumeMounts", mounts_build(context, action->id.stage));
    json_add_str(container, "terminationMessagePath", "/dev/termination-log");
    json_add_str(container, "terminationMessagePolicy", "FallbackToLogsOnError");
    cJSON_AddItemToObject(container, "securityContext", container_security());
    return container;
}

static cJSON *pod_security(void)
{
    cJSON *security = cJSON_CreateObject();

    json_add_bool(security, "runAsNonRoot", true);
    json_add_i64(security, "runAsUser", WORKER_USER);
    json_add_i64(security, "runAsGroup", WORKER_USER);
    json_add_i64(security, "fsGroup", WORKER_USER);
    json_add_str(security, "fsGroupChangePolicy", "OnRootMismatch");
    json_add_str(cJSON_AddObjectToObject(security, "seccompProfile"), "type", "RuntimeDefault");
    return security;
}

/* Whether the user has said what happens at this taint. */
static bool tolerates(const cJSON *tolerations, const char *key)
{
    const cJSON *item; /* borrowed from tolerations */

    cJSON_ArrayForEach(item, tolerations)
    {
        const char *effect = json_text(item, "effect"), *its = json_text(item, "key");

        if ((strcmp(its, key) == 0 || !its[0]) && (!effect[0] || strcmp(effect, "NoExecute") == 0))
            return true;
    }
    return false;
}

static cJSON *tolerations_build(const cJSON *wanted)
{
    static const char *const keys[] = { "node.kubernetes.io/not-ready",
                                        "node.kubernetes.io/unreachable" };
    cJSON *list = cJSON_IsArray(wanted) ? cJSON_Duplicate(wanted, true) : cJSON_CreateArray();

    for (size_t i = 0; i < 2; i++) {
        cJSON *item;

        if (tolerates(wanted, keys[i]))
            continue;
        item = cJSON_CreateObject();
        json_add_str(item, "key", keys[i]);
        json_add_str(item, "operator", "Exists");
        json_add_str(item, "effect", "NoExecute");
        json_add_i64(item, "tolerationSeconds", LOST_NODE_S);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static void pass_item(cJSON *spec, const cJSON *wanted, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(wanted, key);

    if (item && !cJSON_IsNull(item))
        cJSON_AddItemToObject(spec, key, cJSON_Duplicate(item, true));
}

/* NULL: the tenant wrote something else there; the API server will say so. */
static cJSON *object_make(cJSON *parent, const char *key)
{
    cJSON *child = cJSON_GetObjectItemCaseSensitive(parent, key);

    if (!parent || (child && !cJSON_IsObject(child)))
        return NULL;
    return child ? child : cJSON_AddObjectToObject(parent, key);
}

static cJSON *avoid_term(const char *node)
{
    cJSON *term = cJSON_CreateObject(), *rule = cJSON_CreateObject();

    json_add_i64(term, "weight", 100);
    cJSON_AddItemToArray(
        cJSON_AddArrayToObject(cJSON_AddObjectToObject(term, "preference"), "matchExpressions"),
        rule);
    json_add_str(rule, "key", "kubernetes.io/hostname");
    json_add_str(rule, "operator", "NotIn");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(rule, "values"), cJSON_CreateString(node));
    return term;
}

/* Only a preference: where there is one GPU node it is better than none, and node autoscalers make
 * no node for a pod that requires a hostname. */
static void avoid_put(cJSON *spec, const char *node)
{
    static const char key[] = "preferredDuringSchedulingIgnoredDuringExecution";
    cJSON *affinity = object_make(object_make(spec, "affinity"), "nodeAffinity");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(affinity, key);

    if (!affinity || (list && !cJSON_IsArray(list)))
        return;
    if (!list)
        list = cJSON_AddArrayToObject(affinity, key);
    cJSON_AddItemToArray(list, avoid_term(node));
}

static void scheduling_put(cJSON *spec, const cJSON *job, const struct action *action)
{
    enum stage stage = action->id.stage;
    const cJSON *wanted = wishes(job, stage);

    cJSON_AddItemToObject(
        spec, "tolerations",
        tolerations_build(cJSON_GetObjectItemCaseSensitive(wanted, "tolerations")));
    pass_item(spec, wanted, "nodeSelector");
    pass_item(spec, wanted, "affinity");
    if (action->avoid_node[0])
        avoid_put(spec, action->avoid_node);
    if (stage == STAGE_CONVERT)
        pass_item(spec, wanted, "runtimeClassName");
    pass_item(spec, json_path(job, "spec"), "priorityClassName");
}

static void cluster_put(cJSON *spec, const struct pods_cluster *cluster)
{
    cJSON *list = NULL;

    if (cluster->service_account)
        json_add_str(spec, "serviceAccountName", cluster->service_account);
    for (size_t i = 0; cluster->pull_secrets && cluster->pull_secrets[i]; i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_str(item, "name", cluster->pull_secrets[i]);
        if (!list)
            list = cJSON_AddArrayToObject(spec, "imagePullSecrets");
        cJSON_AddItemToArray(list, item);
    }
}

static cJSON *spec_build(const struct pods_context *context, const struct action *action)
{
    const cJSON *deadline = json_path(context->job, "spec.segmentDeadlineSeconds");
    enum stage stage = action->id.stage;
    cJSON *spec = cJSON_CreateObject(), *container;
    const cJSON *limit;

    json_add_str(spec, "restartPolicy", "Never");
    json_add_i64(spec, "terminationGracePeriodSeconds", GRACE_S);
    if (stage == STAGE_CONVERT && cJSON_IsNumber(deadline))
        json_add_i64(spec, "activeDeadlineSeconds", (int64_t)deadline->valuedouble);
    json_add_bool(spec, "automountServiceAccountToken", false);
    json_add_bool(spec, "enableServiceLinks", false);
    if (context->cluster)
        cluster_put(spec, context->cluster);
    cJSON_AddItemToObject(spec, "securityContext", pod_security());
    container = container_build(context, action);
    limit = cJSON_GetObjectItemCaseSensitive(json_path(container, "resources.limits"),
                                             "ephemeral-storage");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(spec, "containers"), container);
    cJSON_AddItemToObject(spec, "volumes",
                          volumes_build(context, stage, limit ? limit->valuestring : NULL));
    scheduling_put(spec, context->job, action);
    return spec;
}

static cJSON *pod_build(const struct pods_context *context, const struct action *action,
                        cJSON *metadata)
{
    cJSON *pod = cJSON_CreateObject();

    json_add_str(pod, "apiVersion", "v1");
    json_add_str(pod, "kind", "Pod");
    cJSON_AddItemToObject(pod, "metadata", metadata);
    cJSON_AddItemToObject(pod, "spec", spec_build(context, action));
    return pod;
}

cJSON *pods_manifest(const struct pods_context *context, const struct action *action)
{
    cJSON *metadata = metadata_build(context->job, action);

    if (context->cluster)
        keep_put(cJSON_GetObjectItemCaseSensitive(metadata, "annotations"));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(metadata, "finalizers"),
                         cJSON_CreateString(NAME_FINALIZER));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(metadata, "ownerReferences"),
                         owner_build(context->job));
    return pod_build(context, action, metadata);
}

cJSON *pods_clean_manifest(const struct pods_context *context, uint32_t attempt)
{
    const struct action action = { .id = { .stage = STAGE_CLEAN, .attempt = attempt } };

    return pod_build(context, &action, metadata_build(context->job, &action));
}
