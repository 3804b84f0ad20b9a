/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/pods.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the kubelet and the node controllers write into status.reason. A reason that is not here
 * leaves the word to the container. */
static const struct reason {
    const char *text; /* a prefix when it ends in * */
    enum attempt_class cls;
} pod_reasons[] = {
    { "DeadlineExceeded", CLASS_STALLED }, /* activeDeadlineSeconds */
    { "Evicted", CLASS_SPACE },            /* without DisruptionTarget: its own limits */
    { "NodeLost", CLASS_INTERRUPTED },
    { "NodeShutdown", CLASS_INTERRUPTED },
    { "Shutdown", CLASS_INTERRUPTED },
    { "Terminated", CLASS_INTERRUPTED }, /* graceful node shutdown */
    { "Preempting", CLASS_INTERRUPTED },
    /* The node refused it at the door, so it never ran. */
    { "NodeAffinity", CLASS_INTERRUPTED },
    { "UnexpectedAdmissionError", CLASS_INTERRUPTED }, /* a device plugin that restarts */
    { "OutOf*", CLASS_INTERRUPTED },
};

/* And into the container's terminated.reason. */
static const struct reason container_reasons[] = {
    { "OOMKilled", CLASS_OOM_KILLED },
    { "StartError", CLASS_INTERNAL },
    { "ContainerCannotRun", CLASS_INTERNAL },
    { "ContainerStatusUnknown", CLASS_INTERRUPTED }, /* the node lost sight of it */
};

static const char *const image_reasons[] = {
    "ErrImagePull",        "ImagePullBackOff",  "InvalidImageName",          "ErrImageNeverPull",
    "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t time_at(const cJSON *doc, const char *path)
{
    const char *text = json_text(doc, path);
    int64_t ms = text[0] ? clock_parse(text) : -1;

    return ms < 0 ? 0 : ms;
}

/* On one line; the end is cut off between characters when it is too long. */
static void words_set(char *out, size_t size, const char *text)
{
    size_t len = strlen(text), n;

    if (len > size - 1)
        len = utf8_whole(text, size - 1);
    while (len && strchr(" \n\r\t", text[len - 1]))
        len--;
    for (n = 0; n < len; n++)
        out[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7F ? ' ' : text[n];
    out[n] = '\0';
}

/* The end of a log is what tells. */
static void words_set_end(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    while (len && strchr(" \n\r\t", text[len - 1]))
        len--;
    if (len > size - 1) {
        text += len - (size - 1);
        while (((unsigned char)*text & 0xC0) == 0x80)
            text++;
    }
    words_set(out, size, text);
}

static const struct reason *reason_find(const struct reason *reasons, size_t count,
                                        const char *text)
{
    for (size_t i = 0; i < count && text[0]; i++) {
        size_t len = strlen(reasons[i].text);

        if (reasons[i].text[len - 1] == '*' ? strncmp(reasons[i].text, text, len - 1) == 0
                                            : strcmp(reasons[i].text, text) == 0)
            return &reasons[i];
    }
    return NULL;
}

/* The condition of this type if its status is as wanted, or NULL. */
static const cJSON *condition_find(const cJSON *pod, const char *type, const char *status)
{
    const cJSON *item; /* borrowed from pod */

    cJSON_ArrayForEach(item, json_path(pod, "status.conditions"))
    {
        if (strcmp(json_text(item, "type"), type) == 0 &&
            strcmp(json_text(item, "status"), status) == 0)
            return item;
    }
    return NULL;
}

/* A number that we wrote as text; absent is def. */
static int number_at(uint32_t *out, const cJSON *map, const char *key, const uint32_t *def,
                     struct err *err)
{
    const char *text = json_member(map, key);
    char *end;
    unsigned long value;

    if (def && !json_has(map, key)) {
        *out = *def;
        return 0;
    }
    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value > UINT32_MAX)
        return err_set(err, ERR_INTERNAL, "%s: is missing or no number", key);
    *out = (uint32_t)value;
    return 0;
}

static int identity_read(struct pod_view *out, const cJSON *pod, struct err *err)
{
    const cJSON *labels = json_path(pod, "metadata.labels");
    const cJSON *notes = json_path(pod, "metadata.annotations");
    const cJSON *stage = cJSON_GetObjectItemCaseSensitive(labels, LABEL_STAGE);
    const uint32_t zero = 0, whole = 100;

    if (!cJSON_IsString(stage) || stage_of_name(&out->id.stage, stage->valuestring) < 0)
        return err_set(err, ERR_INTERNAL, "%s: is missing or no stage", LABEL_STAGE);
    if (number_at(&out->id.index, labels, LABEL_INDEX, NULL, err) < 0 ||
        number_at(&out->id.epoch, notes, ANNOTATION_EPOCH, NULL, err) < 0 ||
        number_at(&out->id.attempt, notes, ANNOTATION_ATTEMPT, NULL, err) < 0 ||
        number_at(&out->failures, notes, ANNOTATION_FAILURES, &zero, err) < 0 ||
        number_at(&out->interruptions, notes, ANNOTATION_INTERRUPTED, &zero, err) < 0 ||
        number_at(&out->memory_percent, notes, ANNOTATION_MEMORY, &whole, err) < 0 ||
        number_at(&out->storage_percent, notes, ANNOTATION_STORAGE, &whole, err) < 0)
        return -1;
    return 0;
}

static enum pod_phase phase_read(const cJSON *pod)
{
    const char *phase = json_text(pod, "status.phase");

    if (strcmp(phase, "Succeeded") == 0)
        return POD_SUCCEEDED;
    if (strcmp(phase, "Failed") == 0)
        return POD_FAILED;
    return strcmp(phase, "Running") == 0 || strcmp(phase, "Unknown") == 0 ? POD_RUNNING
                                                                          : POD_PENDING;
}

static bool has_finalizer(const cJSON *pod)
{
    const cJSON *item; /* borrowed from pod */

    cJSON_ArrayForEach(item, json_path(pod, "metadata.finalizers"))
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, NAME_FINALIZER) == 0)
            return true;
    }
    return false;
}

static void waiting_set(struct pod_view *out, enum pod_waiting waiting, const char *message,
                        int64_t since_ms)
{
    out->waiting = waiting;
    out->waiting_since_ms = since_ms ? since_ms : out->created_ms;
    words_set(out->waiting_message, sizeof(out->waiting_message), message);
}

static void waiting_read(struct pod_view *out, const cJSON *pod)
{
    const cJSON *unscheduled = condition_find(pod, "PodScheduled", "False");
    const cJSON *scheduled = condition_find(pod, "PodScheduled", "True");
    const cJSON *state = json_path(pod, "status.containerStatuses[0].state.waiting");
    const char *reason = json_text(state, "reason"), *message = json_text(state, "message");
    int64_t since_ms = scheduled ? time_at(scheduled, "lastTransitionTime") : 0;

    if (out->phase != POD_PENDING)
        return;
    /* Seen on an API server: with a finalizer it stays Pending so for ever, without conditions. */
    if (out->deletion_ms && !json_text(pod, "spec.nodeName")[0]) {
        waiting_set(out, POD_UNSCHEDULABLE, "deleted before it had a node", out->deletion_ms);
        return;
    }
    if (unscheduled && strcmp(json_text(unscheduled, "reason"), "SchedulingGated") != 0) {
        waiting_set(out, POD_UNSCHEDULABLE, json_text(unscheduled, "message"),
                    time_at(unscheduled, "lastTransitionTime"));
        return;
    }
    if (strcmp(reason, "CreateContainerConfigError") == 0) {
        waiting_set(out, POD_CONFIG_ERROR, message[0] ? message : reason, since_ms);
        return;
    }
    for (size_t i = 0; i < COUNT(image_reasons); i++) {
        if (strcmp(reason, image_reasons[i]) == 0)
            waiting_set(out, POD_IMAGE_PULL, message[0] ? message : reason, since_ms);
    }
}

/* A pod that ended without a container of ours to tell when. */
static int64_t end_guess(const struct pod_view *view, const cJSON *pod)
{
    int64_t latest = 0;
    const cJSON *item; /* borrowed from pod */

    cJSON_ArrayForEach(item, json_path(pod, "status.conditions"))
    {
        int64_t at_ms = time_at(item, "lastTransitionTime");

        if (at_ms > latest)
            latest = at_ms;
    }
    if (!latest)
        latest = time_at(pod, "status.startTime");
    return latest ? latest : view->created_ms;
}

static void times_read(struct pod_view *out, const cJSON *pod)
{
    const cJSON *state = json_path(pod, "status.containerStatuses[0].state");
    const cJSON *grace = json_path(pod, "metadata.deletionGracePeriodSeconds");

    out->created_ms = time_at(pod, "metadata.creationTimestamp");
    if (!cJSON_IsNumber(grace))
        grace = json_path(pod, "spec.terminationGracePeriodSeconds");
    out->grace_ms = cJSON_IsNumber(grace) ? (int64_t)(grace->valuedouble * 1000) : 30000;
    /* The API server writes down when the grace will be over; decide counts from the request. */
    out->deletion_ms = time_at(pod, "metadata.deletionTimestamp");
    if (out->deletion_ms > out->grace_ms)
        out->deletion_ms -= out->grace_ms;
    out->started_ms = time_at(state, "running.startedAt");
    if (!out->started_ms)
        out->started_ms = time_at(state, "terminated.startedAt");
    if (out->phase != POD_SUCCEEDED && out->phase != POD_FAILED)
        return;
    out->finished_ms = time_at(state, "terminated.finishedAt");
    if (!out->finished_ms)
        out->finished_ms = end_guess(out, pod);
}

/* A done record in the termination message. One signed with another key, of an earlier run or an
 * exchanged Secret, cannot be believed and is nobody's failure: the next attempt finds the commit.
 */
static void record_read(struct pod_view *out, const cJSON *pod, const char *text,
                        const char *token_hex)
{
    const cJSON *uid =
        cJSON_GetObjectItemCaseSensitive(json_path(pod, "metadata.labels"), LABEL_UID);
    struct err err;
    struct record record;

    if (record_parse(&record, text, strlen(text), token_hex, &err) < 0) {
        if (err.code != ERR_CONFLICT || out->phase != POD_SUCCEEDED)
            return;
        out->phase = POD_FAILED;
        out->cls = CLASS_INTERRUPTED;
        words_set(out->message, sizeof(out->message), "its record is signed with another key");
        return;
    }
    if (!cJSON_IsString(uid) || strcmp(uid->valuestring, record.uid) != 0 ||
        record.id.stage != out->id.stage || record.id.index != out->id.index)
        return;
    out->has_record = true;
    out->record = record;
}

/* By exit code, or by the message where both agree. */
static void container_judge(struct pod_view *out, const cJSON *ended)
{
    const char *text = json_text(ended, "message");
    const cJSON *exit_item = cJSON_GetObjectItemCaseSensitive(ended, "exitCode");
    int code = cJSON_IsNumber(exit_item) ? exit_item->valueint : -1;
    enum attempt_class said;
    char words[240];

    out->cls = class_of_exit(code);
    if (out->cls == CLASS_DONE) /* exit 0 in a pod that failed */
        out->cls = CLASS_INTERNAL;
    if (failure_parse(&said, words, text, strlen(text)) == 0) {
        if (said != CLASS_DONE && class_exit_code(said) == code)
            out->cls = said;
        words_set(out->message, sizeof(out->message), words);
    } else if (text[0] && !out->has_record) {
        words_set_end(out->message, sizeof(out->message), text);
    } else if (code > 128 && code < 128 + 65) {
        const char *name = sigabbrev_np(code - 128);

        (void)snprintf(out->message, sizeof(out->message), "killed by signal %d (SIG%s)",
                       code - 128, name ? name : "?");
    } else {
        (void)snprintf(out->message, sizeof(out->message), "exit code %d without a word", code);
    }
}

static void verdict_read(struct pod_view *out, const cJSON *pod)
{
    const cJSON *verdict = cJSON_GetObjectItemCaseSensitive(json_path(pod, "metadata.annotations"),
                                                            ANNOTATION_VERDICT);

    out->has_verdict = cJSON_IsString(verdict) && verdict->valuestring[0];
    if (out->has_verdict)
        out->verdict = class_of_name(verdict->valuestring);
}

/* What happened to the pod and not in it; NULL when the container has the word. */
static const char *overrule(enum attempt_class *cls, const cJSON *pod, const cJSON *ended)
{
    const cJSON *disrupted = condition_find(pod, "DisruptionTarget", "True");
    const struct reason *reason;

    if (disrupted) {
        *cls = CLASS_INTERRUPTED;
        return json_text(disrupted, "message");
    }
    reason = reason_find(pod_reasons, COUNT(pod_reasons), json_text(pod, "status.reason"));
    if (reason) {
        *cls = reason->cls;
        return json_text(pod, "status.message");
    }
    reason = reason_find(container_reasons, COUNT(container_reasons), json_text(ended, "reason"));
    if (reason) {
        *cls = reason->cls;
        return json_text(ended, "message");
    }
    return NULL;
}

/* SIGTERM or SIGKILL of a pod that was being deleted: whoever deleted it wanted no verdict. */
static bool is_deleted_kill(const struct pod_view *view, const cJSON *ended)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(ended, "exitCode");

    return view->deletion_ms && (!ended || (cJSON_IsNumber(code) && (code->valueint == 128 + 9 ||
                                                                     code->valueint == 128 + 15)));
}

static void failure_judge(struct pod_view *out, const cJSON *pod, const cJSON *ended)
{
    const char *reason = json_text(pod, "status.reason");
    const char *words = overrule(&out->cls, pod, ended);

    if (words) {
        if (!words[0])
            words = reason[0] ? reason : json_text(ended, "reason");
        words_set(out->message, sizeof(out->message), words);
        return;
    }
    if (is_deleted_kill(out, ended)) {
        out->cls = CLASS_INTERRUPTED;
        words_set(out->message, sizeof(out->message), "the pod was deleted");
        return;
    }
    if (ended) {
        container_judge(out, ended);
        return;
    }
    out->cls = CLASS_INTERNAL;
    (void)snprintf(out->message, sizeof(out->message), "the pod failed: %.60s: %.120s",
                   reason[0] ? reason : "no reason given", json_text(pod, "status.message"));
}

/* Its hostname label has the same value, unless the name is too long for one. */
static void node_read(struct pod_view *out, const cJSON *pod)
{
    const char *name = json_text(pod, "spec.nodeName");

    if (strlen(name) < sizeof(out->node))
        (void)snprintf(out->node, sizeof(out->node), "%s", name);
}

int pods_view(struct pod_view *out, const cJSON *pod, const char *token_hex, struct err *err)
{
    const cJSON *ended = json_path(pod, "status.containerStatuses[0].state.terminated");
    struct pod_view view = { 0 };
    bool failed;

    if (json_str(view.name, sizeof(view.name), json_path(pod, "metadata"), "name", err) < 0 ||
        identity_read(&view, pod, err) < 0) {
        err->code = ERR_INTERNAL;
        return err_wrap(err, "pod %s", json_text(pod, "metadata.name"));
    }
    view.phase = phase_read(pod);
    view.has_finalizer = has_finalizer(pod);
    verdict_read(&view, pod);
    node_read(&view, pod);
    times_read(&view, pod);
    waiting_read(&view, pod);
    if (view.phase == POD_SUCCEEDED) {
        view.cls = CLASS_INTERNAL;
        words_set(view.message, sizeof(view.message), "it ended well but left no record");
    }
    failed = view.phase == POD_FAILED;
    if (failed || view.phase == POD_SUCCEEDED)
        record_read(&view, pod, json_text(ended, "message"), token_hex);
    if (failed)
        failure_judge(&view, pod, ended);
    *out = view;
    return 0;
}
