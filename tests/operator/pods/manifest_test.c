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

static const char *const pull_secrets[] = { "registry", "mirror", NULL };
static const struct pods_cluster cluster = {
    .pull_policy = "IfNotPresent",
    .pull_secrets = pull_secrets,
    .http_proxy = "http://proxy:3128",
    .https_proxy = "http://proxy:3128",
    .no_proxy = ".svc,10.0.0.0/8",
    .ca_config_map = "corporate-ca",
    .service_account = "stereo-s3",
};

/* Of a cluster, planned: 2 h of 1080p in 120 segments. */
static const char secrets[] =
    "{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":\"film\","
    "\"namespace\":\"films\",\"uid\":\"" UID_TEXT
    "\"},\"spec\":{\"source\":{\"uri\":\"s3://films/in.mp4\",\"secretName\":\"read\"},"
    "\"output\":{\"uri\":\"s3://films/out.mp4\",\"secretName\":\"write\"},"
    "\"resources\":{\"gpu\":{}}},\"status\":{\"plan\":{\"segments\":120,\"frames\":172800,"
    "\"durationMs\":7200000,\"packedWidth\":3840,\"packedHeight\":1080}}}";

static const char claims[] =
    "{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":\"film\","
    "\"namespace\":\"films\",\"uid\":\"" UID_TEXT
    "\"},\"spec\":{\"source\":{\"uri\":\"pvc://films/in.mp4\"},"
    "\"output\":{\"uri\":\"pvc://films-3d/out.mp4\"},"
    "\"depth\":{\"provider\":\"Video\",\"uri\":\"pvc://films/depth.mkv\"},"
    "\"resources\":{\"gpu\":{\"count\":0}}}}";

static void manifests_are_as_they_were_accepted(void **state)
{
    static const struct row {
        const char *name, *job;
        struct action action;
        const char *work_uri; /* in a cluster */
    } rows[] = {
        { "cluster-convert",
          secrets,
          { .id = { .stage = STAGE_CONVERT, .index = 7 } },
          "s3://films/.stereojob/" UID_TEXT "/" },
        { "cluster-assemble-claims",
          claims,
          { .id = { .stage = STAGE_ASSEMBLE } },
          "pvc://films-3d/.stereojob/" UID_TEXT "/" },
        { "plan", bare, { .id = { .stage = STAGE_PLAN } }, NULL },
        { "convert", bare, { .id = { .stage = STAGE_CONVERT, .index = 7 } }, NULL },
        { "convert-rich",
          rich,
          { .id = { .stage = STAGE_CONVERT, .index = 19999, .epoch = 3, .attempt = 2 },
            .failures = 1,
            .interruptions = 4,
            .memory_percent = 150,
            .storage_percent = 225 },
          NULL },
        { "assemble-rich",
          rich,
          { .id = { .stage = STAGE_ASSEMBLE }, .memory_percent = 150 },
          NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_of(rows[i].job);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;

        if (rows[i].action.id.stage == STAGE_PLAN)
            context.build = "";
        if (rows[i].work_uri) {
            context.cluster = &cluster;
            context.work_uri = rows[i].work_uri;
        }
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
        { "no gpu at all", "{\"gpu\":{\"count\":0}}", { .devices = true }, "{}" },
        { "cpu is asked for, never limited",
          "{}",
          { .cpu = "2", .storage_bytes = 1000, .storage_percent = 150 },
          "{\"requests\":{\"cpu\":\"2\",\"ephemeral-storage\":\"1500\"},"
          "\"limits\":{\"ephemeral-storage\":\"3000\"}}" },
        { "the user's limit is the request",
          "{\"limits\":{\"cpu\":\"1\",\"ephemeral-storage\":\"5\"}}",
          { .cpu = "2", .storage_bytes = 1000 },
          "{\"limits\":{\"cpu\":\"1\",\"ephemeral-storage\":\"5\"}}" },
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

/* "read:STEREO_SOURCE_ACCESS_KEY_ID " for each reference to a Secret; optional ones with a '?'. */
static char *references(const cJSON *pod)
{
    char *text = xstrdup("");
    const cJSON *item; /* borrowed from pod */

    cJSON_ArrayForEach(item, json_path(pod, "spec.containers[0].env"))
    {
        const cJSON *ref = json_path(item, "valueFrom.secretKeyRef");
        char *longer;

        if (!ref)
            continue;
        longer = xasprintf("%s%s:%s%s ", text, json_path(ref, "name")->valuestring,
                           json_path(item, "name")->valuestring,
                           cJSON_IsTrue(json_path(ref, "optional")) ? "?" : "");
        free(text);
        text = longer;
    }
    return text;
}

#define S3_REFERENCES(secret, prefix, needed)                                                      \
    secret ":" prefix "ACCESS_KEY_ID" needed " " secret ":" prefix "SECRET_ACCESS_KEY" needed      \
           " " secret ":" prefix "SESSION_TOKEN? " secret ":" prefix "REGION? " secret ":" prefix  \
           "ENDPOINT_URL? " secret ":" prefix "ADDRESSING_STYLE? "
#define TRACK                                                                                      \
    "film-track:STEREO_TRACK_URL film-track:STEREO_TRACK_PASSWORD film-track:STEREO_TRACK_TOKEN "

static void each_stage_has_its_own_keys(void **state)
{
    static const struct row {
        enum stage stage;
        const char *work_secret, *want;
    } rows[] = {
        { STAGE_PLAN, NULL,
          TRACK S3_REFERENCES("read", "STEREO_SOURCE_", "") S3_REFERENCES(
              "write", "STEREO_OUTPUT_", "") S3_REFERENCES("write", "STEREO_WORK_", "") },
        { STAGE_CONVERT, "mid",
          TRACK S3_REFERENCES("read", "STEREO_SOURCE_", "")
              S3_REFERENCES("mid", "STEREO_WORK_", "") },
        { STAGE_CLEAN, "mid",
          "film-track:STEREO_TRACK_TOKEN? " S3_REFERENCES("write", "STEREO_OUTPUT_", "?")
              S3_REFERENCES("mid", "STEREO_WORK_", "") },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct action action = { .id = { .stage = rows[i].stage } };
        AUTO(cJSON) cJSON *job = job_of(secrets);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;
        AUTO_FREE char *got = NULL;

        context.cluster = &cluster;
        if (rows[i].work_secret)
            json_path_set(job, "spec.work.secretName", cJSON_CreateString(rows[i].work_secret));
        pod = rows[i].stage == STAGE_CLEAN ? pods_clean_manifest(&context, 0)
                                           : pods_manifest(&context, &action);
        got = references(pod);
        CHECK_STR(stage_name(rows[i].stage), got, rows[i].want);
    }
}

static void only_who_has_a_gpu_asks_its_driver(void **state)
{
    static const struct row {
        const char *resources;
        enum stage stage;
        bool want;
    } rows[] = {
        { "{\"gpu\":{}}", STAGE_CONVERT, true },
        { "{\"gpu\":{\"count\":2}}", STAGE_CONVERT, true },
        { "{\"gpu\":{\"count\":0}}", STAGE_CONVERT, false },
        { "{\"limits\":{\"nvidia.com/gpu\":\"1\"}}", STAGE_CONVERT, true },
        { "{\"limits\":{\"cpu\":\"1\"}}", STAGE_CONVERT, false },
        { "{\"gpu\":{}}", STAGE_ASSEMBLE, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct action action = { .id = { .stage = rows[i].stage } };
        AUTO(cJSON) cJSON *job = job_of(bare);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;
        AUTO_FREE char *text = NULL;

        context.cluster = &cluster;
        json_path_set(job, "spec.resources", cJSON_Parse(rows[i].resources));
        pod = pods_manifest(&context, &action);
        text = json_print(json_path(pod, "spec.containers[0].env"));
        CHECK_INT(rows[i].resources, strstr(text, "compute,video,utility") != NULL, rows[i].want);
    }
}

static void who_cleans_is_nobodys_child(void **state)
{
    AUTO(cJSON) cJSON *job = job_of(claims);
    struct pods_context context = context_of(job);
    AUTO(cJSON) cJSON *pod = NULL;
    AUTO_FREE char *mounts = NULL;
    struct pod_view view;
    struct err err;

    (void)state;
    context.cluster = &cluster;
    context.work_uri = "pvc://mid/x/";
    pod = pods_clean_manifest(&context, 2);
    assert_null(json_path(pod, "metadata.ownerReferences"));
    assert_null(json_path(pod, "metadata.finalizers"));
    CHECK_STR("verb", json_path(pod, "spec.containers[0].args[0]")->valuestring, "clean");
    mounts = json_print(json_path(pod, "spec.containers[0].volumeMounts"));
    CHECK_STR("mounts", mounts,
              "[{\"name\":\"scratch\",\"mountPath\":\"/scratch\"},"
              "{\"name\":\"claim-0\",\"mountPath\":\"/pvc/mid\"},"
              "{\"name\":\"claim-1\",\"mountPath\":\"/pvc/films-3d\"},"
              "{\"name\":\"ca\",\"mountPath\":\"/etc/stereojob-ca\",\"readOnly\":true}]");
    CHECK_OK(pods_view(&view, pod, NULL, &err), err);
    assert_int_equal(view.id.stage, STAGE_CLEAN);
    assert_int_equal(view.id.attempt, 2);
    CHECK_STR("name", view.name, "film-6f1c1f5e-x00000-e0-a2");
}

static void a_claim_is_mounted_once_and_written_where_it_must(void **state)
{
    static const struct row {
        const char *source, *work, *output;
        enum stage stage;
        const char *want; /* claim[:ro] */
    } rows[] = {
        { "pvc://a/i", "pvc://a/w/", "pvc://a/o.mp4", STAGE_CONVERT, "/pvc/a " },
        { "pvc://a/i", "pvc://b/w/", "pvc://c/o.mp4", STAGE_CONVERT, "/pvc/a:ro /pvc/b " },
        { "pvc://a/i", "pvc://b/w/", "pvc://c/o.mp4", STAGE_ASSEMBLE, "/pvc/a:ro /pvc/b /pvc/c " },
        { "s3://abc/i", "s3://abc/w/", "pvc://c/o.mp4", STAGE_CONVERT, "" },
        { "https://h/pvc://a", "s3://abc/w/", "pvc://c/o.mp4", STAGE_PLAN, "/pvc/c " },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct action action = { .id = { .stage = rows[i].stage } };
        const struct pods_cluster silent = { .pull_policy = NULL };
        AUTO(cJSON) cJSON *job = job_of(bare);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;
        char got[200] = "";
        const cJSON *item;

        context.cluster = &silent;
        context.work_uri = rows[i].work;
        json_path_set(job, "spec.source.uri", cJSON_CreateString(rows[i].source));
        json_path_set(job, "spec.output.uri", cJSON_CreateString(rows[i].output));
        pod = pods_manifest(&context, &action);
        cJSON_ArrayForEach(item, json_path(pod, "spec.containers[0].volumeMounts"))
        {
            const char *path = json_path(item, "mountPath")->valuestring;
            size_t len = strlen(got);

            if (strcmp(path, "/scratch") != 0)
                (void)snprintf(got + len, sizeof(got) - len, "%s%s ", path,
                               cJSON_IsTrue(json_path(item, "readOnly")) ? ":ro" : "");
        }
        CHECK_STR(rows[i].source, got, rows[i].want);
    }
}

static void scratch_follows_the_plan(void **state)
{
    static const struct row {
        const char *name, *path, *value; /* changes this of the job */
        enum stage stage;
        uint32_t percent;
        const char *want; /* request, limit in MiB */
    } rows[] = {
        { "a segment", "spec.suspend", "false", STAGE_CONVERT, 0, "513 1026" },
        { "and after there was too little", "spec.suspend", "false", STAGE_CONVERT, 150,
          "770 1539" },
        { "nearly lossless", "spec.encode.crf", "2", STAGE_CONVERT, 0, "2307 4614" },
        { "the film", "spec.suspend", "false", STAGE_ASSEMBLE, 0, "24193 48386" },
        { "two films", "spec.stereo.layout", "\"LeftRight\"", STAGE_ASSEMBLE, 0, "27626 55252" },
        { "the film on a volume", "spec.output.uri", "\"pvc://c/o.mp4\"", STAGE_ASSEMBLE, 0,
          "256 512" },
        { "no plan yet", "spec.suspend", "false", STAGE_PLAN, 0, "256 512" },
        { "pieces", "spec.segment.mode", "\"Copy\"", STAGE_PLAN, 0, "8448 16896" },
        { "one segment", "status.plan.segments", "1", STAGE_CONVERT, 0, "20760 41520" },
        { "a film without end", "status.plan.frames", "1e15", STAGE_ASSEMBLE, 0,
          "2097408 4194816" },
        { "the user's word", "spec.auxiliary.resources.limits", "{\"ephemeral-storage\":\"1Gi\"}",
          STAGE_ASSEMBLE, 150, "0 1536" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct action action = { .id = { .stage = rows[i].stage },
                                       .storage_percent = rows[i].percent };
        AUTO(cJSON) cJSON *job = job_of(secrets);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;
        char got[64];
        const cJSON *request, *limit;

        context.cluster = &cluster;
        json_path_set(job, rows[i].path, cJSON_Parse(rows[i].value));
        pod = pods_manifest(&context, &action);
        request = json_path(pod, "spec.containers[0].resources.requests.ephemeral-storage");
        limit = json_path(pod, "spec.containers[0].resources.limits.ephemeral-storage");
        (void)snprintf(got, sizeof(got), "%lld %lld",
                       request ? (strtoll(request->valuestring, NULL, 10) + 1048575) >> 20 : 0LL,
                       limit ? (strtoll(limit->valuestring, NULL, 10) + 1048575) >> 20 : 0LL);
        CHECK_STR(rows[i].name, got, rows[i].want);
        CHECK_STR(rows[i].name, json_path(pod, "spec.volumes[0].emptyDir.sizeLimit")->valuestring,
                  limit->valuestring);
    }
}

static void work_lies_beside_the_output(void **state)
{
    static const struct row {
        const char *work, *output, *want; /* want of an error: the field */
    } rows[] = {
        { NULL, "s3://films/a/b/out.mp4", "s3://films/a/b/.stereojob/" UID_TEXT "/" },
        { NULL, "s3://films/out.mp4", "s3://films/.stereojob/" UID_TEXT "/" },
        { NULL, "pvc://claim/out.mp4", "pvc://claim/.stereojob/" UID_TEXT "/" },
        { NULL, "pvc://claim/a/out.mp4", "pvc://claim/a/.stereojob/" UID_TEXT "/" },
        { "s3://mid", "s3://films/out.mp4", "s3://mid/" UID_TEXT "/" },
        { "s3://mid/", "s3://films/out.mp4", "s3://mid/" UID_TEXT "/" },
        { "s3://mid/a//", "s3://films/out.mp4", "s3://mid/a/" UID_TEXT "/" },
        { "pvc://claim", "s3://films/out.mp4", "pvc://claim/" UID_TEXT "/" },
        { "pvc://claim/a", "s3://films/out.mp4", "pvc://claim/a/" UID_TEXT "/" },
        { NULL, "/films/out.mp4", "spec.output.uri" },
        { NULL, "s3:///out.mp4", "spec.output.uri" },
        { "/tmp", "s3://films/out.mp4", "spec.work.uri" },
        { "https://h/a", "s3://films/out.mp4", "spec.work.uri" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_of(bare);
        AUTO_FREE char *uri = NULL;
        struct err err = { .code = ERR_NONE };

        json_path_set(job, "spec.output.uri", cJSON_CreateString(rows[i].output));
        if (rows[i].work)
            json_path_set(job, "spec.work.uri", cJSON_CreateString(rows[i].work));
        if (pods_work_uri(&uri, job, &err) < 0) {
            CHECK_INT(rows[i].output, err.code, ERR_CONFIG);
            CHECK_HAS(rows[i].output, err.msg, rows[i].want);
        } else {
            CHECK_STR(rows[i].output, uri, rows[i].want);
        }
    }
}

static void a_bad_node_is_rather_not_taken_again(void **state)
{
    struct action action = { .id = { .stage = STAGE_CONVERT } };
    AUTO(cJSON) cJSON *job = job_of(rich);
    struct pods_context context = context_of(job);
    AUTO(cJSON) cJSON *pod = NULL;
    AUTO_FREE char *got = NULL;

    (void)state;
    (void)snprintf(action.avoid_node, sizeof(action.avoid_node), "gpu-1");
    pod = pods_manifest(&context, &action);
    got = json_print(json_path(pod, "spec.affinity"));
    CHECK_STR("affinity", got,
              "{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
              "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":"
              "\"In\",\"values\":[\"a\"]}]}]},"
              "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":100,"
              "\"preference\":{\"matchExpressions\":[{\"key\":\"kubernetes.io/hostname\","
              "\"operator\":\"NotIn\",\"values\":[\"gpu-1\"]}]}}]}}");
}

static void what_is_no_affinity_stays_as_it_is(void **state)
{
    static const char *const rows[] = {
        "{\"nodeAffinity\":\"x\"}",
        "{\"nodeAffinity\":[]}",
        "{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":{}}}",
    };
    struct action action = { .id = { .stage = STAGE_CONVERT }, .avoid_node = "gpu-1" };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_of(rich);
        struct pods_context context = context_of(job);
        AUTO(cJSON) cJSON *pod = NULL;
        AUTO_FREE char *got = NULL;

        json_path_set(job, "spec.affinity", cJSON_Parse(rows[i]));
        pod = pods_manifest(&context, &action);
        got = json_print(json_path(pod, "spec.affinity"));
        CHECK_STR(rows[i], got, rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_are_as_they_were_accepted),
        cmocka_unit_test(a_manifest_is_read_back),
        cmocka_unit_test(without_tracking_only_the_token_is_there),
        cmocka_unit_test(each_stage_has_its_own_keys),
        cmocka_unit_test(only_who_has_a_gpu_asks_its_driver),
        cmocka_unit_test(who_cleans_is_nobodys_child),
        cmocka_unit_test(a_claim_is_mounted_once_and_written_where_it_must),
        cmocka_unit_test(scratch_follows_the_plan),
        cmocka_unit_test(work_lies_beside_the_output),
        cmocka_unit_test(a_bad_node_is_rather_not_taken_again),
        cmocka_unit_test(what_is_no_affinity_stays_as_it_is),
        cmocka_unit_test(quantities_grow),
        cmocka_unit_test(resources_follow_the_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
