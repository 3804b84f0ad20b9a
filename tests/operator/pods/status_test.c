/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "operator/pods/pods.h"

#include <stdio.h>

#define T0 INT64_C(1795348800123)

static void check_equal(const struct job_status *got, const struct job_status *want)
{
    struct job_status a = *got, b = *want;

    /* Through the struct itself: a field that the JSON forgot is seen, whatever its name. */
    if (want->planned) {
        assert_memory_equal(got->completed, want->completed, want->plan.segments);
        assert_memory_equal(got->failed, want->failed, want->plan.segments);
    }
    a.completed = b.completed = a.failed = b.failed = NULL;
    CHECK_STR("status", a.reason, b.reason);
    CHECK_STR("status", a.message, b.message);
    CHECK_STR("status", a.plan.warning, b.plan.warning);
    assert_memory_equal(&a, &b, sizeof(a));
}

static void round_trip(const struct job_status *status)
{
    AUTO(cJSON) cJSON *json = status_to_json(status);
    AUTO_FREE char *text = json_print(json);
    AUTO(cJSON) cJSON *again = NULL;
    struct job_status got;
    struct err err;

    CHECK_OK(json_parse(&again, text, strlen(text), &err), err); /* as the store does */
    CHECK_OK(status_from_json(&got, again, &err), err);
    check_equal(&got, status);
    job_status_clear(&got);
}

static void plan_put(struct job_status *status, uint32_t segments)
{
    status->planned = true;
    status->plan = (struct record){ .id = { .stage = STAGE_PLAN, .epoch = 1 },
                                    .segments = segments,
                                    .memory_bytes = UINT64_C(1) << 40,
                                    .packed_width = 7680,
                                    .packed_height = 2160,
                                    .frames = INT64_C(1) << 60,
                                    .duration_ms = 5400123,
                                    .wall_ms = 321 };
    (void)snprintf(status->plan.uid, sizeof(status->plan.uid), "u-1");
    (void)snprintf(status->plan.build, sizeof(status->plan.build), "0.1.0-abc");
    (void)snprintf(status->plan.codec, sizeof(status->plan.codec), "libx265");
    (void)snprintf(status->plan.warning, sizeof(status->plan.warning), "tab\tquote\" \xc3\xa4");
    status->completed = xcalloc(segments, 1);
    status->failed = xcalloc(segments, 1);
}

static void a_fresh_status_round_trips(void **state)
{
    struct job_status status = { 0 }, got;
    AUTO(cJSON) cJSON *empty = cJSON_CreateObject();
    struct err err;

    (void)state;
    round_trip(&status);
    CHECK_OK(status_from_json(&got, NULL, &err), err);
    check_equal(&got, &status);
    CHECK_OK(status_from_json(&got, empty, &err), err);
    check_equal(&got, &status);
}

static void a_full_status_round_trips(void **state)
{
    struct job_status status;
    AUTO(cJSON) cJSON *json = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    memset(&status, 0, sizeof(status));
    status.phase = PHASE_FAILED;
    memset(status.reason, 'R', sizeof(status.reason) - 1);
    memset(status.message, 'm', sizeof(status.message) - 1);
    status.epoch = 4000000000u;
    (void)snprintf(status.observed_retry, sizeof(status.observed_retry), "t:7,9-11");
    status.start_ms = T0;
    status.epoch_start_ms = T0 + 1;
    status.suspended_ms = 123456789;
    status.completion_ms = T0 + 1000;
    plan_put(&status, 9);
    status.completed[0] = status.completed[8] = 1;
    memset(status.completed + 2, 1, 3);
    memset(status.failed + 5, 1, 3);
    status.assembled = true;
    status.output = (struct record){
        .id = { .stage = STAGE_ASSEMBLE }, .frames = 7, .bytes = UINT64_C(1) << 62, .duration_ms = 1
    };
    (void)snprintf(status.output.uid, sizeof(status.output.uid), "u-1");
    for (uint32_t i = 0; i < DECIDE_MAX_DEAD_LETTERS; i++) {
        struct dead_letter *dead = &status.dead[i];

        *dead = (struct dead_letter){ .id = { STAGE_CONVERT, i, 1, i + 2 },
                                      .cls = (enum attempt_class)(i % CLASS_COUNT),
                                      .at_ms = T0 + i };
        memset(dead->message, 'w', DECIDE_TEXT - 1);
    }
    status.dead_count = DECIDE_MAX_DEAD_LETTERS;
    status.failed_pods = 11;
    status.interrupted_pods = 12;
    status.settled_failed_pods = 13;
    status.settled_interrupted_pods = 14;
    status.memory_percent = 225;
    for (int i = 0; i < CONDITION_COUNT; i++) {
        status.conditions[i].set = true;
        status.conditions[i].is_true = i != 1;
        status.conditions[i].since_ms = T0 + i;
        (void)snprintf(status.conditions[i].reason, 40, "Reason%d", i);
        memset(status.conditions[i].message, 'c', sizeof(status.conditions[i].message) - 1);
    }
    round_trip(&status);

    json = status_to_json(&status);
    text = json_print(json);
    CHECK_HAS("text", text, "\"phase\":\"Failed\"");
    CHECK_HAS("text", text, "\"completedIndexes\":\"0,2-4,8\",\"failedIndexes\":\"5-7\"");
    CHECK_HAS("text", text, "\"startTime\":\"2026-11-22T12:00:00.123000Z\"");
    CHECK_HAS("text", text, "\"type\":\"WaitingForGPU\",\"status\":\"False\"");
    assert_null(strstr(text, "\"mac\""));
    job_status_clear(&status);
}

static void twenty_thousand_segments_round_trip_in_little_room(void **state)
{
    struct job_status status = { 0 };
    AUTO(cJSON) cJSON *json = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    status.phase = PHASE_CONVERTING;
    plan_put(&status, PLAN_MAX_SEGMENTS);
    for (uint32_t i = 0; i < PLAN_MAX_SEGMENTS; i += 2) /* the worst case */
        status.completed[i] = 1;
    round_trip(&status);
    json = status_to_json(&status);
    text = json_print(json);
    assert_true(strlen(text) < 100000); /* an object of the API server may have 1.5 MiB */
    memset(status.completed, 1, PLAN_MAX_SEGMENTS);
    round_trip(&status);
    job_status_clear(&status);
}

static void every_phase_and_class_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < PHASE_COUNT; i++) {
        struct job_status status = { .phase = (enum phase)i };

        round_trip(&status);
    }
}

static void what_is_not_a_status_is_refused(void **state)
{
    static const struct row {
        const char *text, *where;
    } rows[] = {
        { "{\"phase\":\"Melting\"}", "phase" },
        { "{\"epoch\":1}", "phase" },
        { "{\"phase\":\"Pending\",\"startTime\":\"noon\"}", "startTime" },
        { "{\"phase\":\"Pending\",\"startTime\":5}", "startTime" },
        { "{\"phase\":\"Pending\",\"epoch\":-1}", "epoch" },
        { "{\"phase\":\"Pending\",\"plan\":{}}", "plan" },
        { "{\"phase\":\"Pending\",\"deadLetters\":[{}]}", "deadLetters[0]" },
        { "{\"phase\":\"Pending\",\"conditions\":[{}]}", "conditions" },
        { "{\"phase\":\"Pending\",\"conditions\":5}", "conditions" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *json = cJSON_Parse(rows[i].text);
        struct job_status status;
        struct err err;

        CHECK_ERR(status_from_json(&status, json, &err), err, ERR_INTERNAL);
        CHECK_HAS(rows[i].text, err.msg, rows[i].where);
    }
}

static void indexes_beyond_the_plan_are_refused(void **state)
{
    struct job_status status = { 0 }, got;
    AUTO(cJSON) cJSON *json = NULL;
    struct err err;

    (void)state;
    plan_put(&status, 3);
    json = status_to_json(&status);
    json_path_set(json, "completedIndexes", cJSON_CreateString("0-3"));
    CHECK_ERR(status_from_json(&got, json, &err), err, ERR_INTERNAL);
    CHECK_HAS("indexes", err.msg, "completedIndexes");
    job_status_clear(&status);
}

/* Another version may know more conditions and fields. */
static void what_is_not_known_is_left_alone(void **state)
{
    AUTO(cJSON)
    cJSON *json = cJSON_Parse("{\"phase\":\"Pending\",\"new\":1,\"conditions\":[{"
                              "\"type\":\"New\",\"status\":\"True\"}]}");
    struct job_status status, fresh = { 0 };
    struct err err;

    (void)state;
    CHECK_OK(status_from_json(&status, json, &err), err);
    check_equal(&status, &fresh);
}

static void text_is(const cJSON *json, const char *key, const char *want)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    if (!want)
        assert_null(item);
    else
        CHECK_STR(key, cJSON_IsString(item) ? item->valuestring : "no text", want);
}

static void people_see_how_far_it_is(void **state)
{
    struct job_status status = { .phase = PHASE_CONVERTING };
    AUTO(cJSON) cJSON *json = status_to_json(&status);

    (void)state;
    text_is(json, "segments", NULL);
    text_is(json, "progress", NULL);
    cJSON_Delete(json);
    plan_put(&status, 12);
    memset(status.completed, 1, 7);
    json = status_to_json(&status);
    text_is(json, "segments", "7/12");
    text_is(json, "progress", "58%");
    cJSON_Delete(json);
    memset(status.completed, 1, 12);
    json = status_to_json(&status);
    text_is(json, "progress", "99%"); /* not joined yet */
    cJSON_Delete(json);
    status.assembled = true;
    json = status_to_json(&status);
    text_is(json, "segments", "12/12");
    text_is(json, "progress", "100%");
    status_put_extra(json, &(struct status_extra){ .progress = 0.5, .eta_ms = -1 });
    text_is(json, "progress", "100%");
    job_status_clear(&status);
}

/* "Complete+:OutputReady@1000 Failed-:Completed@0 ": how, why, and since when (ms after T0). */
static char *conditions_text(const cJSON *json)
{
    char *text = xstrdup("");
    const cJSON *item; /* borrowed from json */

    cJSON_ArrayForEach(item, json_path(json, "conditions"))
    {
        int64_t since_ms = clock_parse(json_path(item, "lastTransitionTime")->valuestring);
        bool is_true = strcmp(json_path(item, "status")->valuestring, "True") == 0;
        char *longer = xasprintf("%s%s%c:%s@%lld ", text, json_path(item, "type")->valuestring,
                                 is_true ? '+' : '-', json_path(item, "reason")->valuestring,
                                 (long long)(since_ms - T0));

        free(text);
        text = longer;
    }
    return text;
}

static void the_phase_is_a_condition_too(void **state)
{
    static const struct {
        struct job_status status;
        const char *want;
    } rows[] = {
        { { .phase = PHASE_PENDING }, "" },
        { { .phase = PHASE_CONVERTING, .start_ms = T0, .epoch_start_ms = T0 },
          "Complete-:Converting@0 Failed-:Converting@0 Suspended-:Converting@0 " },
        { { .phase = PHASE_COMPLETED,
            .reason = "OutputReady",
            .start_ms = T0,
            .epoch_start_ms = T0 + 5,
            .completion_ms = T0 + 1000 },
          "Complete+:OutputReady@1000 Failed-:Completed@5 Suspended-:Completed@5 " },
        { { .phase = PHASE_FAILED,
            .reason = "PlanFailed",
            .start_ms = T0,
            .completion_ms = T0 + 9 },
          "Complete-:Failed@0 Failed+:PlanFailed@9 Suspended-:Failed@0 " },
        { { .phase = PHASE_SUSPENDED,
            .reason = "SuspendedByUser",
            .start_ms = T0,
            .epoch_start_ms = T0 + 7 },
          "Complete-:Suspended@7 Failed-:Suspended@7 Suspended+:SuspendedByUser@7 " },
        { { .phase = PHASE_CANCELLED, .start_ms = T0, .completion_ms = T0 + 1 },
          "Complete-:Cancelled@0 Failed-:Cancelled@0 Suspended-:Cancelled@0 " },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *json = status_to_json(&rows[i].status);
        AUTO_FREE char *got = conditions_text(json);

        CHECK_STR(phase_name(rows[i].status.phase), got, rows[i].want);
    }
}

static void the_writer_adds_what_it_knows(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        { 0, "0s" },          { 1, "1s" },           { 59000, "59s" },
        { 250000, "4m10s" },  { 3599001, "1h0m" },   { 7260000, "2h1m" },
        { 86400000, "1d0h" }, { 180000000, "2d2h" }, { -1, NULL },
    };
    struct job_status status = { .phase = PHASE_CONVERTING, .start_ms = T0 };
    AUTO(cJSON) cJSON *json = NULL;

    (void)state;
    plan_put(&status, 12);
    json = status_to_json(&status);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct status_extra extra = { .generation = 3, .progress = 0.639, .eta_ms = rows[i].ms };

        status_put_extra(json, &extra);
        text_is(json, "eta", rows[i].want);
        text_is(json, "progress", "63%");
        CHECK_INT("generation", json_path(json, "observedGeneration")->valueint, 3);
        CHECK_INT("of a condition", json_path(json, "conditions[0].observedGeneration")->valueint,
                  3);
    }
    job_status_clear(&status);
}

static void the_pace_so_far_tells_the_rest(void **state)
{
    static const struct {
        const char *name;
        enum phase phase;
        uint32_t done;
        int64_t frames, active_ms, suspended_ms;
        double progress;
        int64_t eta_ms;
    } rows[] = {
        { "nothing yet", PHASE_CONVERTING, 0, 0, 60000, 0, 0, -1 },
        { "half", PHASE_CONVERTING, 5, 0, 60000, 0, 0.5, 60000 },
        { "half of half a segment", PHASE_CONVERTING, 4, 100, 60000, 0, 0.5, 60000 },
        { "a break does not count", PHASE_CONVERTING, 5, 0, 60000, 9000000, 0.5, 60000 },
        { "too soon to say", PHASE_CONVERTING, 5, 0, 4999, 0, 0.5, -1 },
        { "all but the joining", PHASE_ASSEMBLING, 10, 0, 60000, 0, 1, -1 },
        { "suspended", PHASE_SUSPENDED, 5, 0, 60000, 0, 0.5, -1 },
        { "heartbeats that say too much", PHASE_CONVERTING, 9, 5000, 60000, 0, 1, 0 },
        { "or nonsense", PHASE_CONVERTING, 5, -7, 60000, 0, 0.5, 60000 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct job_status status = { .phase = rows[i].phase,
                                     .start_ms = T0,
                                     .suspended_ms = rows[i].suspended_ms };
        struct status_extra extra = { .generation = 9 };

        plan_put(&status, 10);
        status.plan.frames = 1000;
        memset(status.completed, 1, rows[i].done);
        status_estimate(&extra, &status, rows[i].frames,
                        T0 + rows[i].suspended_ms + rows[i].active_ms);
        CHECK_INT(rows[i].name, (int64_t)(extra.progress * 1000 + 0.5),
                  (int64_t)(rows[i].progress * 1000 + 0.5));
        CHECK_INT(rows[i].name, extra.eta_ms, rows[i].eta_ms);
        CHECK_INT(rows[i].name, extra.generation, 9);
        job_status_clear(&status);
    }
}

static void without_a_plan_nothing_is_estimated(void **state)
{
    struct job_status status = { .phase = PHASE_PLANNING, .start_ms = T0 };
    struct status_extra extra = { .generation = 0 };

    (void)state;
    status_estimate(&extra, &status, 0, T0 + 60000);
    assert_true(extra.progress < 0 && extra.eta_ms < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_status_round_trips),
        cmocka_unit_test(a_full_status_round_trips),
        cmocka_unit_test(twenty_thousand_segments_round_trip_in_little_room),
        cmocka_unit_test(every_phase_and_class_round_trips),
        cmocka_unit_test(what_is_not_a_status_is_refused),
        cmocka_unit_test(indexes_beyond_the_plan_are_refused),
        cmocka_unit_test(what_is_not_known_is_left_alone),
        cmocka_unit_test(people_see_how_far_it_is),
        cmocka_unit_test(the_writer_adds_what_it_knows),
        cmocka_unit_test(the_phase_is_a_condition_too),
        cmocka_unit_test(the_pace_so_far_tells_the_rest),
        cmocka_unit_test(without_a_plan_nothing_is_estimated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
