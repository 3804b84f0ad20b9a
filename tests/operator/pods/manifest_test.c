/* SPDX-License-Identifier: Apache-2.0
 *
 * The golden manifests were accepted by a real API server (see the commit that added them) under
 * pod-security.kubernetes.io/enforce=restricted. WRITE_GOLDEN=1 writes them anew.
 */
#include "tests/common/check.h"

#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"
#include "operator/pods/pods.h"
#include "operator/pods/resources.h"

#include <stdio.h>

#define UID_TEXT "6f1c1f5e-0000-4000-8000-00000000abcd"

static const char bare[] =
    "{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":\"film\","
    "\"namespace\":\"films\",\"uid\":\"" UID_TEXT "\"},\"spec\":{\"source\":{\"uri\":"
    "\"s3://b/in$(A)$$.mp4\"},\"output\":{\"uri\":\"s3://b/out.mp4\"},\"parallelism\":4}}";

static const char rich[] =
    "{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":"
    "\"a-very-long-name-of-a-film-that-has-sixty-three-characters-in--x\",\"namespace\":\"films\","
    "\"uid\":\"" UID_TEXT
    "\"},\"spec\":{\"source\":{\"uri\":\"s3://b/in.mp4\"},\"output\":{\"uri\":"
    "\"s3://b/out.mp4\"},\"parallelism\":4,\"segmentDeadlineSeconds\":900,\"priorityClassName\":"
    "\"system-node-critical\",\"runtimeClassName\":\"nvidia\",\"nodeSelector\":{\"gpu\":\"yes\"},"
    "\"tolerations\":[{\"key\":\"nvidia.com/"
    "gpu\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"},"
    "{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
    "\"tolerationSeconds\":5}],\"affinity\":{\"nodeAffinity\":{"
    "\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[{"
    "\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"a\"]}]}]}}},"
    "\"resources\":{\"requests\":{\"cpu\":\"2\",\"memory\":\"4Gi\",\"ephemeral-storage\":\"10Gi\"},"
    "\"limits\":{\"memory\":\"4Gi\",\"ephemeral-storage\":\"10Gi\"},\"gpu\":{\"count\":1}},"
    "\"auxiliary\":{\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Gi\","
    "\"nvidia.com/gpu\":\"1\"}},\"nodeSelector\":{\"pool\":\"cheap\"}}}}";

static cJSON *job_of(const char *text)
{
    cJSON *job;
    struct err err;

    CHECK_OK(json_parse(&job, text, strlen(text), &err), err);
    fields_default(job);
    return job;
}

static struct pods_context context_of(const cJSON *job)
{
    return (struct pods_context){ .job = job,
                                  .image = "registry.example/stereo-worker@sha256:0123",
                                  .work_uri = "s3://b/work/film/",
                                  .build = "0.1.0-abc",
                                  .secret = "film-track",
                                  .beat_ms = 5000,
                                  .memory_bytes = 1000000000,
                                  .tracking = true };
}

static void compare_golden(const char *name, const cJSON *pod)
{
    AUTO_FREE char *path = xasprintf("%s/%s.json", GOLDEN, name);
    AUTO_FREE char *got = json_print_pretty(pod);
    AUTO_FREE char *want = NULL;
    struct err err;
    size_t len;

    if (getenv("WRITE_GOLDEN"))
        CHECK_OK(file_write(path, got, strlen(got), &err), err);
    CHECK_OK(file_read(&want, &len, path, 1 << 20, &err), err);
    CHECK_STR(name, got, want);
}

static void manifests_are_as_they_were_accepted(void **state)
{
    static const struct row {
        const char *name, *job;
        struct action action;
    } rows[] = {
        { "plan", bare, { .id = { .stage = STAGE_PLAN } } },
        { "convert", bare, { .id = { .stage = STAGE_CONVERT, .index = 7 } } },
        { "convert-rich",
          rich,
          { .id = { .stage = STAGE_CONVERT, .index = 19999, .epoch = 3, .attempt = 2 },
            .failures = 1,
            .interruptions = 4,
            .memory_percent = 150,
            .storage_percent = 225 } },
        { "assemble-rich", rich, { .id = { .stage = STAGE_ASSEMBLE }, .memory_percent = 150 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_of(rows[i].job);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;

        if (rows[i].action.id.stage == STAGE_PLAN)
            context.build = "";
        pod = pods_manifest(&context, &rows[i].action);
        compare_golden(rows[i].name, pod);
    }
}

/* What is written into a manifest is what is read out of the pod. */
static void a_manifest_is_read_back(void **state)
{
    AUTO(cJSON) cJSON *job = job_of(rich);
    struct pods_context context = context_of(job);
    const struct action action = {
        .id = { .stage = STAGE_CONVERT, .index = 19999, .epoch = 4000000000u, .attempt = 50 },
        .failures = 3,
        .interruptions = 50,
        .memory_percent = 337,
        .storage_percent = 400,
    };
    AUTO(cJSON) cJSON *pod = pods_manifest(&context, &action);
    struct pod_view view;
    char name[NAME_POD_SIZE];
    struct err err;

    (void)state;
    CHECK_OK(pods_view(&view, pod, NULL, &err), err);
    assert_int_equal(view.id.stage, STAGE_CONVERT);
    assert_int_equal(view.id.index, 19999);
    assert_int_equal(view.id.epoch, 4000000000u);
    assert_int_equal(view.id.attempt, 50);
    assert_int_equal(view.failures, 3);
    assert_int_equal(view.interruptions, 50);
    assert_int_equal(view.memory_percent, 337);
    assert_int_equal(view.storage_percent, 400);
    assert_true(view.has_finalizer);
    assert_int_equal(view.phase, POD_PENDING);
    assert_int_equal(view.grace_ms, 30000);
    name_pod(name, json_path(job, "metadata.name")->valuestring, UID_TEXT, &action.id);
    assert_string_equal(view.name, name);
}

static void without_tracking_only_the_token_is_there(void **state)
{
    AUTO(cJSON) cJSON *job = job_of(bare);
    struct pods_context context = context_of(job);
    const struct action action = { .id = { .stage = STAGE_PLAN } };
    AUTO(cJSON) cJSON *pod = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    context.tracking = false;
    pod = pods_manifest(&context, &action);
    text = json_print(pod);
    assert_null(strstr(text, ENV_TRACK_URL));
    assert_null(strstr(text, ENV_TRACK_PASSWORD));
    CHECK_HAS("token", text, ENV_TRACK_TOKEN);
}

static void quantities_grow(void **state)
{
    static const struct row {
        const char *in;
        uint32_t percent;
        const char *out;
    } rows[] = {
        { "4Gi", 100, "4Gi" },
        { "4Gi", 150, "6442450944" },
        { "1.5Gi", 200, "3221225472" },
        { "1000", 150, "1500" },
        { "1", 150, "2" },
        { "100M", 225, "225000000" },
        { "1e9", 150, "1500000000" },
        { "1500m", 200, "3" },
        { "0", 400, "0" },
        { "2Ki", 0, "2Ki" },
        { "5Ei", 150, "5Ei" },
        { "lots", 150, "lots" },
        { "", 150, "" },
        { "1Gi ", 150, "1Gi " },
        { "-1Gi", 150, "-1Gi" },
        { "2Pi", 400, "9007199254740992" },
        { "3Pi", 400, "3Pi" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *got = resources_scale(rows[i].in, rows[i].percent);

        CHECK_STR(rows[i].in, got, rows[i].out);
    }
}

static void resources_follow_the_stage(void **state)
{
    static const struct row {
        const char *name, *in;
        struct resources_opts opts;
        const char *out;
    } rows[] = {
        { "silent", "{}", { .devices = true }, "{}" },
        { "silent, estimated and grown",
          "{}",
          { .devices = true, .memory_bytes = 1000, .memory_percent = 150 },
          "{\"requests\":{\"memory\":\"1500\"},\"limits\":{\"memory\":\"1500\"}}" },
        { "the user's word counts, not the plan's",
          "{\"limits\":{\"memory\":\"1Ki\"}}",
          { .memory_bytes = 9, .memory_percent = 150 },
          "{\"limits\":{\"memory\":\"1536\"}}" },
        { "storage",
          "{\"requests\":{\"ephemeral-storage\":\"10\",\"cpu\":\"10\"}}",
          { .storage_percent = 150, .memory_percent = 400 },
          "{\"requests\":{\"ephemeral-storage\":\"15\",\"cpu\":\"10\"}}" },
        { "gpu",
          "{\"gpu\":{\"count\":2,\"name\":\"amd.com/gpu\"}}",
          { .devices = true },
          "{\"requests\":{\"amd.com/gpu\":\"2\"},\"limits\":{\"amd.com/gpu\":\"2\"}}" },
        { "no gpu here",
          "{\"gpu\":{\"count\":2},\"limits\":{\"nvidia.com/gpu\":\"1\"}}",
          { .devices = false },
          "{}" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *wanted = cJSON_Parse(rows[i].in);
        AUTO(cJSON) cJSON *got = resources_build(wanted, &rows[i].opts);
        AUTO_FREE char *text = json_print(got);

        CHECK_STR(rows[i].name, text, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_are_as_they_were_accepted),
        cmocka_unit_test(a_manifest_is_read_back),
        cmocka_unit_test(without_tracking_only_the_token_is_there),
        cmocka_unit_test(quantities_grow),
        cmocka_unit_test(resources_follow_the_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
