/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/fields.h"

#include <ctype.h>

static const struct {
    const char *flag, *value;
    const char *path, *json; /* what stands there; json NULL: refused with `why` */
    const char *why;
} rows[] = {
    { "overwrite", "true", "spec.output.overwrite", "true", NULL },
    { "overwrite", "false", "spec.output.overwrite", "false", NULL },
    { "overwrite", "yes", NULL, NULL, "--overwrite: must be true or false, not 'yes'" },
    { "layout", "full-sbs", "spec.stereo.layout", "\"FullSBS\"", NULL },
    { "layout", "half-tb", "spec.stereo.layout", "\"HalfTB\"", NULL },
    { "layout", "fullsbs", NULL, NULL,
      "--layout: 'fullsbs' is not one of full-sbs, half-sbs, full-tb, half-tb, left, right, "
      "depth, cross-sbs, anaglyph-dubois, anaglyph-color, anaglyph-half-color, anaglyph-gray, "
      "rgbd, left-right; did you mean full-sbs?" },
    { "layout", "FullSBS", NULL, NULL, "did you mean full-sbs?" },
    { "layout", "cinerama", NULL, NULL,
      "--layout: 'cinerama' is not one of full-sbs, half-sbs, full-tb, half-tb, left, right, "
      "depth, cross-sbs, anaglyph-dubois, anaglyph-color, anaglyph-half-color, anaglyph-gray, "
      "rgbd, left-right" },
    { "layout", "", NULL, NULL, "--layout: '' is not one of" },
    { "divergence", "2.5", "spec.stereo.divergence", "2.5", NULL },
    { "divergence", "0", "spec.stereo.divergence", "0", NULL },
    { "divergence", "25", NULL, NULL, "--divergence: must be a number 0..10, not 25" },
    { "divergence", "a lot", NULL, NULL, "--divergence: must be a number 0..10, not 'a lot'" },
    { "divergence", "nan", NULL, NULL, "--divergence: must be a number 0..10, not 'nan'" },
    { "divergence", "inf", NULL, NULL, "not 'inf'" },
    { "divergence", "0x2", NULL, NULL, "not '0x2'" },
    { "divergence", "1e999", NULL, NULL, "not '1e999'" },
    { "divergence", " 2", NULL, NULL, "not ' 2'" },
    { "divergence", "2,5", NULL, NULL, "not '2,5'" },
    { "divergence", "", NULL, NULL, "not ''" },
    { "convergence", "1e-1", "spec.stereo.convergence", "0.1", NULL },
    { "convergence", "-0.1", NULL, NULL, "--convergence: must be a number 0..1, not -0.1" },
    { "ipd-offset", "-2.5", "spec.stereo.ipdOffset", "-2.5", NULL },
    { "ipd-offset", "11", NULL, NULL, "-10..10" },
    { "foreground-scale", "-1.5", "spec.stereo.foregroundScale", "-1.5", NULL },
    { "foreground-scale", "4", NULL, NULL, "-3..3" },
    { "edge-dilation", "9", NULL, NULL, "0..8" },
    { "preserve-screen-border", "maybe", NULL, NULL, "true or false" },
    { "edge-dilation", "2", "spec.stereo.edgeDilation", "2", NULL },
    { "preserve-screen-border", "true", "spec.stereo.preserveScreenBorder", "true", NULL },
    { "synthetic-view", "right", "spec.stereo.syntheticView", "\"Right\"", NULL },
    { "synthetic-view", "rigth", NULL, NULL, "did you mean right?" },
    { "from", "90.25", "spec.source.fromSeconds", "90.25", NULL },
    { "from", "1:02:03.5", "spec.source.fromSeconds", "3723.5", NULL },
    { "from", "100:00", "spec.source.fromSeconds", "6000", NULL },
    { "from", "1:60", NULL, NULL, "--from: must be" },
    { "from", "1:-2", NULL, NULL, "--from: must be" },
    { "from", "1:", NULL, NULL, "--from: must be" },
    { "from", "1:2:3:4", NULL, NULL, "--from: must be" },
    { "from", "1.5:30", NULL, NULL, "--from: must be" },
    { "to", "0:30", "spec.source.toSeconds", "30", NULL },
    { "to", "0", NULL, NULL, "--to: must be" },
    { "max-fps", "23.976", "spec.encode.maxFps", "23.976", NULL },
    { "max-fps", "0", NULL, NULL, "--max-fps: must be a number 0.01..1000, not 0" },
    { "codec", "libx265", "spec.encode.codec", "\"libx265\"", NULL },
    { "codec", "auto", "spec.encode.codec", "\"auto\"", NULL },
    { "codec", "H.264", NULL, NULL,
      "--codec: must be lower-case letters, digits and '_', not 'H.264'" },
    { "codec", "", NULL, NULL, "--codec: must not be empty" },
    { "preset", "slow", "spec.encode.preset", "\"slow\"", NULL },
    { "preset", "123", "spec.encode.preset", "\"123\"", NULL },
    { "preset", "so slow", NULL, NULL, "not 'so slow'" },
    { "crf", "20", "spec.encode.crf", "20", NULL },
    { "crf", "63", "spec.encode.crf", "63", NULL },
    { "crf", "64", NULL, NULL, "--crf: must be a whole number 0..63, not 64" },
    { "crf", "20.5", NULL, NULL, "--crf: must be a whole number 0..63, not 20.5" },
    { "pix-fmt", "yuv420p10le", "spec.encode.pixFmt", "\"yuv420p10le\"", NULL },
    { "pix-fmt", "yuv422p", NULL, NULL, "did you mean yuv420p?" },
    { "segment-seconds", "0.1", "spec.segment.seconds", "0.1", NULL },
    { "segment-seconds", "0", NULL, NULL, "--segment-seconds: must be a number 0.1..36000, not 0" },
    { "segment-mode", "copy", "spec.segment.mode", "\"Copy\"", NULL },
    { "segment-mode", "cut", NULL, NULL, "--segment-mode: 'cut' is not one of index, copy" },
    { "parallelism", "8", "spec.parallelism", "8", NULL },
    { "parallelism", "0", NULL, NULL, "--parallelism: must be a whole number 1..10000, not 0" },
};

static bool is_tried(const char *flag, bool want_good)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].flag, flag) == 0 && (rows[i].json != NULL) == want_good)
            return true;
    }
    return false;
}

static void every_flag_is_in_this_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        const char *flag = fields[i].flag;

        if (flag && (!is_tried(flag, true) || !is_tried(flag, false)))
            fail_msg("--%s has no good or no bad row here", flag);
    }
    assert_null(fields_find_flag("depth")); /* two fields behind one option: the CLI's */
}

static void flags_become_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *job = cJSON_CreateObject();
        AUTO_FREE char *got = NULL;
        const struct field *field = fields_find_flag(rows[i].flag);
        struct err err;

        assert_non_null(field);
        if (rows[i].json) {
            CHECK_OK(fields_set_flag(job, field, rows[i].value, &err), err);
            got = json_print(json_path(job, rows[i].path));
            CHECK_STR(rows[i].flag, got, rows[i].json);
        } else {
            CHECK_ERR(fields_set_flag(job, field, rows[i].value, &err), err, ERR_CONFIG);
            CHECK_HAS(rows[i].flag, err.msg, rows[i].why);
            assert_null(job->child);
        }
    }
}

static void the_last_flag_wins(void **state)
{
    AUTO(cJSON) cJSON *job = cJSON_CreateObject();
    struct err err;

    (void)state;
    CHECK_OK(fields_set_flag(job, fields_find_flag("crf"), "20", &err), err);
    CHECK_OK(fields_set_flag(job, fields_find_flag("crf"), "22", &err), err);
    CHECK_INT("crf", json_path(job, "spec.encode.crf")->valueint, 22);
}

static void names_become_kebab(void **state)
{
    static const struct {
        const char *camel, *kebab;
    } names[] = {
        { "FullSBS", "full-sbs" },
        { "HalfSBS", "half-sbs" },
        { "FullTB", "full-tb" },
        { "HalfTB", "half-tb" },
        { "Left", "left" },
        { "Depth", "depth" },
        { "yuv420p10le", "yuv420p10le" },
        { "PreferNoSchedule", "prefer-no-schedule" },
        { "URIName", "uri-name" },
        { "AnaglyphDubois", "anaglyph-dubois" },
        { "VR180", "vr180" },
        { "H264Main", "h264-main" },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char out[64];

        fields_kebab(out, sizeof(out), names[i].camel);
        CHECK_STR(names[i].camel, out, names[i].kebab);
    }
}

static void kebab_is_cut_to_fit(void **state)
{
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char out[24];

        memset(out, 'x', sizeof(out));
        fields_kebab(out, size, "PreferNoSchedule");
        assert_true(strlen(out) < size);
    }
}

/* Each value of each enum: its kebab name leads back to it, and no two are the same. */
static void kebab_leads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields_count; i++) {
        for (size_t j = 0; fields[i].flag && fields[i].values && fields[i].values[j]; j++) {
            AUTO(cJSON) cJSON *job = cJSON_CreateObject();
            struct err err;
            char kebab[64];

            fields_kebab(kebab, sizeof(kebab), fields[i].values[j]);
            for (const char *p = kebab; *p; p++)
                assert_false(isupper((unsigned char)*p));
            CHECK_OK(fields_set_flag(job, &fields[i], kebab, &err), err);
            CHECK_STR(kebab, json_path(job, fields[i].path)->valuestring, fields[i].values[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flag_is_in_this_test), cmocka_unit_test(flags_become_fields),
        cmocka_unit_test(the_last_flag_wins),         cmocka_unit_test(names_become_kebab),
        cmocka_unit_test(kebab_is_cut_to_fit),        cmocka_unit_test(kebab_leads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
