/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/kube/events_core.h"

#include <stdlib.h>

#define S       INT64_C(1000000)
#define UNIX_MS INT64_C(1767225600123)

static const char about_text[] =
    "{\"apiVersion\":\"stereojob.io/v1alpha1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":"
    "\"film\",\"namespace\":\"films\",\"uid\":\"u1\",\"resourceVersion\":\"7\"}}";

static cJSON *about;

static int set_up(void **state)
{
    struct err err;

    (void)state;
    return json_parse(&about, about_text, strlen(about_text), &err);
}

static int tear_down(void **state)
{
    (void)state;
    cJSON_Delete(about);
    return 0;
}

static void emit(struct events_core *core, int64_t at_s, const char *note)
{
    const struct events_what what = { about, true, "SegmentFailed", "Reconcile", note };

    events_core_emit(core, at_s * S, UNIX_MS + at_s * 1000, &what);
}

/* Told step by step: at a time something happens, then this is asked, with this series count. */
enum what { TURN, EMIT, OTHER, ANSWER, FLUSH };

struct step {
    int at_s;
    enum what what;
    int code;
    enum events_ask ask;
    int count;
};

enum { STEPS_MAX = 16 };

static const struct scenario {
    const char *name;
    int known, dropped; /* at its end */
    struct step steps[STEPS_MAX];
} scenarios[] = {
    { "one event is forgotten when nothing follows",
      0,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 201, .ask = 0 },
        { 360, TURN, .ask = 0 },
        { 362, TURN, .ask = 0 } } },
    { "repeats are a series",
      0,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 201, .ask = 0 },
        { 2, EMIT, .ask = EVENTS_PATCH, .count = 2 }, /* the second is told */
        { 2, ANSWER, 200, .ask = 0 },
        { 3, EMIT, .ask = 0 }, /* later ones are counted */
        { 4, EMIT, .ask = 0 },
        { 363, TURN, .ask = 0 },
        { 365, TURN, .ask = EVENTS_PATCH, .count = 4 }, /* and told when it ends */
        { 365, ANSWER, 200, .ask = 0 },
        { 367, TURN, .ask = 0 } } },
    { "a series that goes on is told each half hour",
      1,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 201, .ask = 0 },
        { 2, EMIT, .ask = EVENTS_PATCH, .count = 2 },
        { 2, ANSWER, 200, .ask = 0 },
        { 300, EMIT, .ask = 0 },
        { 600, EMIT, .ask = 0 },
        { 900, EMIT, .ask = 0 },
        { 1200, EMIT, .ask = 0 },
        { 1500, EMIT, .ask = 0 },
        { 1795, EMIT, .ask = 0 },
        { 1801, TURN, .ask = 0 },
        { 1803, TURN, .ask = EVENTS_PATCH, .count = 8 },
        { 1803, ANSWER, 200, .ask = 0 } } },
    { "a second that comes while the first is under way",
      1,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, EMIT, .ask = 0 },
        { 1, EMIT, .ask = 0 },
        { 2, ANSWER, 201, .ask = EVENTS_PATCH, .count = 3 },
        { 2, ANSWER, 200, .ask = 0 } } },
    { "one at a time, in order",
      2,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, OTHER, .ask = 0 },
        { 2, ANSWER, 201, .ask = EVENTS_POST },
        { 2, ANSWER, 201, .ask = 0 } } },
    { "a server that is away is tried again, with all that came",
      1,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 0, .ask = 0 },
        { 2, EMIT, .ask = 0 },
        { 10, TURN, .ask = EVENTS_POST, .count = 2 }, /* the first wait is drawn: 7 s */
        { 10, ANSWER, 503, .ask = 0 },
        { 19, TURN, .ask = 0 },
        { 21, TURN, .ask = EVENTS_POST, .count = 2 },
        { 21, ANSWER, 409, .ask = 0 }, /* the first try was written after all */
        { 22, EMIT, .ask = 0 } } },
    { "it is in nobody's way meanwhile",
      2,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 500, .ask = 0 },
        { 2, OTHER, .ask = EVENTS_POST },
        { 2, ANSWER, 201, .ask = 0 } } },
    { "what is refused is not tried again",
      0,
      1,
      { { 1, EMIT, .ask = EVENTS_POST }, { 1, ANSWER, 403, .ask = 0 }, { 20, TURN, .ask = 0 } } },
    { "a namespace that is gone",
      0,
      1,
      { { 1, EMIT, .ask = EVENTS_POST }, { 1, ANSWER, 404, .ask = 0 }, { 20, TURN, .ask = 0 } } },
    { "an event that expired is made anew",
      1,
      0,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 201, .ask = 0 },
        { 2, EMIT, .ask = EVENTS_PATCH, .count = 2 },
        { 2, ANSWER, 404, .ask = EVENTS_POST, .count = 2 },
        { 2, ANSWER, 201, .ask = 0 } } },
    { "at the end a count that is not told is told",
      1,
      1,
      { { 1, EMIT, .ask = EVENTS_POST },
        { 1, ANSWER, 201, .ask = 0 },
        { 2, EMIT, .ask = EVENTS_PATCH, .count = 2 },
        { 2, ANSWER, 200, .ask = 0 },
        { 3, EMIT, .ask = 0 },
        { 4, FLUSH, .ask = EVENTS_PATCH, .count = 3 },
        { 4, ANSWER, 200, .ask = 0 },
        { 4, OTHER, .ask = 0 }, /* counted as dropped */
        { 99, TURN, .ask = 0 } } },
    { "at the end what waits is tried once",
      0,
      1,
      { { 3, OTHER, .ask = EVENTS_POST },
        { 3, ANSWER, 500, .ask = 0 },
        { 4, FLUSH, .ask = EVENTS_POST },
        { 4, ANSWER, 500, .ask = 0 },
        { 99, TURN, .ask = 0 } } },
};

static void step_take(struct events_core *core, const struct step *step)
{
    core->draw = 7 * (uint64_t)S;
    switch (step->what) {
    case TURN:
        break;
    case EMIT:
        emit(core, step->at_s, "one");
        break;
    case OTHER:
        emit(core, step->at_s, "two");
        break;
    case ANSWER:
        events_core_answer(core, step->at_s * S, step->code);
        break;
    case FLUSH:
        events_core_flush(core);
        break;
    }
}

static void scenarios_go_as_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        struct events_core core;

        events_core_init(&core, "stereojob.io/operator", "pod-1");
        for (int s = 0; s < STEPS_MAX && scenarios[i].steps[s].at_s; s++) {
            const struct step *step = &scenarios[i].steps[s];
            const char *space, *name;
            AUTO(cJSON) cJSON *body = NULL;
            const cJSON *count;
            char row[120];

            (void)snprintf(row, sizeof(row), "%s, step %d", scenarios[i].name, s);
            step_take(&core, step);
            CHECK_INT(row, events_core_next(&core, step->at_s * S, &body, &space, &name),
                      step->ask);
            CHECK_INT(row, body != NULL, step->ask != EVENTS_NOTHING);
            count = json_path(body, "series.count");
            CHECK_INT(row, count ? count->valueint : 0, step->count);
        }
        CHECK_INT(scenarios[i].name, core.known.count, scenarios[i].known);
        CHECK_INT(scenarios[i].name, core.dropped, scenarios[i].dropped);
        events_core_clear(&core);
    }
}

static void an_event_is_whole(void **state)
{
    struct events_core core;
    AUTO(cJSON) cJSON *body = NULL, *patch = NULL;
    AUTO_FREE char *text = NULL, *patch_text = NULL;
    const char *space, *name;

    (void)state;
    events_core_init(&core, "stereojob.io/operator", "pod-1");
    core.draw = 0xabc;
    emit(&core, 0, "segment 7: \"no\" \xff\n");
    assert_int_equal(events_core_next(&core, 0, &body, &space, &name), EVENTS_POST);
    assert_string_equal(space, "films");
    text = json_print(body);
    assert_string_equal(
        text, "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
              "\"film.0000000000000abc\",\"namespace\":\"films\"},\"eventTime\":"
              "\"2026-01-01T00:00:00.123000Z\",\"reportingController\":\"stereojob.io/operator\","
              "\"reportingInstance\":\"pod-1\",\"regarding\":{\"apiVersion\":"
              "\"stereojob.io/v1alpha1\",\"kind\":\"StereoJob\",\"namespace\":\"films\",\"name\":"
              "\"film\",\"uid\":\"u1\",\"resourceVersion\":\"7\"},\"type\":\"Warning\",\"reason\":"
              "\"SegmentFailed\",\"action\":\"Reconcile\",\"note\":\"segment 7: \\\"no\\\" "
              "?\\n\"}");
    events_core_answer(&core, 0, 201);
    emit(&core, 5, "segment 7: \"no\" \xff\n");
    assert_int_equal(events_core_next(&core, 5 * S, &patch, &space, &name), EVENTS_PATCH);
    assert_string_equal(name, "film.0000000000000abc");
    patch_text = json_print(patch);
    assert_string_equal(patch_text, "{\"series\":{\"count\":2,\"lastObservedTime\":"
                                    "\"2026-01-01T00:00:05.123000Z\"}}");
    events_core_clear(&core);
}

static void long_texts_are_cut_between_characters(void **state)
{
    static const struct {
        const char *unit;
        size_t times, want;
    } rows[] = {
        { "x", 1024, 1024 },
        { "x", 1025, 1024 },
        { "\xc3\xa9", 600, 1024 },
        { "\xe2\x82\xac", 400, 1023 },
        { "\xf0\x9f\x8e\xac", 300, 1024 },
        { "\xe2\x82", 600, 1024 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct events_core core;
        char note[2048] = "";
        AUTO(cJSON) cJSON *body = NULL;
        const char *space, *name;

        events_core_init(&core, "c", "i");
        for (size_t n = 0; n < rows[i].times; n++)
            memcpy(note + n * strlen(rows[i].unit), rows[i].unit, strlen(rows[i].unit) + 1);
        emit(&core, 1, note);
        (void)events_core_next(&core, S, &body, &space, &name);
        CHECK_INT(rows[i].unit, strlen(json_path(body, "note")->valuestring), rows[i].want);
        events_core_clear(&core);
    }
}

static void the_queue_is_bounded(void **state)
{
    struct events_core core;
    const char *space, *name;
    int written = 0;

    (void)state;
    events_core_init(&core, "c", "i");
    for (int i = 0; i < 1500; i++) {
        char note[32];

        (void)snprintf(note, sizeof(note), "note %d", i);
        emit(&core, 1, note);
    }
    assert_int_equal(core.queued, 1000);
    assert_int_equal(core.dropped, 500);
    for (int i = 0; i < 10000; i++) { /* what was written makes room */
        AUTO(cJSON) cJSON *body = NULL;
        char note[32];

        (void)snprintf(note, sizeof(note), "more %d", i);
        while (events_core_next(&core, S, &body, &space, &name)) {
            cJSON_Delete(TAKE(body));
            events_core_answer(&core, S, 201);
            written++;
        }
        emit(&core, 1, note);
        assert_true(core.known.count <= 4096);
    }
    assert_int_equal(written, 1000 + 9999);
    assert_int_equal(core.dropped, 500);
    events_core_clear(&core);
}

static void twelve_tries_and_no_more(void **state)
{
    struct events_core core;
    const char *space, *name;
    int tries = 0;

    (void)state;
    events_core_init(&core, "c", "i");
    emit(&core, 1, "x");
    for (int64_t at_s = 1; at_s < 1000; at_s++) {
        AUTO(cJSON) cJSON *body = NULL;

        if (!events_core_next(&core, at_s * S, &body, &space, &name))
            continue;
        tries++;
        events_core_answer(&core, at_s * S, 500);
    }
    assert_int_equal(tries, 12);
    assert_int_equal(core.dropped, 1);
    assert_int_equal(core.known.count, 0);
    assert_int_equal(events_core_wake_us(&core), 0); /* the loop has nothing to wake for */
    events_core_clear(&core);
}

static void emit_some(struct events_core *core, int64_t at_s, int count)
{
    static int number;

    for (int i = 0; i < count; i++) {
        char note[32];

        (void)snprintf(note, sizeof(note), "new %d", number++);
        emit(core, at_s, note);
    }
}

static void an_object_that_talks_too_much_is_cut_short(void **state)
{
    AUTO(cJSON) cJSON *first = about, *other = cJSON_Duplicate(about, true);
    struct events_core core;

    (void)state;
    events_core_init(&core, "c", "i");
    core.burst = 25;
    emit_some(&core, 1, 30);
    assert_int_equal(core.queued, 25);
    assert_int_equal(core.dropped, 5);
    emit(&core, 2, "new 0"); /* a repeat is no new one */
    assert_int_equal(core.dropped, 5);
    json_path_set(other, "metadata.uid", cJSON_CreateString("u-other"));
    about = other;
    emit_some(&core, 2, 1);
    about = TAKE(first);
    assert_int_equal(core.queued, 26);
    emit_some(&core, 300, 1); /* four minutes and a half */
    assert_int_equal(core.queued, 26);
    emit_some(&core, 301, 2);
    assert_int_equal(core.queued, 27);
    emit_some(&core, 301 + 25 * 300, 30); /* as at first */
    assert_int_equal(core.queued, 27 + 25);
    events_core_clear(&core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_go_as_told),
        cmocka_unit_test(an_event_is_whole),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(an_object_that_talks_too_much_is_cut_short),
        cmocka_unit_test(twelve_tries_and_no_more),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
