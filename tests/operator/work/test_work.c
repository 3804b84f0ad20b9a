/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "operator/work/core.h"

#include <stdio.h>
#include <string.h>

static void expect(struct work_core *core, const char *want)
{
    const char *got = work_core_take(core, 0);

    CHECK_STR("take", got ? got : "none", want);
}

static void a_key_is_there_once(void **state)
{
    struct work_core core;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "a", false, 0);
    work_core_add(&core, "b", false, 0);
    work_core_add(&core, "a", false, 0);
    assert_int_equal(core.depth, 2);
    expect(&core, "a");
    expect(&core, "b");
    expect(&core, "none");
    work_core_clear(&core);
}

static void what_comes_while_it_runs_comes_again(void **state)
{
    struct work_core core;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "a", false, 0);
    expect(&core, "a");
    work_core_add(&core, "a", false, 0);
    work_core_add(&core, "a", false, 0);
    expect(&core, "none"); /* one worker a key */
    work_core_done(&core, "a", 0);
    expect(&core, "a");
    work_core_done(&core, "a", 0);
    expect(&core, "none");
    assert_int_equal(core.items.count, 0); /* nothing is remembered */
    work_core_clear(&core);
}

static void the_first_list_yields(void **state)
{
    struct work_core core;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "old1", true, 0);
    work_core_add(&core, "old2", true, 0);
    work_core_add(&core, "old3", true, 0);
    work_core_add(&core, "new", false, 0);
    work_core_add(&core, "old3", false, 0); /* somebody touched it */
    work_core_add(&core, "new", true, 0);   /* stays where it is */
    assert_int_equal(core.depth, 4);
    expect(&core, "new");
    expect(&core, "old3");
    expect(&core, "old1");
    expect(&core, "old2");
    expect(&core, "none");
    work_core_clear(&core);
}

static void the_earliest_time_counts(void **state)
{
    struct work_core core;

    (void)state;
    work_core_init(&core);
    work_core_add_at(&core, "a", 1000);
    work_core_add_at(&core, "a", 500);
    work_core_add_at(&core, "a", 2000); /* events do not push it away */
    work_core_add_at(&core, "b", 800);
    assert_int_equal(work_core_ripen(&core, 400), 500);
    expect(&core, "none");
    assert_int_equal(work_core_ripen(&core, 600), 800);
    expect(&core, "a");
    work_core_add(&core, "b", false, 0); /* now, not then */
    expect(&core, "b");
    work_core_done(&core, "b", 0);
    assert_int_equal(work_core_ripen(&core, 900), 0);
    expect(&core, "none");
    work_core_clear(&core);
}

static void failures_wait_longer_each_time(void **state)
{
    int64_t waits[22];
    struct work_core core;

    (void)state;
    work_core_init(&core);
    for (size_t i = 0; i < COUNT(waits); i++) {
        work_core_add(&core, "a", false, 0);
        expect(&core, "a");
        waits[i] = work_core_add_backoff(&core, "a", 7000) - 7000;
        work_core_done(&core, "a", 0);
        (void)work_core_ripen(&core, INT64_MAX);
        expect(&core, "a");
        work_core_done(&core, "a", 0);
    }
    assert_int_equal(waits[0], 5000);
    assert_int_equal(waits[1], 10000);
    assert_int_equal(waits[10], 5120000);
    assert_int_equal(waits[21], 1000000000);
    assert_int_equal(core.retries, COUNT(waits));
    work_core_forget(&core, "a");
    assert_int_equal(core.items.count, 0);
    assert_int_equal(work_core_add_backoff(&core, "a", 0), 5000); /* begins anew */
    work_core_clear(&core);
}

/* One of the first list comes after sixteen others, however many these are. */
static void nobody_waits_for_ever(void **state)
{
    struct work_core core;
    int before = 0;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "old1", true, 0);
    work_core_add(&core, "old2", true, 0);
    for (int i = 0; i < 40; i++) {
        char key[16];
        const char *got;

        (void)snprintf(key, sizeof(key), "new%d", i);
        work_core_add(&core, key, false, 0);
        got = work_core_take(&core, 0);
        if (strcmp(got, "old2") == 0)
            break;
        before += strncmp(got, "new", 3) == 0;
    }
    assert_int_equal(before, 32);
    work_core_clear(&core);
}

static void times_are_counted(void **state)
{
    struct work_core core;
    struct work_stats stats;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "a", false, 1000000);
    work_core_add(&core, "a", false, 1500000); /* known: no add */
    (void)work_core_take(&core, 3000000);
    work_core_stats(&core, 3500000, &stats);
    assert_true(stats.longest_running_s == 0.5 && stats.unfinished_s == 0.5);
    work_core_add(&core, "a", false, 4000000); /* dirty: waits since now */
    work_core_add(&core, "a", false, 4500000);
    work_core_done(&core, "a", 5000000);
    (void)work_core_take(&core, 5000000);
    work_core_done(&core, "a", 5000000);
    work_core_stats(&core, 9000000, &stats);
    assert_int_equal(stats.adds, 2);
    assert_true(stats.waited.sum_s == 3 && stats.worked.sum_s == 2);
    assert_int_equal(stats.waited.buckets[8], 1); /* 1 s is not above 1 s */
    assert_int_equal(stats.waited.buckets[9], 1);
    assert_int_equal(stats.worked.buckets[0], 1);
    assert_int_equal(stats.worked.buckets[9], 1);
    assert_int_equal(stats.depth + stats.under_way, 0);
    work_core_clear(&core);
}

/* Against a plain table: 200 keys with times set, moved, taken out and due. */
static void the_earliest_of_many_is_due(void **state)
{
    enum { KEYS = 200, STEPS = 20000 };
    int64_t due[KEYS] = { 0 }, now_us = 1;
    uint32_t seed = 1;
    struct work_core core;

    (void)state;
    work_core_init(&core);
    for (int step = 0; step < STEPS; step++) {
        char key[16];
        uint32_t draw = seed = seed * 1664525U + 1013904223U;
        int i = (int)((draw >> 8) % KEYS);
        int64_t at_us = now_us + 1 + (draw >> 12) % 1000, first = 0, got;

        (void)snprintf(key, sizeof(key), "%d", i);
        if (draw % 7 == 0) {
            work_core_add(&core, key, false, now_us);
            due[i] = 0;
        } else {
            work_core_add_at(&core, key, at_us);
            due[i] = due[i] && due[i] < at_us ? due[i] : at_us;
        }
        now_us += (draw >> 20) % 5;
        for (int k = 0; k < KEYS; k++) {
            if (due[k] && due[k] <= now_us)
                due[k] = 0;
            else if (due[k] && (!first || due[k] < first))
                first = due[k];
        }
        got = work_core_ripen(&core, now_us);
        if (got != first)
            fail_msg("step %d: %lld, want %lld", step, (long long)got, (long long)first);
        for (const char *ran; (ran = work_core_take(&core, now_us));) {
            (void)snprintf(key, sizeof(key), "%s", ran);
            work_core_done(&core, key, now_us);
        }
    }
    work_core_clear(&core);
}

/* The door: on a real loop, with runs that end at once and add more. */
struct bench {
    uv_loop_t loop;
    struct work *work;
    char ran[200];
    int left;
    bool idle, hold;
};

static void run(void *ctx, const char *key)
{
    struct bench *bench = ctx;

    (void)snprintf(bench->ran + strlen(bench->ran), sizeof(bench->ran) - strlen(bench->ran), "%s ",
                   key);
    if (strcmp(key, "again") == 0 && bench->left-- > 0)
        work_add(bench->work, key, false);
    if (strcmp(key, "fail") == 0 && bench->left-- > 0)
        work_add_backoff(bench->work, key);
    if (!bench->hold)
        work_done(bench->work, key);
}

static void idle(void *ctx)
{
    ((struct bench *)ctx)->idle = true;
}

static void it_runs_on_a_loop(void **state)
{
    struct bench bench = { .left = 3 };
    const struct work_opts opts = { .loop = &bench.loop, .run = run, .ctx = &bench };
    int64_t begun_us;

    (void)state;
    assert_int_equal(uv_loop_init(&bench.loop), 0);
    bench.work = work_open(&opts);
    work_add(bench.work, "early", true);
    work_add_after(bench.work, "early2", 0);
    (void)uv_run(&bench.loop, UV_RUN_NOWAIT);
    CHECK_STR("not started", bench.ran, "");
    work_start(bench.work);
    CHECK_STR("not from within", bench.ran, "");
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    CHECK_STR("started", bench.ran, "early2 early ");
    bench.ran[0] = '\0';
    work_add(bench.work, "again", false);
    work_add(bench.work, "again", false);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    CHECK_STR("again", bench.ran, "again again again again ");
    bench.ran[0] = '\0';
    bench.left = 2;
    begun_us = clock_mono_us();
    work_add_after(bench.work, "later", 30);
    work_add(bench.work, "fail", false); /* 5 ms, 10 ms */
    while (strstr(bench.ran, "later") == NULL)
        (void)uv_run(&bench.loop, UV_RUN_ONCE);
    CHECK_STR("order", bench.ran, "fail fail fail later ");
    assert_true(clock_mono_us() - begun_us >= 29000);
    bench.ran[0] = '\0';
    bench.hold = true;
    work_add(bench.work, "held", false);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    work_drain(bench.work, idle, &bench);
    work_add(bench.work, "none", false);
    (void)uv_run(&bench.loop, UV_RUN_NOWAIT);
    assert_false(bench.idle);
    work_done(bench.work, "held");
    assert_true(bench.idle);
    CHECK_STR("drained", bench.ran, "held ");
    work_close(bench.work);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench.loop), 0);
}

/* A key that never ends its turn and ten thousand slow ones: others of the loop are served. */
static void run_slow(void *ctx, const char *key)
{
    struct bench *bench = ctx;
    int64_t until_us = clock_mono_us() + 100;

    while (clock_mono_us() < until_us)
        ;
    bench->left++;
    if (strcmp(key, "for ever") == 0)
        work_add(bench->work, key, false);
    work_done(bench->work, key);
}

struct ticks {
    int64_t last_us, worst_us;
};

static void tick(uv_prepare_t *prepare)
{
    struct ticks *ticks = prepare->data;
    int64_t now_us = clock_mono_us();

    if (ticks->last_us && now_us - ticks->last_us > ticks->worst_us)
        ticks->worst_us = now_us - ticks->last_us;
    ticks->last_us = now_us;
}

static void the_loop_has_its_turn(void **state)
{
    struct bench bench = { .left = 0 };
    struct ticks ticks = { 0 };
    const struct work_opts opts = { .loop = &bench.loop, .run = run_slow, .ctx = &bench };
    uv_prepare_t prepare;

    (void)state;
    assert_int_equal(uv_loop_init(&bench.loop), 0);
    bench.work = work_open(&opts);
    (void)uv_prepare_init(&bench.loop, &prepare);
    prepare.data = &ticks;
    (void)uv_prepare_start(&prepare, tick);
    work_add(bench.work, "for ever", false);
    for (int i = 0; i < 10000; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "k%d", i);
        work_add(bench.work, key, true);
    }
    work_start(bench.work);
    while (bench.left < 10000)
        (void)uv_run(&bench.loop, UV_RUN_ONCE);
    if (ticks.worst_us > 200000) /* 20 ms, and what a busy machine takes from us */
        fail_msg("a turn of %lld us", (long long)ticks.worst_us);
    uv_close((uv_handle_t *)&prepare, NULL);
    work_close(bench.work);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_there_once),
        cmocka_unit_test(what_comes_while_it_runs_comes_again),
        cmocka_unit_test(the_first_list_yields),
        cmocka_unit_test(the_earliest_time_counts),
        cmocka_unit_test(failures_wait_longer_each_time),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(times_are_counted),
        cmocka_unit_test(the_earliest_of_many_is_due),
        cmocka_unit_test(it_runs_on_a_loop),
        cmocka_unit_test(the_loop_has_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
