/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/env.h"

#include "tests/common/check.h"

#define SPEC "{\"source\":{\"uri\":\"/in.mp4\"},\"output\":{\"uri\":\"/out.mp4\"}}"

static const char *const names[] = {
    ENV_JOB_NAME,    ENV_JOB_UID,         ENV_SPEC,    ENV_INDEX,     ENV_EPOCH,
    ENV_ATTEMPT,     ENV_WORK_URI,        ENV_BUILD,   ENV_TRACK_URL, ENV_TRACK_PASSWORD,
    ENV_TRACK_TOKEN, ENV_TERMINATION_LOG, ENV_SCRATCH, ENV_BEAT_MS,
};

struct orders {
    struct job job;
    struct env env;
    struct env_problems problems;
};

static int set_up(void **state)
{
    for (size_t i = 0; i < COUNT(names); i++)
        (void)unsetenv(names[i]);
    *state = calloc(1, sizeof(struct orders));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    struct orders *orders = *state;

    job_clear(&orders->job);
    env_clear(&orders->env);
    free(orders);
    return 0;
}

static int read_orders(struct orders *orders, enum stage stage)
{
    return env_read(&orders->job, &orders->env, stage, &orders->problems);
}

static void set_least(void)
{
    (void)setenv(ENV_JOB_NAME, "film", 1);
    (void)setenv(ENV_JOB_UID, "uid-1", 1);
    (void)setenv(ENV_SPEC, SPEC, 1);
    (void)setenv(ENV_WORK_URI, "/work", 1);
}

static void the_least_is_enough(void **state)
{
    struct orders *orders = *state;

    set_least();
    assert_int_equal(read_orders(orders, STAGE_PLAN), 0);
    assert_string_equal(orders->job.spec->source_uri, "/in.mp4");
    assert_string_equal(orders->job.token_hex, "");
    assert_string_equal(orders->job.build, "");
    assert_int_equal(orders->env.beat_ms, 5000);
    assert_string_equal(orders->env.termination_path, "/dev/termination-log");
    assert_null(orders->env.track_url);
}

static void all_problems_are_told_at_once(void **state)
{
    static const char *const want[] = {
        ENV_JOB_NAME ": is not set",
        ENV_JOB_UID ": is longer",
        ENV_INDEX ": is not set",
        ENV_EPOCH ": '-1' is not",
        ENV_ATTEMPT ": '1x' is",
        ENV_SPEC ": ",
        ENV_WORK_URI ": is not set",
        ENV_SCRATCH ": 'here' is",
        ENV_BUILD ": the job was planned",
        ENV_TRACK_TOKEN ": is not hex",
        ENV_BEAT_MS ": '' is",
    };
    struct orders *orders = *state;

    (void)setenv(ENV_JOB_UID, "a-uid-that-goes-on-and-on-for-far-too-many-characters", 1);
    (void)setenv(ENV_SPEC, "{\"source\":{}}", 1);
    (void)setenv(ENV_EPOCH, "-1", 1);
    (void)setenv(ENV_ATTEMPT, "1x", 1);
    (void)setenv(ENV_SCRATCH, "here", 1);
    (void)setenv(ENV_BUILD, "another build", 1);
    (void)setenv(ENV_TRACK_URL, "unix:///x", 1);
    (void)setenv(ENV_TRACK_TOKEN, "abc", 1);
    (void)setenv(ENV_BEAT_MS, "1", 1);
    assert_int_equal(read_orders(orders, STAGE_CONVERT), -1);
    assert_int_equal(orders->problems.count, COUNT(want));
    for (size_t i = 0; i < COUNT(want) - 1; i++)
        CHECK_HAS("problem", orders->problems.text[i], want[i]);
    CHECK_HAS("problem", orders->problems.text[COUNT(want) - 1], ENV_BEAT_MS);
}

static void secrets_leave_the_environment(void **state)
{
    struct orders *orders = *state;

    set_least();
    (void)setenv(ENV_TRACK_URL, "unix:///run/redis", 1);
    (void)setenv(ENV_TRACK_PASSWORD, "secret", 1);
    (void)setenv(ENV_TRACK_TOKEN, "00ffAB", 1);
    assert_int_equal(read_orders(orders, STAGE_PLAN), 0);
    assert_string_equal(orders->env.track_password, "secret");
    assert_string_equal(orders->job.token_hex, "00ffAB");
    assert_null(getenv(ENV_TRACK_PASSWORD));
    assert_null(getenv(ENV_TRACK_TOKEN));
}

static void tracking_needs_a_token(void **state)
{
    struct orders *orders = *state;

    set_least();
    (void)setenv(ENV_TRACK_URL, "unix:///run/redis", 1);
    assert_int_equal(read_orders(orders, STAGE_PLAN), -1);
    CHECK_HAS("token", orders->problems.text[0], ENV_TRACK_TOKEN ": is not set");
}

static void our_own_build_is_ours(void **state)
{
    struct orders *orders = *state;

    set_least();
    (void)setenv(ENV_BUILD, job_build(), 1);
    assert_int_equal(read_orders(orders, STAGE_PLAN), 0);
    assert_true(strlen(job_build()) < 64); /* as long as the plan's field */
    assert_non_null(strstr(job_build(), "lavc"));
}

/* What another build left must still be cleaned away. */
static void any_build_cleans(void **state)
{
    struct orders *orders = *state;

    set_least();
    (void)setenv(ENV_BUILD, "another build", 1);
    assert_int_equal(read_orders(orders, STAGE_CLEAN), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_build_cleans),
        T(the_least_is_enough),
        T(all_problems_are_told_at_once),
        T(secrets_leave_the_environment),
        T(tracking_needs_a_token),
        T(our_own_build_is_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
