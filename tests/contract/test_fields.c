/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole documents: all that is wrong at once, with its place.
 */
#include "tests/common/check.h"
#include "tests/contract/jobs.h"

#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/mem.h"

#define HEAD                                                                                       \
    "apiVersion: stereojob.io/v1\n"                                                                \
    "kind: StereoJob\n"                                                                            \
    "metadata: {name: film}\n"                                                                     \
    "spec:\n"
#define FILMS                                                                                      \
    "  source: {uri: /in/film.mp4}\n"                                                              \
    "  output: {uri: /out/film.mkv}\n"

static char *all_problems(const struct fields_report *report)
{
    struct buf text;
    struct err err;

    buf_init(&text, 1u << 20);
    for (size_t i = 0; i < report->count; i++)
        (void)buf_printf(&text, &err, "%s\n", report->problems[i].text);
    return buf_take(&text);
}

static char *all_notes(const struct fields_report *report)
{
    struct buf text;
    struct err err;

    buf_init(&text, 1u << 20);
    for (size_t i = 0; i < report->note_count; i++)
        (void)buf_printf(&text, &err, "%s\n", report->notes[i]);
    return buf_take(&text);
}

#define OUTPUT_WORDS "s3://bucket/key or pvc://claim/path without '..'"
#define SOURCE_WORDS "s3://bucket/key, pvc://claim/path without '..', or https://host/path"
#define WORK_WORDS   "s3://bucket/prefix or pvc://claim/path without '..'"

static const struct row {
    const char *name, *yaml;
    const char *problems; /* one a line */
    bool in_cluster;
} rows[] = {
    { "the least job is fine", HEAD FILMS, "", false },
    { "nothing at all", "[]",
      "the document must be an object with apiVersion, kind, metadata, spec\n", false },
    { "an empty object says all that is missing", "{}",
      "apiVersion: is missing\nkind: is missing\n"
      "metadata: is missing\nspec: is missing\n",
      false },
    { "what is missing is where its parent is", HEAD "  source: {}\n",
      "line 5, column 3: spec.source.uri: is missing\nline 4, column 1: spec.output: is missing\n",
      false },
    { "all errors at once, in the order of the file",
      "apiVersion: stereojob.io/v1\n"
      "kind: StereoJobs\n"
      "metadata:\n"
      "  name: My_Film\n"
      "spec:\n"
      "  sorce: {uri: a}\n"
      "  output:\n"
      "    uri: /out.avi\n"
      "    overwrite: sure\n"
      "  stereo:\n"
      "    layout: fullsbs\n"
      "    divergence: 25\n"
      "  segment:\n"
      "    second: 60\n"
      "  parallelism: many\n",
      "line 2, column 1: kind: must be StereoJob, not 'StereoJobs'\n"
      "line 4, column 3: metadata.name: must be lower-case letters and digits, with '-' only "
      "between them, not 'My_Film'\n"
      "line 6, column 3: spec.sorce: unknown field; did you mean source?\n"
      "line 9, column 5: spec.output.overwrite: must be true or false, not 'sure'\n"
      "line 11, column 5: spec.stereo.layout: 'fullsbs' is not one of FullSBS, HalfSBS, FullTB, "
      "HalfTB, Left, Right, Depth, "
      "CrossSBS, AnaglyphDubois, AnaglyphColor, AnaglyphHalfColor, AnaglyphGray, RGBD, LeftRight; "
      "did you "
      "mean FullSBS?\n"
      "line 12, column 5: spec.stereo.divergence: must be a number 0..10, not 25\n"
      "line 14, column 5: spec.segment.second: unknown field; did you mean seconds?\n"
      "line 15, column 3: spec.parallelism: must be a whole number 1..10000, not 'many'\n"
      "line 5, column 1: spec.source: is missing\n"
      "line 8, column 5: spec.output.uri: must end in .mp4, .mov, .mkv or .m3u8\n",
      false },
    { "a field at the wrong place is shown the right one",
      HEAD FILMS "  layout: FullSBS\n  crf: 20\n",
      "line 7, column 3: spec.layout: unknown field; did you mean spec.stereo.layout?\n"
      "line 8, column 3: spec.crf: unknown field; did you mean spec.encode.crf?\n",
      false },
    { "a field like no other", HEAD FILMS "  wobbulator: 1\n",
      "line 7, column 3: spec.wobbulator: unknown field\n", false },
    { "an empty value", HEAD FILMS "  stereo:\n    layout:\n",
      "line 8, column 5: spec.stereo.layout: is empty; give it a value or leave it out\n", false },
    { "an empty object", HEAD FILMS "  stereo:\n",
      "line 7, column 3: spec.stereo: is empty; give it a value or leave it out\n", false },
    { "a list for an object", HEAD FILMS "  stereo: [FullSBS]\n",
      "line 7, column 3: spec.stereo: must be an object, not a list\n", false },
    { "a dotted key is no path", HEAD FILMS "  stereo.layout: FullSBS\n",
      "line 7, column 3: spec.stereo.layout: unknown field\n", false },
    { "control characters do not reach the terminal", HEAD FILMS "  \"a\\u001b[31m\\n\": 1\n",
      "line 7, column 3: spec.a?[31m?: unknown field\n", false },
    { "a number too large for any", HEAD FILMS "  parallelism: 99999999999999999999\n",
      "line 7, column 3: spec.parallelism: must be a whole number 1..10000, not "
      "'99999999999999999999'\n",
      false },
    { "depth.uri belongs to Video", HEAD FILMS "  depth: {uri: /d.mkv}\n",
      "line 7, column 11: spec.depth.uri: is only read with spec.depth.provider: Video\n", false },
    { "depth.uri and Classical", HEAD FILMS "  depth: {provider: Classical, uri: /d.mkv}\n",
      "line 7, column 32: spec.depth.uri: is only read with spec.depth.provider: Video\n", false },
    { "Video needs depth.uri", HEAD FILMS "  depth: {provider: Video}\n",
      "line 7, column 3: spec.depth.uri: is missing; provider Video needs a depth film\n", false },
    { "Video with depth.uri", HEAD FILMS "  depth: {provider: Video, uri: /d.mkv}\n", "", false },
    { "the output is the source", HEAD "  source: {uri: /a.mp4}\n  output: {uri: /a.mp4}\n",
      "line 6, column 12: spec.output.uri: is the source; the film would be lost\n", false },
    { "a film ends after it begins",
      HEAD "  source: {uri: /a.mp4, fromSeconds: 9.5, toSeconds: 9.5}\n  output: {uri: /b.mp4}\n",
      "line 5, column 43: spec.source.toSeconds: must be after spec.source.fromSeconds (9.5), not "
      "9.5\n",
      false },
    { "crf of x264 ends at 51", HEAD FILMS "  encode: {codec: libx265, crf: 60}\n",
      "line 7, column 28: spec.encode.crf: must be 0..51 with codec libx265, not 60\n", false },
    { "crf of AV1 goes on", HEAD FILMS "  encode: {codec: libsvtav1, crf: 60}\n", "", false },
    { "URIs of a cluster, on one machine",
      HEAD "  source: {uri: 's3://b/k'}\n  output: {uri: 'pvc://c/k.mp4'}\n"
           "  work: {uri: 'https://h/'}\n",
      "line 5, column 12: spec.source.uri: s3:// needs a cluster; on one machine use a path or "
      "file:///path\n"
      "line 6, column 12: spec.output.uri: pvc:// needs a cluster; on one machine use a path or "
      "file:///path\n"
      "line 7, column 10: spec.work.uri: https:// is not read here; download it first: on one "
      "machine use a path or file:///path\n",
      false },
    { "URIs of a cluster, in a cluster",
      HEAD "  source: {uri: 'https://h/k'}\n  output: {uri: 'pvc://c/..k/.a/k.mp4'}\n"
           "  work: {uri: 's3://bucket/k'}\n",
      "", true },
    { "a path, in a cluster", HEAD FILMS,
      "line 5, column 12: spec.source.uri: must be " SOURCE_WORDS "\n"
      "line 6, column 12: spec.output.uri: must be " OUTPUT_WORDS "\n",
      true },
    { "no work is the output",
      HEAD "  source: {uri: 's3://bucket/k'}\n  output: {uri: 's3://bucket/k.mp4'}\n"
           "  work: {uri: 's3://bucket/k.mp4'}\n",
      "line 7, column 10: spec.work.uri: is the output; it must be a folder of its own\n", true },
    { "URIs that a cluster does not know",
      HEAD "  source: {uri: 'ftp://h/k'}\n  output: {uri: 'https://h/k'}\n"
           "  work: {uri: 'gs://b/k'}\n",
      "line 5, column 12: spec.source.uri: must be " SOURCE_WORDS "\n"
      "line 6, column 12: spec.output.uri: must be " OUTPUT_WORDS "\n"
      "line 7, column 10: spec.work.uri: must be " WORK_WORDS "\n"
      "line 6, column 12: spec.output.uri: must end in .mp4, .mov, .mkv or .m3u8\n",
      true },
    { "what the API server wrote is no mistake",
      "apiVersion: stereojob.io/v1\nkind: StereoJob\n"
      "metadata: {name: film, uid: a, resourceVersion: '1', generation: 2, managedFields: [],\n"
      "  creationTimestamp: '2026-11-22T10:00:00Z', finalizers: [a], labels: {a: b}}\n"
      "spec:\n" FILMS "status: {phase: Pending}\n",
      "", false },
    { "but what it did not write is", HEAD FILMS "generation: 2\n",
      "line 7, column 1: generation: unknown field\n", false },
};

static void documents_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(yaml_places) struct yaml_places *places = NULL;
        AUTO(cJSON) cJSON *job = NULL;
        AUTO_FREE char *problems = NULL;
        struct fields_report report;
        struct err err = { 0 };
        int rc;

        CHECK_OK(yaml_parse(&job, &places, rows[i].yaml, strlen(rows[i].yaml), &err), err);
        rc = fields_check(job, places, !rows[i].in_cluster, &report, &err);
        problems = all_problems(&report);
        CHECK_STR(rows[i].name, problems, rows[i].problems);
        CHECK_INT(rows[i].name, rc, rows[i].problems[0] ? -1 : 0);
        if (rc < 0)
            CHECK_HAS(rows[i].name, err.msg, report.problems[0].text);
        fields_report_clear(&report);
    }
}

static void the_error_counts_the_problems(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();
    struct fields_report report;
    struct err err;

    (void)state;
    json_path_set(job, "spec.parallelism", cJSON_CreateNumber(0));
    CHECK_ERR(fields_check(job, NULL, true, &report, &err), err, ERR_CONFIG);
    CHECK_STR("one", err.msg, "spec.parallelism: must be a whole number 1..10000, not 0");
    fields_report_clear(&report);
    json_path_set(job, "spec.nothing", cJSON_CreateNumber(0));
    CHECK_ERR(fields_check(job, NULL, true, &report, &err), err, ERR_CONFIG);
    CHECK_STR("two", err.msg,
              "spec.parallelism: must be a whole number 1..10000, not 0 (the first of 2 problems)");
    fields_report_clear(&report);
}

static void thousands_of_problems_are_cut(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();
    struct fields_report report;
    struct err err;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        AUTO_FREE char *path = xasprintf("spec.unknown%d", i);

        json_path_set(job, path, cJSON_CreateTrue());
    }
    CHECK_ERR(fields_check(job, NULL, true, &report, &err), err, ERR_CONFIG);
    CHECK_INT("count", report.count, 101);
    CHECK_STR("last", report.problems[100].text, "and 4900 more problems");
    CHECK_HAS("error", err.msg, "(the first of 5000 problems)");
    fields_report_clear(&report);
}

static void a_long_name_is_cut(void **state)
{
    AUTO_FREE char *name = xmalloc(100001);
    AUTO(cJSON) cJSON *job = job_new();
    struct fields_report report;
    struct err err;

    (void)state;
    memset(name, 'x', 100000);
    name[100000] = '\0';
    cJSON_AddItemToObject(job, name, cJSON_CreateString(name));
    json_path_set(job, "spec.encode.preset", cJSON_CreateString(name));
    CHECK_ERR(fields_check(job, NULL, true, &report, &err), err, ERR_CONFIG);
    CHECK_INT("count", report.count, 2);
    CHECK_HAS("name", report.problems[1].text, "xxx...: unknown field");
    CHECK_HAS("value", report.problems[0].text, "has 100000 bytes; must have 1..31");
    fields_report_clear(&report);
}

#define IGNORED ": means nothing on one machine; ignored\n"

static const char scheduling[] =
    HEAD FILMS "  pendingDeadlineSeconds: 60\n"
               "  ttlSecondsAfterFinished: 60\n"
               "  priorityClassName: low\n"
               "  resources:\n    requests: {cpu: 2, memory: 8Gi}\n    gpu: {}\n"
               "  nodeSelector: {disk: ssd}\n"
               "  tolerations: [{key: gpu, operator: Exists}]\n"
               "  affinity: {nodeAffinity: {}}\n"
               "  runtimeClassName: nvidia\n"
               "  auxiliary: {nodeSelector: {a: b}, resources: {limits: {cpu: 1}}}\n"
               "  work: {secretName: s}\n";

/* One line a thing: what is below an ignored object is not told again. */
static void what_one_machine_ignores_is_noted(void **state)
{
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO(cJSON) cJSON *job = NULL;
    AUTO_FREE char *notes = NULL;
    struct fields_report report;
    struct err err;

    (void)state;
    CHECK_OK(yaml_parse(&job, &places, scheduling, strlen(scheduling), &err), err);
    CHECK_OK(fields_check(job, places, true, &report, &err), err);
    notes = all_notes(&report);
    CHECK_STR("notes", notes,
              "spec.pendingDeadlineSeconds" IGNORED "spec.ttlSecondsAfterFinished" IGNORED
              "spec.priorityClassName" IGNORED "spec.resources" IGNORED "spec.nodeSelector" IGNORED
              "spec.tolerations" IGNORED "spec.affinity" IGNORED "spec.runtimeClassName" IGNORED
              "spec.auxiliary" IGNORED "spec.work.secretName" IGNORED);
    fields_report_clear(&report);
    json_path_set(job, "spec.source.uri", cJSON_CreateString("s3://bucket/a.mp4"));
    json_path_set(job, "spec.output.uri", cJSON_CreateString("s3://bucket/b.mp4"));
    CHECK_OK(fields_check(job, places, false, &report, &err), err);
    CHECK_INT("in a cluster", report.note_count, 0);
    fields_report_clear(&report);
}

static void defaults_come_to_be(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();
    AUTO_FREE char *once = NULL, *twice = NULL;

    (void)state;
    json_path_set(job, "spec.stereo.divergence", cJSON_CreateNumber(3));
    fields_default(job);
    once = json_print(cJSON_GetObjectItem(job, "spec"));
    CHECK_STR(
        "spec", once,
        "{\"source\":{\"uri\":\"/in/film.mp4\"},"
        "\"output\":{\"uri\":\"/out/film3d.mp4\",\"overwrite\":false},"
        "\"stereo\":{\"divergence\":3,\"layout\":\"FullSBS\",\"convergence\":0.5,"
        "\"convergenceMode\":\"Fixed\",\"syntheticView\":\"Both\",\"ipdOffset\":0,"
        "\"foregroundScale\":0,"
        "\"edgeDilation\":0,\"preserveScreenBorder\":false},\"depth\":{\"provider\":\"Classical\"},"
        "\"encode\":{\"codec\":\"auto\"},\"segment\":{\"mode\":\"Index\"},"
        "\"backoffLimitPerIndex\":3,\"stallSeconds\":120,\"suspend\":false,"
        "\"cancel\":false,\"podRetention\":3}");
    fields_default(job);
    twice = json_print(cJSON_GetObjectItem(job, "spec"));
    CHECK_STR("twice", twice, once);
}

/* A pod asks for a GPU only when the job does. */
static void a_gpu_has_defaults_only_where_it_is_asked_for(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();

    (void)state;
    fields_default(job);
    assert_null(json_path(job, "spec.resources"));
    json_path_set(job, "spec.resources.gpu", cJSON_CreateObject());
    fields_default(job);
    CHECK_STR("name", json_path(job, "spec.resources.gpu.name")->valuestring, "nvidia.com/gpu");
    CHECK_INT("count", json_path(job, "spec.resources.gpu.count")->valueint, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_judged),
        cmocka_unit_test(the_error_counts_the_problems),
        cmocka_unit_test(thousands_of_problems_are_cut),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(what_one_machine_ignores_is_noted),
        cmocka_unit_test(defaults_come_to_be),
        cmocka_unit_test(a_gpu_has_defaults_only_where_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
