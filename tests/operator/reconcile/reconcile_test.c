/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole jobs: reconcile, decide, the local cluster, a private Redis and scripted workers.
 */
#include "tests/operator/cluster/world.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "common/redis.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t completed(const struct world *world)
{
    return ranges_count(world->status.completed, world->status.plan.segments);
}

/* Nothing runs, nothing is held, nothing more is asked for. */
static void settle(struct world *world)
{
    struct cluster *cluster = cluster_local_base(world->local);
    int64_t until_us = clock_mono_us() + 10000000;
    const cJSON *pod;
    struct err err;
    int held;

    do {
        CHECK_OK(world_turn(world, &err), err);
        held = 0;
        cJSON_ArrayForEach(pod, cluster->ops->pods(cluster))
        {
            const char *phase = json_path(pod, "status.phase")->valuestring;

            held += json_path(pod, "metadata.finalizers") != NULL ||
                    (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0);
        }
        assert_true(clock_mono_us() < until_us);
    } while (held);
}

static void a_job_runs_to_its_end(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, "segments 7\n* ok 30\n");
    json_path_set(world.job, "spec.parallelism", cJSON_CreateNumber(3));
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_COMPLETED, 20000);
    assert_int_equal(completed(&world), 7);
    assert_true(world.status.assembled);
    assert_int_equal(world.status.failed_pods, 0);
    assert_false(world.status.conditions[CONDITION_DEGRADED].set &&
                 world.status.conditions[CONDITION_DEGRADED].is_true);
    settle(&world);
    world_clear(&world);
}

static void without_redis_it_is_degraded_and_gets_there(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, "segments 3\n");
    world_open(&world);
    world_run(&world, PHASE_CONVERTING, 20000);
    assert_true(world.status.conditions[CONDITION_DEGRADED].is_true);
    world_run(&world, PHASE_COMPLETED, 20000);
    settle(&world);
    world_clear(&world);
}

static void failures_are_tried_again(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, "segments 4\n"
                       "p/0/0 kill 11\n"
                       "c1/0/0 exit 70 once\n"
                       "c2/0/0 silent 1\n"
                       "c3/0/[01] exit 75 reclaimed\n"
                       "a/0/0 kill 9\n");
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_COMPLETED, 30000);
    assert_int_equal(completed(&world), 4);
    assert_int_equal(world.status.failed_pods, 4);
    assert_int_equal(world.status.interrupted_pods, 2);
    assert_int_equal(world.status.dead_count, 0);
    settle(&world);
    world_clear(&world);
}

static void a_dead_letter_fails_the_job_and_retry_replays_only_it(void **state)
{
    struct world world;
    struct err err;

    (void)state;
    world_init(&world, "segments 3\nc1/0/* exit 65 no frames in it\nc0/1/* exit 70 not asked\n");
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_FAILED, 30000);
    assert_int_equal(world.status.dead_count, 1);
    assert_int_equal(world.status.dead[0].id.index, 1);
    assert_int_equal(world.status.dead[0].cls, CLASS_INPUT);
    assert_string_equal(world.status.dead[0].message, "no frames in it");
    settle(&world);
    CHECK_OK(cluster_local_annotate(world.local, ANNOTATION_RETRY, "again", &err), err);
    world_run(&world, PHASE_COMPLETED, 30000);
    assert_int_equal(world.status.epoch, 1);
    assert_int_equal(completed(&world), 3);
    settle(&world);
    world_clear(&world);
}

static void suspend_keeps_what_is_done_and_resume_goes_on(void **state)
{
    struct world world;
    struct err err;

    (void)state;
    world_init(&world, "segments 3\nc2/0/* sleep\n");
    json_path_set(world.job, "spec.parallelism", cJSON_CreateNumber(3));
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_CONVERTING, 20000);
    while (completed(&world) < 2)
        CHECK_OK(world_turn(&world, &err), err);
    world_close(&world);
    json_path_set(world.job, "spec.suspend", cJSON_CreateTrue());
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_SUSPENDED, 20000);
    settle(&world);
    assert_int_equal(completed(&world), 2);
    world_close(&world);
    json_path_set(world.job, "spec.suspend", cJSON_CreateFalse());
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_COMPLETED, 20000);
    assert_int_equal(world.status.epoch, 1);
    assert_int_equal(completed(&world), 3);
    world_clear(&world);
}

static void cancel_ends_it_for_good(void **state)
{
    struct world world;
    struct cluster *cluster;

    (void)state;
    world_init(&world, "segments 2\nc1/* sleep\n");
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_CONVERTING, 20000);
    cluster = cluster_local_base(world.local);
    /* As kubectl would patch it. */
    json_path_set((cJSON *)cluster->ops->job(cluster), "spec.cancel", cJSON_CreateTrue());
    world_run(&world, PHASE_CANCELLED, 20000);
    settle(&world);
    world_close(&world);
    world_open(&world);
    world_run(&world, PHASE_CANCELLED, 1000);
    world_clear(&world);
}

static void a_worker_that_makes_no_progress_is_replaced(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, "segments 2\nc1/0/0 hang\n");
    json_path_set(world.job, "spec.stallSeconds", cJSON_CreateNumber(1));
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_CONVERTING, 20000);
    /* The hung one ignores SIGTERM for its 30 s of grace: help it, as an impatient person would. */
    while (world.status.phase == PHASE_CONVERTING) {
        struct cluster *cluster = cluster_local_base(world.local);
        const cJSON *pod;
        struct err err;

        CHECK_OK(world_turn(&world, &err), err);
        cJSON_ArrayForEach(pod, cluster->ops->pods(cluster))
        {
            const cJSON *verdict =
                cJSON_GetObjectItem(json_path(pod, "metadata.annotations"), ANNOTATION_VERDICT);

            if (!verdict || !json_path(pod, "metadata.deletionTimestamp"))
                continue;
            assert_string_equal(verdict->valuestring, "Stalled");
            if (strcmp(json_path(pod, "status.phase")->valuestring, "Running") == 0)
                (void)kill(world_pid(&world, "hang"), SIGKILL);
        }
    }
    world_run(&world, PHASE_COMPLETED, 20000);
    assert_int_equal(world.status.failed_pods, 1);
    settle(&world);
    world_clear(&world);
}

static void a_redis_that_dies_or_forgets_costs_nothing(void **state)
{
    struct world world;
    struct err err;
    int step = 0;

    (void)state;
    world_init(&world, "segments 8\n* ok 100\n");
    world_open(&world);
    world_track(&world);
    do {
        bool restarted;

        CHECK_OK(world_turn(&world, &err), err);
        if (world.status.planned && completed(&world) >= 2 && step == 0) {
            static const char *const flush[] = { "FLUSHALL" };
            struct redis *redis = NULL;

            CHECK_OK(redis_open(&redis, track_server_url(world.server),
                                track_server_password(world.server), 1000, &err),
                     err);
            CHECK_OK(redis_call(redis, NULL, 1, flush, &err), err);
            redis_free(redis);
            step = 1;
        }
        if (world.status.planned && completed(&world) >= 4 && step == 1) {
            (void)kill(track_server_pid(world.server), SIGKILL);
            step = 2;
        }
        CHECK_OK(track_server_check(world.server, &restarted, &err), err);
    } while (world.status.phase != PHASE_COMPLETED);
    assert_int_equal(step, 2);
    assert_int_equal(completed(&world), 8);
    assert_int_equal(world.status.failed_pods, 0);
    world_clear(&world);
}

/* When the last commit record was written. */
static int64_t last_commit_ms(const struct world *world)
{
    int64_t last = 0;

    for (uint32_t i = 0; i < world->status.plan.segments; i++) {
        char name[NAME_KEY_SIZE];
        AUTO_FREE char *path = NULL;
        struct stat st;
        int64_t ms;

        name_record(name, i);
        path = xasprintf("%s/%s", world->work, name);
        assert_int_equal(stat(path, &st), 0);
        ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        last = ms > last ? ms : last;
    }
    return last;
}

static void the_assembly_follows_the_last_commit_at_once(void **state)
{
    struct world world;
    int64_t took_ms;

    (void)state;
    world_init(&world, "segments 2\nc*/* ok 50\na/* sleep\n");
    world_open(&world);
    world_track(&world);
    world_run(&world, PHASE_ASSEMBLING, 20000);
    took_ms = clock_unix_ms() - last_commit_ms(&world);
    print_message("%d ms from the last commit to the assembly pod\n", (int)took_ms);
    assert_true(took_ms < 1000); /* no timed test: a loaded machine may take its time */
    world_step(&world, 0);
    (void)world_pid(&world, "sleep");
    world_clear(&world);
}

static struct cluster_ops broken;
static int refused_creates;

static void refuse_status(struct cluster *cluster, const cJSON *status, struct cluster_reply reply)
{
    struct err err;

    (void)cluster;
    (void)status;
    reply.call(reply.ctx, err_set(&err, ERR_DEPENDENCY, "no disk"), &err);
}

static void count_create(struct cluster *cluster, const cJSON *manifest, struct cluster_reply reply)
{
    struct err err;

    (void)cluster;
    (void)manifest;
    refused_creates++;
    reply.call(reply.ctx, err_set(&err, ERR_CONFLICT, "exists"), &err);
}

static void without_its_status_written_nothing_is_done(void **state)
{
    struct world world;
    struct cluster *cluster;
    const struct cluster_ops *real;
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    cluster = cluster_local_base(world.local);
    real = cluster->ops;
    broken = *real;
    broken.write_status = refuse_status;
    broken.create_pod = count_create;
    cluster->ops = &broken;
    CHECK_ERR(world_turn(&world, &err), err, ERR_DEPENDENCY);
    assert_int_equal(refused_creates, 0);
    broken.write_status = real->write_status;
    CHECK_OK(world_turn(&world, &err), err); /* AlreadyExists is fine */
    assert_int_equal(refused_creates, 1);
    cluster->ops = real;
    world_clear(&world);
}

/* The whole program, as often as it lives long enough. */
static _Noreturn void run_until_killed(struct world *world)
{
    world_open(world);
    world_track(world);
    world_run(world, PHASE_COMPLETED, 60000);
    _exit(0);
}

static void killed_again_and_again_it_gets_there(void **state)
{
    enum { KILLS = 7 };
    struct world world;
    int status = -1;

    (void)state;
    world_init(&world, "segments 12\nc*/*/* ok 60\n");
    json_path_set(world.job, "spec.parallelism", cJSON_CreateNumber(4));
    for (int i = 0; i <= KILLS; i++) {
        pid_t pid = fork();

        if (pid == 0)
            run_until_killed(&world);
        if (i < KILLS) {
            (void)usleep(120000 + 37000 * (unsigned)i);
            (void)kill(pid, SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    world_open(&world);
    world_run(&world, PHASE_COMPLETED, 1000);
    assert_int_equal(completed(&world), 12);
    assert_int_equal(world.status.failed_pods, 0);
    settle(&world);
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_to_its_end),
        cmocka_unit_test(without_redis_it_is_degraded_and_gets_there),
        cmocka_unit_test(failures_are_tried_again),
        cmocka_unit_test(a_dead_letter_fails_the_job_and_retry_replays_only_it),
        cmocka_unit_test(suspend_keeps_what_is_done_and_resume_goes_on),
        cmocka_unit_test(cancel_ends_it_for_good),
        cmocka_unit_test(a_worker_that_makes_no_progress_is_replaced),
        cmocka_unit_test(a_redis_that_dies_or_forgets_costs_nothing),
        cmocka_unit_test(the_assembly_follows_the_last_commit_at_once),
        cmocka_unit_test(without_its_status_written_nothing_is_done),
        cmocka_unit_test(killed_again_and_again_it_gets_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
