/* SPDX-License-Identifier: Apache-2.0
 *
 * The table keeps its own rules, and each of its fields takes what it should and refuses the rest.
 */
#include "tests/common/check.h"
#include "tests/contract/jobs.h"

#include "common/contract/fields.h"

#include <regex.h>

#define QUOTE(text) "\"" text "\""
#define HUNDRED                                                                                    \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxx"

/* One good value and one bad value a line; a field may have several lines. bad NULL: none. */
static const struct {
    const char *path, *good, *bad, *why;
} rows[] = {
    { "apiVersion", QUOTE("stereojob.io/v1"), QUOTE("stereojob.io/v2"),
      "apiVersion: must be stereojob.io/v1, not 'stereojob.io/v2'" },
    { "kind", QUOTE("StereoJob"), QUOTE("Job"), "kind: must be StereoJob, not 'Job'" },
    { "kind", QUOTE("StereoJob"), "3", "kind: must be StereoJob, not 3" },
    { "metadata.name", QUOTE("a"), QUOTE("My Film"),
      "metadata.name: must be lower-case letters and digits, with '-' only between them, not "
      "'My Film'" },
    { "metadata.name", QUOTE("a-1"), QUOTE("a-"), "not 'a-'" },
    { "metadata.name", QUOTE("1"), QUOTE(""), "metadata.name: must not be empty" },
    { "metadata.name", QUOTE("x"), QUOTE(HUNDRED),
      "metadata.name: has 100 bytes; must have 1..63" },
    { "metadata.name", QUOTE("123"), "123",
      "metadata.name: must be text (write it in quotes), not 123" },
    { "metadata.namespace", QUOTE("films"), QUOTE("a.b"), "metadata.namespace: must be" },
    { "metadata.labels", "{\"a.b/c\":\"d\"}", "[]",
      "metadata.labels: must be an object of names and values, not a list" },
    { "metadata.labels", "{\"a\":\"\"}", "{\"a\":1}",
      "metadata.labels.a: must be text (write it in quotes), not 1" },
    { "metadata.labels", "{}", "{\"\":\"x\"}", "a name must have 1..317 bytes" },
    { "metadata.annotations", "{\"a\":\"b\"}", "{\"a\":null}",
      "metadata.annotations.a: must be text, not empty" },
    { "spec.source.uri", QUOTE("file:///a"), "[]", "spec.source.uri: must be text, not a list" },
    { "spec.source.secretName", QUOTE("s3.key"), QUOTE("S3"), "not 'S3'" },
    { "spec.output.uri", QUOTE("/a.MKV"), QUOTE("/a.avi"),
      "spec.output.uri: must end in .mp4, .mov, .mkv or .m3u8" },
    { "spec.output.uri", QUOTE("file:///a.mov"), QUOTE("/.mp4x"), "must end in" },
    { "spec.output.secretName", QUOTE("s"), QUOTE(""), "must not be empty" },
    { "spec.output.overwrite", "true", QUOTE("yes"), "must be true or false, not 'yes'" },
    { "spec.work.uri", QUOTE("/w"), "1", "must be text (write it in quotes), not 1" },
    { "spec.source.fromSeconds", "0", "-1", "must be a number 0..360000, not -1" },
    { "spec.source.fromSeconds", "90.5", QUOTE("1:30"), "not '1:30'" },
    { "spec.source.toSeconds", "0.001", "0", "must be a number 0.001..360000, not 0" },
    { "spec.work.secretName", QUOTE("s"), "{}", "must be text, not an object" },
    { "spec.stereo.layout", QUOTE("HalfTB"), QUOTE("HalfBT"),
      "spec.stereo.layout: 'HalfBT' is not one of FullSBS, HalfSBS, FullTB, HalfTB, Left, Right, "
      "Depth, CrossSBS, AnaglyphDubois, AnaglyphColor, AnaglyphHalfColor, AnaglyphGray, RGBD, "
      "LeftRight; did "
      "you mean HalfTB?" },
    { "spec.stereo.layout", QUOTE("Depth"), QUOTE("full-sbs"), "did you mean FullSBS?" },
    { "spec.stereo.layout", QUOTE("Left"), "2", "'2' is not one of" },
    { "spec.stereo.divergence", "0", "10.01",
      "spec.stereo.divergence: must be a number 0..10, not 10.01" },
    { "spec.stereo.divergence", "10", "-0.1", "must be a number 0..10, not -0.1" },
    { "spec.stereo.divergence", "2.5", QUOTE("2.5"), "must be a number 0..10, not '2.5'" },
    { "spec.stereo.convergence", "1", "1.5", "must be a number 0..1, not 1.5" },
    { "spec.stereo.convergenceMode", QUOTE("Auto"), QUOTE("auto"),
      "'auto' is not one of Fixed, Auto; did you mean Auto?" },
    { "spec.stereo.ipdOffset", "-10", "10.5", "must be a number -10..10, not 10.5" },
    { "spec.stereo.foregroundScale", "-3", "4", "must be a number -3..3, not 4" },
    { "spec.stereo.edgeDilation", "8", "9", "must be a whole number 0..8, not 9" },
    { "spec.stereo.preserveScreenBorder", "true", "1", "must be true or false" },
    { "spec.stereo.syntheticView", QUOTE("Right"), QUOTE("None"),
      "'None' is not one of Both, Left, Right" },
    { "spec.depth.provider", QUOTE("Classical"), QUOTE("Onnx"),
      "'Onnx' is not one of Classical, Video" },
    { "spec.depth.uri", NULL, "true", "must be text (write it in quotes), not true" },
    { "spec.encode.codec", QUOTE("libx265"), QUOTE("libx265;rm"),
      "must be lower-case letters, digits and '_', not 'libx265;rm'" },
    { "spec.encode.codec", QUOTE("auto"), QUOTE(HUNDRED), "has 100 bytes; must have 1..31" },
    { "spec.encode.preset", QUOTE("slow"), QUOTE("very slow"), "not 'very slow'" },
    { "spec.encode.crf", "0", "-1", "must be a whole number 0..63, not -1" },
    { "spec.encode.crf", "51", "52", "spec.encode.crf: must be 0..51 with codec auto, not 52" },
    { "spec.encode.crf", "51", "64", "must be a whole number 0..63, not 64" },
    { "spec.encode.crf", "20", "20.5", "must be a whole number 0..63, not 20.5" },
    { "spec.encode.pixFmt", QUOTE("yuv420p10le"), QUOTE("yuv422p"), "did you mean yuv420p?" },
    { "spec.encode.maxFps", "0.5", "0", "must be a number 0.01..1000, not 0" },
    { "spec.segment.seconds", "0.1", "0.09", "must be a number 0.1..36000, not 0.09" },
    { "spec.segment.seconds", "36000", "36001", "must be a number 0.1..36000, not 36001" },
    { "spec.segment.mode", QUOTE("Copy"), QUOTE("Cpy"), "did you mean Copy?" },
    { "spec.parallelism", "1", "0", "must be a whole number 1..10000, not 0" },
    { "spec.parallelism", "10000", "10001", "must be a whole number 1..10000, not 10001" },
    { "spec.backoffLimitPerIndex", "0", "1001", "0..1000, not 1001" },
    { "spec.maxFailedIndexes", "0", "-1", "0..20000, not -1" },
    { "spec.activeDeadlineSeconds", "1", "0", "1..315360000, not 0" },
    { "spec.segmentDeadlineSeconds", "1", "0", "1..315360000, not 0" },
    { "spec.pendingDeadlineSeconds", "1", "0", "1..315360000, not 0" },
    { "spec.stallSeconds", "1", "0", "1..86400, not 0" },
    { "spec.suspend", "true", "1", "must be true or false, not 1" },
    { "spec.cancel", "false", QUOTE("no"), "must be true or false, not 'no'" },
    { "spec.ttlSecondsAfterFinished", "0", "-1", "0..315360000, not -1" },
    { "spec.priorityClassName", QUOTE("low"), QUOTE("Low"), "not 'Low'" },
    { "spec.podRetention", "0", "101", "0..100, not 101" },
    { "spec.resources.requests.*", QUOTE("500m"), QUOTE("8 GB"),
      "spec.resources.requests.cpu: must be a quantity such as 2, 500m or 8Gi, not '8 GB'" },
    { "spec.resources.requests.*", "2", "-1", "must be a quantity" },
    { "spec.resources.requests.*", QUOTE("8Gi"), QUOTE("8gi"), "must be a quantity" },
    { "spec.resources.requests.*", QUOTE("1e3"), QUOTE(HUNDRED), "must be a quantity" },
    { "spec.resources.limits.*", QUOTE(".5"), "[]", "must be a quantity" },
    { "spec.resources.requests", "{}", "1", "must be an object of names and values, not 1" },
    { "spec.resources.limits", "{}", "1", "must be an object of names and values, not 1" },
    { "spec.resources.gpu.name", QUOTE("amd.com/gpu"), QUOTE("a gpu"), "not 'a gpu'" },
    { "spec.resources.gpu.count", "16", "17", "0..16, not 17" },
    { "spec.resources.gpu.count", "0", "-1", "0..16, not -1" },
    { "spec.nodeSelector", "{\"a\":\"b\"}", "{\"a\":true}",
      "spec.nodeSelector.a: must be text (write it in quotes), not true" },
    { "spec.nodeSelector.*", QUOTE("gpu-a.1"), QUOTE("a b"),
      "spec.nodeSelector.cpu: must be a label's value" },
    { "spec.nodeSelector.*", QUOTE(""), QUOTE(HUNDRED), "has 100 bytes; must have 0..63" },
    { "spec.tolerations", "[]", "{}", "spec.tolerations: must be a list, not an object" },
    { "spec.tolerations", "[{}]", "[1]", "spec.tolerations[0]: must be an object" },
    { "spec.tolerations", "[{}]", "[{},{\"kye\":\"a\"}]",
      "spec.tolerations[1].kye: unknown field; did you mean key?" },
    { "spec.tolerations[].key", QUOTE("gpu"), "1", "spec.tolerations[0].key: must be text" },
    { "spec.tolerations[].operator", QUOTE("Exists"), QUOTE("Is"), "is not one of Exists" },
    { "spec.tolerations[].value", QUOTE(""), "1", "must be text" },
    { "spec.tolerations[].effect", QUOTE("NoSchedule"), QUOTE("NoSchedul"),
      "did you mean NoSchedule?" },
    { "spec.tolerations[].tolerationSeconds", "0", "-1", "not -1" },
    { "spec.affinity", "{\"nodeAffinity\":{}}", "[]", "must be an object, not a list" },
    { "spec.runtimeClassName", QUOTE("nvidia"), QUOTE("-"), "not '-'" },
    { "spec.auxiliary.resources.requests.*", QUOTE("1Gi"), QUOTE("x"), "must be a quantity" },
    { "spec.auxiliary.resources.limits.*", QUOTE("1Gi"), QUOTE("x"), "must be a quantity" },
    { "spec.auxiliary.resources.requests", "{}", "1", "must be an object" },
    { "spec.auxiliary.resources.limits", "{}", "1", "must be an object" },
    { "spec.auxiliary.resources", "{}", "{\"gpu\":{}}",
      "spec.auxiliary.resources.gpu: unknown field; did you mean spec.resources.gpu?" },
    { "spec.auxiliary.nodeSelector", "{}", "1", "must be an object" },
    { "spec.auxiliary.nodeSelector.*", QUOTE("a"), QUOTE("-a"), "must be a label's value" },
    { "spec.auxiliary.tolerations", "[]", "1", "must be a list" },
    { "spec.auxiliary.tolerations[].key", QUOTE("a"), "1", "must be text" },
    { "spec.auxiliary.tolerations[].operator", QUOTE("Equal"), "1", "is not one of" },
    { "spec.auxiliary.tolerations[].value", QUOTE("a"), "1", "must be text" },
    { "spec.auxiliary.tolerations[].effect", QUOTE("NoExecute"), "1", "is not one of" },
    { "spec.auxiliary.tolerations[].tolerationSeconds", "1", "1.5", "must be a whole number" },
    { "spec.auxiliary.affinity", "{}", "1", "must be an object" },
};

static bool is_tried(const char *path)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].path, path) == 0)
            return true;
    }
    return false;
}

static void every_field_is_in_this_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].type != FIELD_OBJECT && !is_tried(fields[i].path))
            fail_msg("%s has no row here", fields[i].path);
    }
}

static void every_field_takes_what_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        struct fields_report report;
        struct err err;

        if (!rows[i].good)
            continue;
        job_set(job, rows[i].path, rows[i].good);
        if (fields_check(job, NULL, true, &report, &err) < 0)
            fail_msg("[%s %s] %s", rows[i].path, rows[i].good, err.msg);
        fields_report_clear(&report);
    }
}

static void every_field_refuses_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = job_new();
        struct fields_report report;
        struct err err;

        job_set(job, rows[i].path, rows[i].bad);
        if (fields_check(job, NULL, true, &report, &err) == 0)
            fail_msg("[%s %s] was taken", rows[i].path, rows[i].bad);
        CHECK_INT(rows[i].bad, err.code, ERR_CONFIG);
        CHECK_HAS(rows[i].path, report.problems[0].text, rows[i].why);
        fields_report_clear(&report);
    }
}

/* The table is walked from the top: a default's parent must have come before. */
static void parents_stand_before_their_children(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        const char *dot = strrchr(fields[i].path, '.');
        size_t len = dot ? (size_t)(dot - fields[i].path) : 0, at;

        if (!dot)
            continue;
        if (len > 2 && fields[i].path[len - 1] == ']')
            len -= 2;
        for (at = 0; at < i; at++) {
            if (strlen(fields[at].path) == len && !strncmp(fields[at].path, fields[i].path, len))
                break;
        }
        if (at == i)
            fail_msg("%s: its parent does not stand before it", fields[i].path);
    }
}

static void paths_and_flags_are_there_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        assert_ptr_equal(fields_find(fields[i].path), &fields[i]);
        if (fields[i].flag)
            assert_ptr_equal(fields_find_flag(fields[i].flag), &fields[i]);
    }
    assert_null(fields_find("spec.nothing"));
    assert_null(fields_find("spec.stereo.layouts"));
    assert_null(fields_find_flag("nothing"));
}

static void every_row_is_documented_and_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        const struct field *row = &fields[i];
        bool is_bounded = row->type == FIELD_OBJECT || row->type == FIELD_ENUM ||
                          row->type == FIELD_BOOL || row->min < row->max;

        if (!is_bounded)
            fail_msg("%s has no bounds", row->path);
        if (!row->doc || strlen(row->doc) < 8 || row->doc[strlen(row->doc) - 1] != '.')
            fail_msg("%s: its doc is not a sentence", row->path);
        if (strcspn(row->doc, ".") < 8 && !strstr(row->doc, "kind"))
            fail_msg("%s: its doc's first sentence is cut: --help ends it at a full stop",
                     row->path);
        if (row->flag && strcspn(row->doc, ".,:;(") > 42)
            fail_msg("--%s: its doc's first clause does not fit a line of --help", row->flag);
        if ((row->type == FIELD_ENUM) != (row->values != NULL))
            fail_msg("%s: values belong to enums", row->path);
        if ((row->pattern != NULL) != (row->pattern_words != NULL))
            fail_msg("%s: a pattern needs words", row->path);
        if ((row->cluster_pattern != NULL) != (row->cluster_words != NULL))
            fail_msg("%s: a cluster's pattern needs words", row->path);
    }
}

static void every_pattern_is_anchored_and_compiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        const char *patterns[] = { fields[i].pattern, fields[i].cluster_pattern };
        const char *pattern;
        regex_t regex;

        if (!patterns[0] && !patterns[1])
            continue;
        CHECK_INT(fields[i].path, patterns[0] && patterns[1], false);
        pattern = patterns[0] ? patterns[0] : patterns[1];
        assert_null(strpbrk(pattern, "'\\")); /* it stands in single quotes in the CRD's CEL */
        CHECK_INT(fields[i].path, pattern[0], '^');
        CHECK_INT(fields[i].path, pattern[strlen(pattern) - 1], '$');
        CHECK_INT(fields[i].path, regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        regfree(&regex);
    }
}

static void every_default_is_a_value_of_its_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        AUTO(cJSON) cJSON *job = job_new();
        struct fields_report report;
        struct err err;

        if (!fields[i].def)
            continue;
        job_set(job, fields[i].path, fields[i].def);
        CHECK_OK(fields_check(job, NULL, true, &report, &err), err);
        fields_report_clear(&report);
    }
}

static void what_must_not_change_is_marked(void **state)
{
    static const char *const parts[] = { "spec.source", "spec.output", "spec.stereo",
                                         "spec.depth",  "spec.encode", "spec.segment" };

    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        bool want = false;

        for (size_t j = 0; j < COUNT(parts); j++) {
            size_t len = strlen(parts[j]);

            want = want || (strncmp(fields[i].path, parts[j], len) == 0 &&
                            (!fields[i].path[len] || fields[i].path[len] == '.'));
        }
        if (strncmp(fields[i].path, "spec", 4) == 0)
            CHECK_INT(fields[i].path, fields[i].immutable, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_in_this_test),
        cmocka_unit_test(every_field_takes_what_it_should),
        cmocka_unit_test(every_field_refuses_the_rest),
        cmocka_unit_test(parents_stand_before_their_children),
        cmocka_unit_test(paths_and_flags_are_there_once),
        cmocka_unit_test(every_row_is_documented_and_bounded),
        cmocka_unit_test(every_pattern_is_anchored_and_compiles),
        cmocka_unit_test(every_default_is_a_value_of_its_field),
        cmocka_unit_test(what_must_not_change_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
