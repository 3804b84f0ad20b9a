/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods as the API server shows them, each a row: what decide is told about them. A row gives the
 * metadata and the status that it adds to those of a plain pod of segment 7.
 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/pods/pods.h"

#include <stdio.h>

#define TOKEN    "aabbccddeeff00112233445566778899"
#define UID_TEXT "6f1c1f5e-0000-4000-8000-00000000abcd"
#define T0       INT64_C(1795348800000) /* 2026-11-22T12:00:00Z */

#define ENDED(code, reason, more)                                                                  \
    "\"containerStatuses\":[{\"name\":\"worker\",\"state\":{\"terminated\":{\"exitCode\":" #code   \
    ",\"reason\":\"" reason "\",\"startedAt\":\"2026-11-22T12:00:10Z\","                           \
    "\"finishedAt\":\"2026-11-22T12:00:20Z\"" more "}}}]"
#define FAILED(code, reason, more) "\"phase\":\"Failed\"," ENDED(code, reason, more)
#define SAYS(cls, text)                                                                            \
    ",\"message\":\"{\\\"class\\\":\\\"" cls "\\\",\\\"message\\\":\\\"" text "\\\"}\""
#define DISRUPTED                                                                                  \
    ",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":"              \
    "\"PreemptionByScheduler\",\"message\":\"preempting to accommodate a higher priority pod\","   \
    "\"lastTransitionTime\":\"2026-11-22T12:00:15Z\"}]"
#define DELETED ",\"deletionTimestamp\":\"2026-11-22T12:01:00Z\",\"deletionGracePeriodSeconds\":30"

static cJSON *pod_of(const char *metadata, const char *status)
{
    AUTO_FREE char *text =
        xasprintf("{\"metadata\":{\"name\":\"film-6f1c1f5e-c00007-e1-a2\",\"labels\":{\"" LABEL_UID
                  "\":\"" UID_TEXT "\",\"" LABEL_STAGE "\":\"convert\",\"" LABEL_INDEX
                  "\":\"7\"},\"annotations\":{\"" ANNOTATION_EPOCH "\":\"1\",\"" ANNOTATION_ATTEMPT
                  "\":\"2\"},\"finalizers\":[\"" NAME_FINALIZER
                  "\"],\"creationTimestamp\":\"2026-11-22T12:00:00Z\"%s},"
                  "\"spec\":{\"terminationGracePeriodSeconds\":30},\"status\":{%s}}",
                  metadata, status);
    cJSON *pod;
    struct err err;

    if (json_parse(&pod, text, strlen(text), &err) < 0)
        fail_msg("%s: %s", err.msg, text);
    return pod;
}

static const struct end_row {
    const char *name, *metadata, *status;
    enum attempt_class cls;
    const char *message;
} ends[] = {
    { "bad option", "", FAILED(64, "Error", SAYS("Config", "spec.x")), CLASS_CONFIG, "spec.x" },
    { "not a film", "", FAILED(65, "Error", SAYS("Input", "no video")), CLASS_INPUT, "no video" },
    { "store away", "", FAILED(69, "Error", SAYS("Dependency", "503")), CLASS_DEPENDENCY, "503" },
    { "device lost", "", FAILED(71, "Error", ""), CLASS_GPU, "exit code 71 without a word" },
    { "no space", "", FAILED(73, "Error", ""), CLASS_SPACE, "exit code 73 without a word" },
    { "told to stop", "", FAILED(75, "Error", ""), CLASS_INTERRUPTED, "exit code 75" },
    { "unknown code", "", FAILED(3, "Error", ""), CLASS_INTERNAL, "exit code 3" },
    { "exit 0 in a failed pod", "", FAILED(0, "Completed", ""), CLASS_INTERNAL, "exit code 0" },
    { "message and code disagree", "", FAILED(70, "Error", SAYS("Input", "hm")), CLASS_INTERNAL,
      "hm" },
    { "message tells 70 apart", "", FAILED(70, "Error", SAYS("OOMKilled", "bad_alloc")),
      CLASS_OOM_KILLED, "bad_alloc" },
    { "a log's tail", "", FAILED(70, "Error", ",\"message\":\"first\\nlast\\n\""), CLASS_INTERNAL,
      "first last" },
    { "SIGKILL without a reason", "", FAILED(137, "Error", ""), CLASS_INTERNAL,
      "killed by signal 9 (SIGKILL)" },
    { "SIGSEGV", "", FAILED(139, "Error", ""), CLASS_INTERNAL, "SIGSEGV" },
    { "OOM", "", FAILED(137, "OOMKilled", ""), CLASS_OOM_KILLED, "OOMKilled" },
    { "start error", "", FAILED(128, "StartError", ",\"message\":\"exec: no such file\""),
      CLASS_INTERNAL, "exec: no such file" },
    { "cannot run", "", FAILED(127, "ContainerCannotRun", ""), CLASS_INTERNAL,
      "ContainerCannotRun" },
    { "lost sight of", "", FAILED(137, "ContainerStatusUnknown", ""), CLASS_INTERRUPTED,
      "ContainerStatusUnknown" },
    { "over its own ephemeral limit", "",
      "\"reason\":\"Evicted\",\"message\":\"Pod ephemeral local storage usage exceeds\"," FAILED(
          137, "Error", ""),
      CLASS_SPACE, "usage exceeds" },
    { "evicted before it ran", "",
      "\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"The node was low on resource\"",
      CLASS_SPACE, "low on resource" },
    { "node pressure", "", "\"reason\":\"Evicted\"," FAILED(137, "Error", "") DISRUPTED,
      CLASS_INTERRUPTED, "preempting" },
    { "preempted, whatever it said", "", FAILED(65, "Error", SAYS("Input", "x")) DISRUPTED,
      CLASS_INTERRUPTED, "preempting" },
    { "node lost", "", "\"phase\":\"Failed\",\"reason\":\"NodeLost\"", CLASS_INTERRUPTED,
      "NodeLost" },
    { "node shutdown", "", "\"reason\":\"NodeShutdown\"," FAILED(137, "Error", ""),
      CLASS_INTERRUPTED, "NodeShutdown" },
    { "graceful node shutdown", "",
      "\"reason\":\"Terminated\",\"message\":\"imminent node "
      "shutdown\"," FAILED(143, "Error", ""),
      CLASS_INTERRUPTED, "imminent" },
    { "no GPU after all", "",
      "\"phase\":\"Failed\",\"reason\":\"OutOfnvidia.com/gpu\","
      "\"message\":\"Pod was rejected\"",
      CLASS_INTERRUPTED, "rejected" },
    { "device plugin restarts", "",
      "\"phase\":\"Failed\",\"reason\":"
      "\"UnexpectedAdmissionError\"",
      CLASS_INTERRUPTED, "UnexpectedAdmissionError" },
    { "over its deadline", "",
      "\"reason\":\"DeadlineExceeded\",\"message\":\"Pod was active\"," FAILED(
          75, "Error", SAYS("Interrupted", "told")),
      CLASS_STALLED, "Pod was active" },
    { "kubectl delete pod, killed", DELETED, FAILED(137, "Error", ""), CLASS_INTERRUPTED,
      "the pod was deleted" },
    { "kubectl delete pod, before it ran", DELETED, "\"phase\":\"Failed\"", CLASS_INTERRUPTED,
      "the pod was deleted" },
    { "deleted, and failed of its own", DELETED, FAILED(65, "Error", SAYS("Input", "x")),
      CLASS_INPUT, "x" },
    { "OOM while being deleted", DELETED, FAILED(137, "OOMKilled", ""), CLASS_OOM_KILLED,
      "OOMKilled" },
    { "a reason nobody knows", "", "\"phase\":\"Failed\",\"reason\":\"Odd\",\"message\":\"m\"",
      CLASS_INTERNAL, "the pod failed: Odd: m" },
    { "nothing at all", "", "\"phase\":\"Failed\"", CLASS_INTERNAL, "no reason given" },
};

static void an_end_has_a_class_and_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        AUTO(cJSON) cJSON *pod = pod_of(ends[i].metadata, ends[i].status);
        struct pod_view view;
        struct err err;

        CHECK_OK(pods_view(&view, pod, TOKEN, &err), err);
        CHECK_INT(ends[i].name, view.phase, POD_FAILED);
        CHECK_STR(ends[i].name, class_name(view.cls), class_name(ends[i].cls));
        CHECK_HAS(ends[i].name, view.message, ends[i].message);
        CHECK_INT(ends[i].name, view.has_record, false);
        CHECK_INT(ends[i].name, view.finished_ms > 0, true);
        CHECK_INT(ends[i].name, view.id.index, 7);
        CHECK_INT(ends[i].name, view.id.epoch, 1);
        CHECK_INT(ends[i].name, view.id.attempt, 2);
        CHECK_INT(ends[i].name, view.memory_percent, 100);
    }
}

static void waiting_tells_why_and_since_when(void **state)
{
#define WAITS(reason)                                                                              \
    "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\","        \
    "\"lastTransitionTime\":\"2026-11-22T12:00:05Z\"}],\"containerStatuses\":[{\"state\":{"        \
    "\"waiting\":{\"reason\":\"" reason "\",\"message\":\"words\"}}}]"
    static const struct row {
        const char *name, *status;
        enum pod_waiting waiting;
        int64_t since_s;
    } rows[] = {
        { "just made", "\"phase\":\"Pending\"", POD_WAITING_NONE, 0 },
        { "unschedulable",
          "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
          "\"reason\":\"Unschedulable\",\"message\":\"words\",\"lastTransitionTime\":"
          "\"2026-11-22T12:00:03Z\"}]",
          POD_UNSCHEDULABLE, 3 },
        { "gated on purpose",
          "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
          "\"reason\":\"SchedulingGated\"}]",
          POD_WAITING_NONE, 0 },
        { "pull", WAITS("ErrImagePull"), POD_IMAGE_PULL, 5 },
        { "pull again", WAITS("ImagePullBackOff"), POD_IMAGE_PULL, 5 },
        { "bad name", WAITS("InvalidImageName"), POD_IMAGE_PULL, 5 },
        { "no secret", WAITS("CreateContainerConfigError"), POD_CONFIG_ERROR, 5 },
        { "being made", WAITS("ContainerCreating"), POD_WAITING_NONE, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *pod = pod_of("", rows[i].status);
        struct pod_view view;
        struct err err;

        CHECK_OK(pods_view(&view, pod, TOKEN, &err), err);
        CHECK_INT(rows[i].name, view.phase, POD_PENDING);
        CHECK_INT(rows[i].name, view.waiting, rows[i].waiting);
        if (rows[i].waiting) {
            CHECK_INT(rows[i].name, view.waiting_since_ms, T0 + rows[i].since_s * 1000);
            CHECK_STR(rows[i].name, view.waiting_message, "words");
        }
    }
}

static struct record record_of(const char *uid, uint32_t index)
{
    struct record record = { .id = { .stage = STAGE_CONVERT, .index = index },
                             .frames = 9,
                             .time_base = { 1, 1000 } };

    (void)snprintf(record.uid, sizeof(record.uid), "%s", uid);
    (void)snprintf(record.object, sizeof(record.object), "segments/00007/e0-a0.nut");
    memset(record.sha256, 'a', HASH_HEX_SIZE - 1);
    memset(record.extradata_sha256, 'b', HASH_HEX_SIZE - 1);
    return record;
}

static void view_with_message(struct pod_view *view, const char *phase, int code,
                              const char *message)
{
    AUTO_FREE char *status = xasprintf("\"phase\":\"%s\"", phase);
    AUTO(cJSON) cJSON *pod = pod_of("", status);
    AUTO(cJSON) cJSON *ended = cJSON_CreateObject();
    cJSON *list, *item, *state_item;
    struct err err;

    json_add_i64(ended, "exitCode", code);
    json_add_str(ended, "message", message);
    list = cJSON_AddArrayToObject(cJSON_GetObjectItem(pod, "status"), "containerStatuses");
    item = cJSON_CreateObject();
    cJSON_AddItemToArray(list, item);
    state_item = cJSON_AddObjectToObject(item, "state");
    cJSON_AddItemToObject(state_item, "terminated", TAKE(ended));
    CHECK_OK(pods_view(view, pod, TOKEN, &err), err);
}

static void a_record_counts_if_it_is_ours(void **state)
{
    struct record ours = record_of(UID_TEXT, 7), other = record_of(UID_TEXT, 8);
    struct record foreign = record_of("6f1c1f5e-0000-4000-8000-000000000000", 7);
    AUTO_FREE char *good = record_format(&ours, TOKEN);
    AUTO_FREE char *wrong_index = record_format(&other, TOKEN);
    AUTO_FREE char *wrong_job = record_format(&foreign, TOKEN);
    AUTO_FREE char *wrong_key = record_format(&ours, "00112233");
    struct pod_view view;

    (void)state;
    view_with_message(&view, "Succeeded", 0, good);
    assert_true(view.has_record);
    assert_int_equal(view.record.frames, 9);

    /* killed after the commit: what is committed is done */
    view_with_message(&view, "Failed", 137, good);
    assert_true(view.has_record);

    view_with_message(&view, "Succeeded", 0, wrong_index);
    assert_false(view.has_record);
    assert_int_equal(view.cls, CLASS_INTERNAL);
    view_with_message(&view, "Succeeded", 0, wrong_job);
    assert_false(view.has_record);

    /* signed before our key changed: not believed, and nobody's failure */
    view_with_message(&view, "Succeeded", 0, wrong_key);
    assert_false(view.has_record);
    assert_int_equal(view.phase, POD_FAILED);
    assert_int_equal(view.cls, CLASS_INTERRUPTED);

    view_with_message(&view, "Succeeded", 0, "hello");
    assert_false(view.has_record);
    assert_int_equal(view.phase, POD_SUCCEEDED);
    assert_int_equal(view.cls, CLASS_INTERNAL);
}

/* As an API server showed it: grace 0, no conditions, held by our finalizer. */
static void a_pod_deleted_before_it_had_a_node_will_never_run(void **state)
{
    AUTO(cJSON)
    cJSON *pod = pod_of(",\"deletionTimestamp\":\"2026-11-22T12:00:04Z\","
                        "\"deletionGracePeriodSeconds\":0",
                        "\"phase\":\"Pending\",\"qosClass\":\"BestEffort\"");
    struct pod_view view;
    struct err err;

    (void)state;
    CHECK_OK(pods_view(&view, pod, NULL, &err), err);
    assert_int_equal(view.phase, POD_PENDING);
    assert_int_equal(view.waiting, POD_UNSCHEDULABLE);
    assert_int_equal(view.deletion_ms, T0 + 4000);
    CHECK_STR("no node", view.node, "");
    json_path_set(pod, "spec.nodeName", cJSON_CreateString("n1"));
    CHECK_OK(pods_view(&view, pod, NULL, &err), err);
    CHECK_STR("node", view.node, "n1");
    assert_int_equal(view.waiting, POD_WAITING_NONE); /* its kubelet may be starting it */
}

static void times_and_marks_are_read(void **state)
{
    AUTO(cJSON) cJSON *pod = pod_of(DELETED, FAILED(1, "Error", ""));
    struct pod_view view;
    struct err err;

    (void)state;
    json_add_str(cJSON_GetObjectItem(cJSON_GetObjectItem(pod, "metadata"), "annotations"),
                 ANNOTATION_VERDICT, "Stalled");
    CHECK_OK(pods_view(&view, pod, NULL, &err), err);
    assert_int_equal(view.created_ms, T0);
    assert_int_equal(view.started_ms, T0 + 10000);
    assert_int_equal(view.finished_ms, T0 + 20000);
    assert_int_equal(view.deletion_ms, T0 + 30000); /* when it was asked for */
    assert_int_equal(view.grace_ms, 30000);
    assert_true(view.has_verdict);
    assert_int_equal(view.verdict, CLASS_STALLED);
}

static void long_words_are_cut_between_characters(void **state)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *letters = xcalloc(1, 401);
    AUTO_FREE char *failure = NULL;
    struct pod_view view;

    (void)state;
    for (int i = 0; i < 200; i++)
        memcpy(letters + 2 * i, "\xc3\xa4", 2);
    text = xasprintf("%s the end", letters);
    view_with_message(&view, "Failed", 70, text);
    CHECK_HAS("a log's end", view.message, " the end");
    assert_int_equal((unsigned char)view.message[0], 0xc3);
    failure = failure_format(CLASS_INTERNAL, text);
    view_with_message(&view, "Failed", 70, failure);
    assert_int_equal(strlen(view.message), 200);
    assert_int_equal((unsigned char)view.message[199], 0xa4);
}

static void a_pod_that_is_not_ours_is_named(void **state)
{
    static const struct row {
        const char *path, *key, *value;
    } rows[] = {
        { "metadata.labels", LABEL_STAGE, "melt" },
        { "metadata.labels", LABEL_INDEX, "x" },
        { "metadata.labels", LABEL_INDEX, NULL },
        { "metadata.annotations", ANNOTATION_EPOCH, "-1" },
        { "metadata.annotations", ANNOTATION_ATTEMPT, "4294967296" },
        { "metadata.annotations", ANNOTATION_FAILURES, "1x" },
        { "metadata.annotations", ANNOTATION_EPOCH, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *pod = pod_of("", "");
        cJSON *map = (cJSON *)json_path(pod, rows[i].path);
        struct pod_view view;
        struct err err;

        cJSON_DeleteItemFromObjectCaseSensitive(map, rows[i].key);
        if (rows[i].value)
            json_add_str(map, rows[i].key, rows[i].value);
        CHECK_ERR(pods_view(&view, pod, NULL, &err), err, ERR_INTERNAL);
        CHECK_HAS(rows[i].key, err.msg, "pod film-6f1c1f5e-c00007-e1-a2");
        CHECK_HAS(rows[i].key, err.msg, rows[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_has_a_class_and_words),
        cmocka_unit_test(waiting_tells_why_and_since_when),
        cmocka_unit_test(a_record_counts_if_it_is_ours),
        cmocka_unit_test(a_pod_deleted_before_it_had_a_node_will_never_run),
        cmocka_unit_test(times_and_marks_are_read),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(a_pod_that_is_not_ours_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
