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
    work_core_add(&core, "a", false);
    work_core_add(&core, "b", false);
    work_core_add(&core, "a", false);
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
    work_core_add(&core, "a", false);
    expect(&core, "a");
    work_core_add(&core, "a", false);
    work_core_add(&core, "a", false);
    expect(&core, "none"); /* one worker a key */
    work_core_done(&core, "a");
    expect(&core, "a");
    work_core_done(&core, "a");
    expect(&core, "none");
    assert_int_equal(core.items.count, 0); /* nothing is remembered */
    work_core_clear(&core);
}

static void the_first_list_yields(void **state)
{
    struct work_core core;

    (void)state;
    work_core_init(&core);
    work_core_add(&core, "old1", true);
    work_core_add(&core, "old2", true);
    work_core_add(&core, "old3", true);
    work_core_add(&core, "new", false);
    work_core_add(&core, "old3", false); /* somebody touched it */
    work_core_add(&core, "new", true);   /* stays where it is */
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
    work_core_add(&core, "b", false); /* now, not then */
    expect(&core, "b");
    work_core_done(&core, "b");
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
        work_core_add(&core, "a", false);
        expect(&core, "a");
        waits[i] = work_core_add_backoff(&core, "a", 7000) - 7000;
        work_core_done(&core, "a");
        (void)work_core_ripen(&core, INT64_MAX);
        expect(&core, "a");
        work_core_done(&core, "a");
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
    CHECK_STR("not started", bench.ran, "");
    work_start(bench.work);
    CHECK_STR("started", bench.ran, "early ");
    bench.ran[0] = '\0';
    work_add(bench.work, "again", false);
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
    work_drain(bench.work, idle, &bench);
    work_add(bench.work, "none", false);
    assert_false(bench.idle);
    work_done(bench.work, "held");
    assert_true(bench.idle);
    CHECK_STR("drained", bench.ran, "held ");
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
        cmocka_unit_test(it_runs_on_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
