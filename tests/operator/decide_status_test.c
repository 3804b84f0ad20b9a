/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "operator/decide/status.h"

static void phases_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        enum phase phase = PHASE_COUNT;

        assert_int_equal(phase_of_name(&phase, phase_name((enum phase)i)), 0);
        assert_int_equal(phase, i);
    }
    assert_int_equal(phase_of_name(&(enum phase){ 0 }, "Running"), -1);
    assert_string_equal(condition_name(CONDITION_WAITING_FOR_GPU), "WaitingForGPU");
}

static void a_copy_is_equal_and_its_own(void **state)
{
    struct job_status a = { .phase = PHASE_CONVERTING, .reason = "SegmentsPending" }, b;
    struct record plan = { .segments = 5 };

    (void)state;
    job_status_plan(&a, &plan);
    a.completed[3] = 1;
    job_status_copy(&b, &a);
    assert_true(job_status_equal(&a, &b));
    b.completed[2] = 1;
    assert_false(job_status_equal(&a, &b));
    b.completed[2] = 0;
    b.failed[0] = 1;
    assert_false(job_status_equal(&a, &b));
    job_status_clear(&a);
    job_status_clear(&b);
}

#define CHANGE(statement)                                                                          \
    do {                                                                                           \
        struct job_status b = a;                                                                   \
        statement;                                                                                 \
        if (job_status_equal(&a, &b))                                                              \
            fail_msg("a change is not seen: %s", #statement);                                      \
    } while (0)

static void every_change_is_seen(void **state)
{
    struct job_status a = { .dead_count = 1 };

    (void)state;
    CHANGE(b.phase = PHASE_FAILED);
    CHANGE(b.reason[0] = 'x');
    CHANGE(b.message[0] = 'x');
    CHANGE(b.epoch = 1);
    CHANGE(b.observed_retry[0] = 'x');
    CHANGE(b.start_ms = 1);
    CHANGE(b.epoch_start_ms = 1);
    CHANGE(b.suspended_ms = 1);
    CHANGE(b.completion_ms = 1);
    CHANGE(b.planned = true);
    CHANGE(b.assembled = true);
    CHANGE(b.dead_count = 2);
    CHANGE(b.dead[0].id.attempt = 1);
    CHANGE(b.dead[0].cls = CLASS_INPUT);
    CHANGE(b.dead[0].message[0] = 'x');
    CHANGE(b.failed_pods = 1);
    CHANGE(b.interrupted_pods = 1);
    CHANGE(b.settled_failed_pods = 1);
    CHANGE(b.settled_interrupted_pods = 1);
    CHANGE(b.memory_percent = 150);
    CHANGE(b.conditions[CONDITION_DEGRADED].set = true);
    CHANGE(b.conditions[CONDITION_DEGRADED].is_true = true);
    CHANGE(b.conditions[CONDITION_DEGRADED].since_ms = 1);
    CHANGE(b.conditions[CONDITION_DEGRADED].message[0] = 'x');
}

static void a_condition_moves_only_when_it_turns(void **state)
{
    struct job_status status = { 0 };

    (void)state;
    job_status_condition(&status, CONDITION_DEGRADED, false, 10, "Up", "");
    assert_false(status.conditions[CONDITION_DEGRADED].set);
    job_status_condition(&status, CONDITION_DEGRADED, true, 20, "Away", "words");
    job_status_condition(&status, CONDITION_DEGRADED, true, 30, "Away", "other words");
    assert_int_equal(status.conditions[CONDITION_DEGRADED].since_ms, 20);
    assert_string_equal(status.conditions[CONDITION_DEGRADED].message, "other words");
    job_status_condition(&status, CONDITION_DEGRADED, false, 40, "Up", "");
    job_status_condition(&status, CONDITION_DEGRADED, false, 50, "NotRunning", "");
    assert_int_equal(status.conditions[CONDITION_DEGRADED].since_ms, 40);
    assert_string_equal(status.conditions[CONDITION_DEGRADED].reason, "Up");
}

static void text_is_cut_at_a_whole_character(void **state)
{
    static const struct {
        const char *name, *text;
        size_t size;
        const char *want;
    } rows[] = {
        { "fits", "caf\xc3\xa9", 6, "caf\xc3\xa9" },
        { "two bytes", "caf\xc3\xa9", 5, "caf" },
        { "three bytes, two left", "a\xe2\x82\xac", 4, "a" },
        { "three bytes, one left", "a\xe2\x82\xac", 3, "a" },
        { "four bytes, three left", "\xf0\x9f\x8e\xac", 4, "" },
        { "cut behind a whole one", "\xc3\xa9xy", 4, "\xc3\xa9x" },
        { "ends in a whole one", "\xc3\xa9\xc3\xa9", 3, "\xc3\xa9" },
        { "plain", "abcdef", 4, "abc" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[16];

        text_set(out, rows[i].size, "%s", rows[i].text);
        CHECK_STR(rows[i].name, out, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_have_names),
        cmocka_unit_test(a_copy_is_equal_and_its_own),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(a_condition_moves_only_when_it_turns),
        cmocka_unit_test(text_is_cut_at_a_whole_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
