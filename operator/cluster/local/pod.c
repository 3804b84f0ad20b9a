/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/local/pod.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { GRACE_DEFAULT_S = 30 };

static void set_text(cJSON *object, const char *key, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    json_add_str(object, key, value);
}

static void set_time(cJSON *object, const char *key, int64_t unix_ms)
{
    char text[32];

    clock_format(text, sizeof(text), unix_ms);
    set_text(object, key, text);
}

static cJSON *object_at(cJSON *object, const char *key)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return item ? item : cJSON_AddObjectToObject(object, key);
}

/* An empty state of the only container, in place of what was there. */
static cJSON *state_reset(cJSON *pod)
{
    cJSON *status = object_at(pod, "status");
    cJSON *list = cJSON_CreateArray();
    cJSON *container = cJSON_CreateObject();
    cJSON *state;

    json_add_str(container, "name", json_text(pod, "spec.containers[0].name"));
    json_add_str(container, "image", json_text(pod, "spec.containers[0].image"));
    json_add_i64(container, "restartCount", 0);
    state = cJSON_AddObjectToObject(container, "state");
    cJSON_AddItemToArray(list, container);
    cJSON_DeleteItemFromObjectCaseSensitive(status, "containerStatuses");
    cJSON_AddItemToObject(status, "containerStatuses", list);
    return state;
}

static bool has_phase(const cJSON *pod, const char *phase)
{
    return strcmp(json_text(pod, "status.phase"), phase) == 0;
}

const char *local_pod_name(const cJSON *pod)
{
    return json_text(pod, "metadata.name");
}

bool local_pod_is_over(const cJSON *pod)
{
    return has_phase(pod, "Succeeded") || has_phase(pod, "Failed");
}

bool local_pod_is_pending(const cJSON *pod)
{
    return has_phase(pod, "Pending");
}

bool local_pod_is_deleted(const cJSON *pod)
{
    return json_path(pod, "metadata.deletionTimestamp") != NULL;
}

bool local_pod_is_gone(const cJSON *pod)
{
    return local_pod_is_over(pod) && local_pod_is_deleted(pod) &&
           cJSON_GetArraySize(json_path(pod, "metadata.finalizers")) == 0;
}

int64_t local_pod_grace_ms(const cJSON *pod)
{
    const cJSON *item = json_path(pod, "spec.terminationGracePeriodSeconds");

    return (cJSON_IsNumber(item) ? (int64_t)item->valuedouble : GRACE_DEFAULT_S) * 1000;
}

int64_t local_pod_deadline_ms(const cJSON *pod)
{
    const cJSON *item = json_path(pod, "spec.activeDeadlineSeconds");

    return cJSON_IsNumber(item) ? (int64_t)(item->valuedouble * 1000) : 0;
}

void local_pod_admit(cJSON *pod, int64_t now_ms)
{
    cJSON *metadata = object_at(pod, "metadata");
    char uid[37];

    local_uid(uid);
    set_text(metadata, "uid", uid);
    set_time(metadata, "creationTimestamp", now_ms);
    cJSON_DeleteItemFromObjectCaseSensitive(pod, "status");
    json_add_str(cJSON_AddObjectToObject(pod, "status"), "phase", "Pending");
}

void local_pod_wait(cJSON *pod, const char *reason, const char *message)
{
    cJSON *waiting = cJSON_AddObjectToObject(state_reset(pod), "waiting");

    json_add_str(waiting, "reason", reason);
    json_add_str(waiting, "message", message);
}

void local_pod_run(cJSON *pod, int64_t now_ms)
{
    cJSON *running = cJSON_AddObjectToObject(state_reset(pod), "running");
    cJSON *status = object_at(pod, "status");

    set_time(running, "startedAt", now_ms);
    set_time(status, "startTime", now_ms);
    set_text(status, "phase", "Running");
}

void local_pod_end(cJSON *pod, const struct local_pod_end *end, int64_t now_ms)
{
    AUTO_FREE char *started = xstrdup(json_text(pod, "status.startTime"));
    cJSON *ended = cJSON_AddObjectToObject(state_reset(pod), "terminated");
    cJSON *status = object_at(pod, "status");
    bool good = end->exit_code == 0 && !end->pod_reason;

    json_add_i64(ended, "exitCode", end->exit_code);
    if (end->signal)
        json_add_i64(ended, "signal", end->signal);
    json_add_str(ended, "reason",
                 end->reason           ? end->reason
                 : end->exit_code == 0 ? "Completed"
                                       : "Error");
    if (end->message[0])
        json_add_str(ended, "message", end->message);
    if (started[0])
        json_add_str(ended, "startedAt", started);
    set_time(ended, "finishedAt", now_ms);
    set_text(status, "phase", good ? "Succeeded" : "Failed");
    if (end->pod_reason) {
        set_text(status, "reason", end->pod_reason);
        set_text(status, "message", end->pod_message);
    }
}

void local_pod_lose(cJSON *pod, const char *reason, const char *message, int64_t now_ms)
{
    cJSON *status = object_at(pod, "status");

    set_text(status, "phase", "Failed");
    set_text(status, "reason", reason);
    set_text(status, "message", message);
    cJSON_DeleteItemFromObjectCaseSensitive(status, "containerStatuses");
    if (!json_has(status, "startTime"))
        set_time(status, "startTime", now_ms);
}

void local_pod_delete(cJSON *pod, int64_t now_ms)
{
    cJSON *metadata = object_at(pod, "metadata");
    int64_t grace_ms = local_pod_is_over(pod) ? 0 : local_pod_grace_ms(pod);

    if (local_pod_is_deleted(pod))
        return;
    set_time(metadata, "deletionTimestamp", now_ms + grace_ms);
    json_add_i64(metadata, "deletionGracePeriodSeconds", grace_ms / 1000);
}

void local_pod_release(cJSON *pod, const char *finalizer)
{
    cJSON *metadata = object_at(pod, "metadata");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(metadata, "finalizers");

    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--) {
        const cJSON *item = cJSON_GetArrayItem(list, i);

        if (cJSON_IsString(item) && strcmp(item->valuestring, finalizer) == 0)
            cJSON_DeleteItemFromArray(list, i);
    }
    if (list && !list->child)
        cJSON_DeleteItemFromObjectCaseSensitive(metadata, "finalizers");
}

void local_pod_annotate(cJSON *object, const char *key, const char *value)
{
    set_text(object_at(object_at(object, "metadata"), "annotations"), key, value);
}

void local_uid(char out[37])
{
    unsigned char b[16];

    hash_random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    (void)snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                   b[13], b[14], b[15]);
}
