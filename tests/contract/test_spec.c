/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "tests/contract/jobs.h"

#include "common/contract/fields.h"
#include "common/contract/spec.h"
#include "common/yaml.h"

static const char full[] =
    "apiVersion: stereojob.io/v1\n"
    "kind: StereoJob\n"
    "metadata: {name: film, namespace: films, labels: {show: a}, annotations: {a/b: c}}\n"
    "spec:\n"
    "  source: {uri: 'file:///in/a%20film.mkv', secretName: s}\n"
    "  output: {uri: /out/film.mov, overwrite: true}\n"
    "  work: {uri: /work}\n"
    "  stereo: {layout: HalfTB, divergence: 3, convergence: 0.25, syntheticView: Right}\n"
    "  depth: {provider: Video, uri: /in/depth.mkv}\n"
    "  encode: {codec: libx265, preset: slow, crf: 0, pixFmt: yuv420p10le}\n"
    "  segment: {seconds: 12.5, mode: Copy}\n"
    "  parallelism: 12\n"
    "  backoffLimitPerIndex: 0\n"
    "  maxFailedIndexes: 0\n"
    "  activeDeadlineSeconds: 100\n"
    "  segmentDeadlineSeconds: 101\n"
    "  pendingDeadlineSeconds: 102\n"
    "  stallSeconds: 103\n"
    "  suspend: true\n"
    "  cancel: true\n"
    "  ttlSecondsAfterFinished: 0\n"
    "  priorityClassName: low\n"
    "  podRetention: 0\n"
    "  resources: {requests: {cpu: 2}, limits: {memory: 8Gi}, gpu: {count: 2}}\n"
    "  nodeSelector: {a: b}\n"
    "  tolerations: [{key: a, operator: Equal, value: b, effect: NoExecute, "
    "tolerationSeconds: 5}]\n"
    "  affinity: {podAffinity: {}}\n"
    "  runtimeClassName: nvidia\n"
    "  auxiliary: {resources: {limits: {cpu: 1}}, nodeSelector: {a: b}, tolerations: [], "
    "affinity: {}}\n";

static void check_opt(const char *name, struct spec_opt got, int64_t want)
{
    CHECK_INT(name, got.set, true);
    CHECK_INT(name, got.value, want);
}

static void check_films(const struct job_spec *spec)
{
    CHECK_STR("source", spec->source_uri, "file:///in/a%20film.mkv");
    CHECK_STR("output", spec->output_uri, "/out/film.mov");
    CHECK_STR("work", spec->work_uri, "/work");
    CHECK_INT("overwrite", spec->overwrite, true);
    CHECK_INT("layout", spec->layout, LAYOUT_HALF_TB);
    assert_true(spec->divergence == 3.0 && spec->convergence == 0.25);
    CHECK_INT("view", spec->synthetic_view, SYNTHETIC_RIGHT);
    CHECK_INT("depth", spec->depth, DEPTH_VIDEO);
    CHECK_STR("depth", spec->depth_uri, "/in/depth.mkv");
    CHECK_STR("codec", spec->codec, "libx265");
    CHECK_STR("preset", spec->preset, "slow");
    CHECK_INT("crf", spec->crf, 0);
    CHECK_STR("pixFmt", spec->pix_fmt, "yuv420p10le");
    assert_true(spec->segment_seconds == 12.5);
    CHECK_INT("mode", spec->segment_mode, SEGMENT_COPY);
}

static void a_full_manifest_is_read(void **state)
{
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO(cJSON) cJSON *job = NULL;
    AUTO(job_spec) struct job_spec *spec = NULL;
    struct fields_report report;
    struct err err;

    (void)state;
    CHECK_OK(yaml_parse(&job, &places, full, strlen(full), &err), err);
    CHECK_OK(fields_check(job, places, true, &report, &err), err);
    fields_report_clear(&report);
    fields_default(job);
    CHECK_OK(spec_parse(&spec, job, &err), err);
    check_films(spec);
    CHECK_INT("parallelism", spec->parallelism, 12);
    CHECK_INT("backoff", spec->backoff_limit_per_index, 0);
    check_opt("maxFailedIndexes", spec->max_failed_indexes, 0);
    check_opt("active", spec->active_deadline_s, 100);
    check_opt("segment", spec->segment_deadline_s, 101);
    check_opt("pending", spec->pending_deadline_s, 102);
    CHECK_INT("stall", spec->stall_s, 103);
    check_opt("ttl", spec->ttl_s, 0);
    CHECK_INT("suspend", spec->suspend, true);
    CHECK_INT("cancel", spec->cancel, true);
    CHECK_INT("podRetention", spec->pod_retention, 0);
}

static void the_least_job_gets_defaults(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();
    AUTO(job_spec) struct job_spec *spec = NULL;
    struct err err;

    (void)state;
    CHECK_OK(spec_parse(&spec, job, &err), err);
    assert_null(spec->work_uri);
    assert_null(spec->depth_uri);
    assert_true(spec->divergence == 2.0 && spec->convergence == 0.5);
    CHECK_INT("layout", spec->layout, LAYOUT_FULL_SBS);
    CHECK_INT("depth", spec->depth, DEPTH_CLASSICAL);
    CHECK_STR("codec", spec->codec, "auto");
    CHECK_STR("preset", spec->preset, "");
    CHECK_STR("pixFmt", spec->pix_fmt, "");
    CHECK_INT("crf", spec->crf, -1);
    assert_true(spec->segment_seconds == 0);
    CHECK_INT("parallelism", spec->parallelism, 1);
    CHECK_INT("backoff", spec->backoff_limit_per_index, 3);
    CHECK_INT("stall", spec->stall_s, 120);
    CHECK_INT("podRetention", spec->pod_retention, 3);
    CHECK_INT("no limit", spec->max_failed_indexes.set, false);
    CHECK_INT("no deadline", spec->active_deadline_s.set, false);
    CHECK_INT("no ttl", spec->ttl_s.set, false);
    assert_null(json_path(job, "spec.stereo")); /* the job itself is only read */
}

/* What a worker gets is the spec alone. */
static void a_job_of_only_a_spec_is_enough(void **state)
{
    AUTO(cJSON) cJSON *job = job_new();
    AUTO(job_spec) struct job_spec *spec = NULL;
    struct err err;

    (void)state;
    cJSON_DeleteItemFromObject(job, "metadata");
    cJSON_DeleteItemFromObject(job, "kind");
    CHECK_OK(spec_parse(&spec, job, &err), err);
    CHECK_STR("source", spec->source_uri, "/in/film.mp4");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *path, *json, *want;
    } rows[] = {
        { "spec.source", "{}", "spec.source.uri: is missing" },
        { "spec.source.uri", "\"\"", "spec.source.uri: must not be empty" },
        { "spec.output.uri", "7", "spec.output.uri: must be text (write it in quotes), not 7" },
        { "spec.stereo.layout", "\"Wide\"", "spec.stereo.layout: 'Wide' is not one of" },
        { "spec.stereo.divergence", "11", "spec.stereo.divergence: must be a number 0..10" },
        { "spec.encode.codec", "\"a b\"", "spec.encode.codec: must be" },
        { "spec.parallelism", "0", "spec.parallelism: must be a whole number 1..10000" },
        { "spec.stallSeconds", "1e300", "spec.stallSeconds: must be a whole number" },
        { "spec.suspend", "1", "spec.suspend: must be true or false" },
        { "spec.depth.provider", "\"Video\"", "spec.depth.uri: is missing" },
        { "spec.stereo", "3", "spec.stereo.layout: is missing" },
        { "spec", "null", "spec.source.uri: is missing" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        struct job_spec *spec = NULL;
        struct err err;

        job_set(job, rows[i].path, rows[i].json);
        CHECK_ERR(spec_parse(&spec, job, &err), err, ERR_CONFIG);
        CHECK_HAS(rows[i].path, err.msg, rows[i].want);
        assert_null(spec);
    }
}

static const struct {
    enum layout layout;
    const char *flag, *suffix;
    int w, h; /* of 1920x1080 */
} layouts[] = {
    { LAYOUT_FULL_SBS, "full-sbs", "_LRF_Full_SBS", 3840, 1080 },
    { LAYOUT_HALF_SBS, "half-sbs", "_LRF_Half_SBS", 1920, 1080 },
    { LAYOUT_FULL_TB, "full-tb", "_Full_TB", 1920, 2160 },
    { LAYOUT_HALF_TB, "half-tb", "_Half_TB", 1920, 1080 },
    { LAYOUT_LEFT, "left", "_L", 1920, 1080 },
    { LAYOUT_RIGHT, "right", "_R", 1920, 1080 },
    { LAYOUT_DEPTH, "depth", "_depth", 1920, 1080 },
    { LAYOUT_CROSS_SBS, "cross-sbs", "_cross_Full_SBS", 3840, 1080 },
    { LAYOUT_ANAGLYPH_DUBOIS, "anaglyph-dubois", "_anaglyph_dubois", 1920, 1080 },
    { LAYOUT_ANAGLYPH_COLOR, "anaglyph-color", "_anaglyph_color", 1920, 1080 },
    { LAYOUT_ANAGLYPH_HALF_COLOR, "anaglyph-half-color", "_anaglyph_half_color", 1920, 1080 },
    { LAYOUT_ANAGLYPH_GRAY, "anaglyph-gray", "_anaglyph_gray", 1920, 1080 },
    { LAYOUT_RGBD, "rgbd", "_RGBD", 3840, 1080 },
    { LAYOUT_LEFT_RIGHT, "left-right", "_L", 1920, 2160 },
};

static void full_chroma_is_for_anaglyphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        AUTO(job_spec) struct job_spec *spec = NULL;
        const struct field *field = fields_find("spec.stereo.layout");
        struct err err;
        int rc;

        json_path_set(job, "spec.stereo.layout", cJSON_CreateString(field->values[i]));
        json_path_set(job, "spec.encode.pixFmt", cJSON_CreateString("yuv444p10le"));
        rc = spec_parse(&spec, job, &err);
        CHECK_INT(layouts[i].flag, rc, strncmp(layouts[i].flag, "anaglyph", 8) == 0 ? 0 : -1);
        if (rc < 0)
            CHECK_HAS("message", err.msg, "yuv444p10le is for anaglyphs only");
    }
}

/* The C enums and the table's values stand in one order. */
static void layouts_are_those_of_the_table(void **state)
{
    const struct field *field = fields_find("spec.stereo.layout");

    (void)state;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        AUTO(job_spec) struct job_spec *spec = NULL;
        struct err err;
        int w, h;

        CHECK_STR("flag", layout_flag(layouts[i].layout), layouts[i].flag);
        CHECK_STR(layouts[i].flag, layout_suffix(layouts[i].layout), layouts[i].suffix);
        layout_packed_size(layouts[i].layout, 1920, 1080, &w, &h);
        CHECK_INT(layouts[i].flag, w, layouts[i].w);
        CHECK_INT(layouts[i].flag, h, layouts[i].h);
        CHECK_OK(fields_set_flag(job, field, layouts[i].flag, &err), err);
        CHECK_OK(spec_parse(&spec, job, &err), err);
        CHECK_INT(layouts[i].flag, spec->layout, layouts[i].layout);
    }
    assert_null(field->values[COUNT(layouts)]);
}

static void the_right_eye_lies_beside_the_left(void **state)
{
    static const char *const names[][2] = {
        { "film.mkv", "film_R.mkv" },
        { "/a.b/film_L.mkv", "/a.b/film_R.mkv" },
        { "s3://bucket/a_L.b/film", "s3://bucket/a_L.b/film_R" },
        { "film_l.mp4", "film_l_R.mp4" },
        { "film_L.de.mp4", "film_L.de_R.mp4" },
        { "_L.mov", "_R.mov" },
        { "L.mov", "L_R.mov" },
        { "pvc://c/film_LRF_Full_SBS_L.MP4", "pvc://c/film_LRF_Full_SBS_R.MP4" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_FREE char *right = output_right(names[i][0]);

        CHECK_STR(names[i][0], right, names[i][1]);
    }
    for (size_t i = 0; i < COUNT(layouts); i++)
        CHECK_INT(layouts[i].flag, layout_films(layouts[i].layout),
                  layouts[i].layout == LAYOUT_LEFT_RIGHT ? 2 : 1);
}

/* Two films want two places, and none that the job reads. */
static void two_films_have_places_of_their_own(void **state)
{
    static const struct {
        const char *path, *value, *out, *want; /* want NULL: it is well */
    } rows[] = {
        { "spec.source.uri", "s3://b/film_R.mkv", "s3://b/film.mkv", "right eye beside it" },
        { "spec.source.uri", "s3://b/film_R.mkv", "s3://b/film_L.mkv", "right eye beside it" },
        { "spec.work.uri", "s3://b/o_R.mkv", "s3://b/o.mkv", "right eye beside it" },
        { "spec.depth.uri", "s3://b/o_R.mkv", "s3://b/o.mkv", "right eye beside it" },
        { "spec.source.uri", "s3://b/film.mkv", "s3://b/film.M3U8", "HLS" },
        { "spec.source.uri", "s3://b/film_R.mkv", "s3://b/film_R.mov", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        AUTO(job_spec) struct job_spec *spec = NULL, *one = NULL;
        struct err err;

        json_path_set(job, "spec.depth.provider", cJSON_CreateString("Video"));
        json_path_set(job, "spec.depth.uri", cJSON_CreateString("s3://b/depth.mkv"));
        json_path_set(job, "spec.output.uri", cJSON_CreateString(rows[i].out));
        json_path_set(job, rows[i].path, cJSON_CreateString(rows[i].value));
        CHECK_OK(spec_parse(&one, job, &err), err); /* of one film all that is well */
        json_path_set(job, "spec.stereo.layout", cJSON_CreateString("LeftRight"));
        if (!rows[i].want) {
            CHECK_OK(spec_parse(&spec, job, &err), err);
            continue;
        }
        CHECK_ERR(spec_parse(&spec, job, &err), err, ERR_CONFIG);
        CHECK_HAS(rows[i].out, err.msg, "spec.output.uri: layout left-right");
        CHECK_HAS(rows[i].out, err.msg, rows[i].want);
    }
}

static void views_are_those_of_the_table(void **state)
{
    static const char *const flags[] = { "both", "left", "right" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        AUTO(cJSON) cJSON *job = job_new();
        AUTO(job_spec) struct job_spec *spec = NULL;
        struct err err;

        CHECK_OK(fields_set_flag(job, fields_find_flag("synthetic-view"), flags[i], &err), err);
        CHECK_OK(spec_parse(&spec, job, &err), err);
        CHECK_INT(flags[i], spec->synthetic_view, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_manifest_is_read),
        cmocka_unit_test(the_least_job_gets_defaults),
        cmocka_unit_test(a_job_of_only_a_spec_is_enough),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(full_chroma_is_for_anaglyphs),
        cmocka_unit_test(layouts_are_those_of_the_table),
        cmocka_unit_test(the_right_eye_lies_beside_the_left),
        cmocka_unit_test(two_films_have_places_of_their_own),
        cmocka_unit_test(views_are_those_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
