/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/names.h"

#define UID "0f8fad5b-d9cb-469f-a165-70867728950e"

static void pods_are_named_after_their_attempt(void **state)
{
    static const struct {
        const char *job;
        struct attempt_id id;
        const char *want;
    } rows[] = {
        { "film", { STAGE_PLAN, 0, 0, 0 }, "film-0f8fad5b-p00000-e0-a0" },
        { "film", { STAGE_CONVERT, 7, 1, 0 }, "film-0f8fad5b-c00007-e1-a0" },
        { "film", { STAGE_CONVERT, 19999, 12, 34 }, "film-0f8fad5b-c19999-e12-a34" },
        { "film", { STAGE_ASSEMBLE, 0, 0, 3 }, "film-0f8fad5b-a00000-e0-a3" },
        { "film", { STAGE_CLEAN, 0, 0, 0 }, "film-0f8fad5b-x00000-e0-a0" },
        { "a-name-of-thirty-characters-xyz-and-more",
          { STAGE_CONVERT, 1, 0, 0 },
          "a-name-of-thirty-characters-xy-0f8fad5b-c00001-e0-a0" },
        { "cut-where-a-dash-would-end-it-x",
          { STAGE_CONVERT, 1, 0, 0 },
          "cut-where-a-dash-would-end-it-0f8fad5b-c00001-e0-a0" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[NAME_POD_SIZE];

        name_pod(name, rows[i].job, UID, &rows[i].id);
        CHECK_STR(rows[i].want, name, rows[i].want);
    }
}

static void the_longest_real_pod_name_is_a_dns_label(void **state)
{
    const struct attempt_id id = { STAGE_CONVERT, 19999, 9999, 9999 };
    char name[NAME_POD_SIZE];

    (void)state;
    name_pod(name, "abcdefghijabcdefghijabcdefghijabcdefghij", UID, &id);
    assert_true(strlen(name) <= 63);
    CHECK_HAS("whole", name, "-e9999-a9999");
}

static void store_keys_say_index_epoch_and_attempt(void **state)
{
    const struct attempt_id id = { STAGE_CONVERT, 7, 2, 3 };
    char key[NAME_KEY_SIZE];

    (void)state;
    name_record(key, 7);
    CHECK_STR("record", key, "segments/00007.json");
    name_record_of(key, &(struct attempt_id){ STAGE_CONVERT, 7, 1, 10 });
    assert_string_equal(key, "segments/00007.e1-a10.json");
    name_records(key, 7);
    assert_string_equal(key, "segments/00007.e");
    name_record(key, 123456);
    CHECK_STR("wide", key, "segments/123456.json");
    name_segment(key, &id);
    CHECK_STR("segment", key, "segments/00007/e2-a3.nut");
    name_piece(key, &id, 12);
    CHECK_STR("piece", key, "pieces/00012/e2-a3.nut");
}

static void redis_keys_share_a_slot(void **state)
{
    static const struct {
        struct attempt_id id;
        const char *want;
    } rows[] = {
        { { STAGE_PLAN, 0, 0, 0 }, "plan" },
        { { STAGE_CONVERT, 0, 0, 0 }, "0" },
        { { STAGE_CONVERT, 19999, 0, 0 }, "19999" },
        { { STAGE_ASSEMBLE, 0, 0, 0 }, "assemble" },
    };
    char key[NAME_KEY_SIZE], field[16];

    (void)state;
    name_redis_done(key, UID);
    CHECK_STR("done", key, "sj:{" UID "}:done");
    name_redis_beat(key, UID);
    CHECK_STR("beat", key, "sj:{" UID "}:beat");
    for (size_t i = 0; i < COUNT(rows); i++) {
        name_field(field, &rows[i].id);
        CHECK_STR(rows[i].want, field, rows[i].want);
    }
}

static void stages_have_the_names_of_the_verbs(void **state)
{
    static const char *const names[] = { "plan", "convert", "assemble", "clean" };
    enum stage stage = STAGE_CLEAN;

    (void)state;
    for (int i = 0; i < 4; i++) {
        CHECK_STR(names[i], stage_name((enum stage)i), names[i]);
        assert_int_equal(stage_of_name(&stage, names[i]), 0);
        CHECK_INT(names[i], stage, i);
    }
    stage = STAGE_PLAN;
    assert_int_equal(stage_of_name(&stage, "Plan"), -1);
    assert_int_equal(stage_of_name(&stage, ""), -1);
    CHECK_INT("untouched", stage, STAGE_PLAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_are_named_after_their_attempt),
        cmocka_unit_test(the_longest_real_pod_name_is_a_dns_label),
        cmocka_unit_test(store_keys_say_index_epoch_and_attempt),
        cmocka_unit_test(redis_keys_share_a_slot),
        cmocka_unit_test(stages_have_the_names_of_the_verbs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
