/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/cluster/world.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct attempt_id PLAN = { .stage = STAGE_PLAN };

static struct attempt_id convert(uint32_t index)
{
    return (struct attempt_id){ .stage = STAGE_CONVERT, .index = index };
}

static cJSON *with_number(const char *path, double value)
{
    cJSON *change = cJSON_CreateObject();

    cJSON_AddNumberToObject(change, path, value);
    return change;
}

static void pods_end_as_kubernetes_would_say(void **state)
{
    static const struct row {
        const char *command, *phase, *reason;
        int exit_code, signal;
        enum attempt_class cls;
        const char *message;
    } rows[] = {
        { "exit 64 no such option", "Failed", "Error", 64, 0, CLASS_CONFIG, "no such option" },
        { "exit 65 not a film", "Failed", "Error", 65, 0, CLASS_INPUT, "not a film" },
        { "exit 69 S3 is away", "Failed", "Error", 69, 0, CLASS_DEPENDENCY, "S3 is away" },
        { "exit 71 no encoder", "Failed", "Error", 71, 0, CLASS_GPU, "no encoder" },
        { "exit 73 disk full", "Failed", "Error", 73, 0, CLASS_SPACE, "disk full" },
        { "exit 75 reclaimed", "Failed", "Error", 75, 0, CLASS_INTERRUPTED, "reclaimed" },
        { "exit 3 odd", "Failed", "Error", 3, 0, CLASS_INTERNAL, "odd" },
        { "lie 70 Input", "Failed", "Error", 70, 0, CLASS_INTERNAL, "a lie" },
        { "lie 70 OOMKilled", "Failed", "Error", 70, 0, CLASS_OOM_KILLED, "a lie" },
        { "silent 70", "Failed", "Error", 70, 0, CLASS_INTERNAL, "last words of the log" },
        { "junk", "Failed", "Error", 70, 0, CLASS_INTERNAL, "?? junk" },
        { "kill 9", "Failed", "Error", 137, 9, CLASS_INTERNAL, "killed by signal 9 (SIGKILL)" },
        { "kill 6", "Failed", "Error", 134, 6, CLASS_INTERNAL, "killed by signal 6 (SIGABRT)" },
        { "ok", "Succeeded", "Completed", 0, 0, CLASS_DONE, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *script = xasprintf("* %s\n", rows[i].command);
        const char *row = rows[i].command;
        char name[NAME_POD_SIZE];
        struct pod_view view;
        struct world world;
        const cJSON *ended, *signal;

        world_init(&world, script);
        world_open(&world);
        world_create(&world, &PLAN, NULL, name);
        world_until(&world, name, rows[i].phase);
        ended = json_path(world_pod(&world, name), "status.containerStatuses[0].state.terminated");
        signal = json_path(ended, "signal");
        CHECK_INT(row, json_path(ended, "exitCode")->valueint, rows[i].exit_code);
        CHECK_INT(row, signal ? signal->valueint : 0, rows[i].signal);
        CHECK_STR(row, json_text(ended, "reason"), rows[i].reason);
        assert_true(clock_parse(json_text(ended, "startedAt")) > 0);
        assert_true(clock_parse(json_text(ended, "finishedAt")) > 0);
        world_view(&world, name, &view);
        if (rows[i].cls == CLASS_DONE) {
            CHECK_INT(row, view.has_record, true);
            CHECK_INT(row, view.record.segments, 3);
        } else {
            CHECK_INT(row, view.cls, rows[i].cls);
            CHECK_HAS(row, view.message, rows[i].message);
        }
        world_clear(&world);
    }
}

static void a_deleted_pod_is_killed_after_its_grace_and_stays_until_it_is_released(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct world world;
    struct cluster *cluster;
    struct pod_view view;
    int64_t before_us;
    struct err err;
    int pid;

    (void)state;
    world_init(&world, "* hang\n");
    world_open(&world);
    cluster = cluster_local_base(world.local);
    world_create(&world, &id, with_number("spec.terminationGracePeriodSeconds", 1), name);
    world_until(&world, name, "Running");
    pid = world_pid(&world, "hang");
    before_us = clock_mono_us();
    CHECK_OK(now_delete(cluster, name, &err), err);
    CHECK_OK(now_delete(cluster, name, &err), err); /* again is fine */
    world_view(&world, name, &view);
    assert_int_equal(view.grace_ms, 1000);
    assert_in_range(view.deletion_ms, clock_unix_ms() - 3000, clock_unix_ms());
    world_until(&world, name, "Failed");
    assert_in_range(clock_mono_us() - before_us, 900000, 3000000);
    assert_false(world_process_lives(pid));
    world_view(&world, name, &view);
    assert_int_equal(view.cls, CLASS_INTERRUPTED); /* nobody judged it */
    assert_true(view.has_finalizer);
    world_step(&world, 0);
    assert_non_null(world_pod(&world, name));
    CHECK_OK(now_release(cluster, name, &err), err);
    assert_null(world_pod(&world, name));
    CHECK_OK(now_release(cluster, name, &err), err);
    CHECK_OK(now_delete(cluster, name, &err), err);
    CHECK_OK(now_annotate(cluster, name, "k", "v", &err), err);
    world_clear(&world);
}

static void a_verdict_outlives_the_delete(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct world world;
    struct cluster *cluster;
    struct pod_view view;
    struct err err;

    (void)state;
    world_init(&world, "* sleep\n");
    world_open(&world);
    cluster = cluster_local_base(world.local);
    world_create(&world, &id, NULL, name);
    world_until(&world, name, "Running");
    (void)world_pid(&world, "sleep");
    CHECK_OK(now_annotate(cluster, name, ANNOTATION_VERDICT, "Stalled", &err), err);
    CHECK_OK(now_delete(cluster, name, &err), err);
    world_until(&world, name, "Failed");
    world_close(&world);
    world_open(&world);
    world_view(&world, name, &view);
    assert_true(view.has_verdict);
    assert_int_equal(view.verdict, CLASS_STALLED);
    world_clear(&world);
}

static void a_pod_over_its_deadline_fails_with_that_reason(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct world world;
    struct pod_view view;

    (void)state;
    world_init(&world, "* sleep\n");
    world_open(&world);
    world_create(&world, &id, with_number("spec.activeDeadlineSeconds", 1), name);
    world_until(&world, name, "Failed");
    assert_string_equal(json_text(world_pod(&world, name), "status.reason"), "DeadlineExceeded");
    world_view(&world, name, &view);
    assert_int_equal(view.cls, CLASS_STALLED);
    world_clear(&world);
}

static void big_logs_neither_block_nor_get_lost(void **state)
{
    struct attempt_id id = convert(0);
    AUTO_FREE char *log = NULL;
    char name[NAME_POD_SIZE];
    struct world world;
    struct stat st;

    (void)state;
    world_init(&world, "* log 20000\n");
    world_open(&world);
    world_create(&world, &id, NULL, name);
    world_until(&world, name, "Succeeded");
    log = xasprintf("%s/logs/%s.log", world.work, name);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_size, 20000 * 1024);
    assert_int_equal(st.st_mode & 0777, 0600);
    world_clear(&world);
}

static void what_a_worker_leaves_behind_is_killed(void **state)
{
    struct attempt_id id = convert(0);
    AUTO_FREE char *scratch = NULL;
    char name[NAME_POD_SIZE];
    struct world world;
    int pid;

    (void)state;
    world_init(&world, "* fork\n");
    world_open(&world);
    world_create(&world, &id, NULL, name);
    world_until(&world, name, "Succeeded");
    pid = world_pid(&world, "fork");
    for (int i = 0; i < 200 && world_process_lives(pid); i++)
        (void)usleep(10000);
    assert_false(world_process_lives(pid));
    scratch = xasprintf("%s/pods/%s", world.work, name);
    assert_false(file_exists(scratch));
    world_clear(&world);
}

static void a_worker_sees_its_environment_and_nothing_else(void **state)
{
    struct attempt_id id = { .stage = STAGE_CONVERT, .index = 5, .epoch = 2, .attempt = 1 };
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *store = NULL;
    AUTO_FREE char *job = NULL;
    char name[NAME_POD_SIZE];
    struct world world;
    struct err err;
    size_t len;

    (void)state;
    (void)setenv("OUR_SECRET", "of the shell", 1);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(dup2(1, 100), 100); /* as a careless library would: not close-on-exec */
    world_init(&world, "* see\n");
    json_path_set(world.job, "spec.output.uri", cJSON_CreateString("/f/a$$b$(HOME)c$.mp4"));
    world_open(&world);
    world_create(&world, &id, NULL, name);
    world_until(&world, name, "Succeeded");
    path = xasprintf("%s/see", world.work);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &err), err);
    CHECK_HAS("see", text, "arg convert\n");
    CHECK_HAS("see", text, "env STEREO_INDEX=5\n");
    CHECK_HAS("see", text, "env STEREO_EPOCH=2\n");
    CHECK_HAS("see", text, "env STEREO_ATTEMPT=1\n");
    CHECK_HAS("see", text, "env STEREO_BUILD=fake\n");
    CHECK_HAS("see", text, "env STEREO_TRACK_TOKEN=" WORLD_TOKEN "\n");
    CHECK_HAS("see", text, "\"uri\":\"/f/a$$b$(HOME)c$.mp4\"");
    CHECK_HAS("see", text, "env PATH=");
    CHECK_HAS("see", text, "fd 0\n");
    CHECK_HAS("see", text, "stdin /dev/null\npgid 1\nscratch 1\n");
    assert_null(strstr(text, "OUR_SECRET"));
    assert_null(strstr(text, "STEREO_TRACK_URL")); /* no tracking: no URL */
    for (int fd = 3; fd <= 100; fd++) {
        AUTO_FREE char *line = xasprintf("fd %d\n", fd);

        assert_null(strstr(text, line));
    }
    (void)close(100);
    store = xasprintf("%s/job.json", world.work);
    CHECK_OK(file_read(&job, &len, store, 1 << 20, &err), err);
    assert_null(strstr(job, WORLD_TOKEN));
    (void)unsetenv("OUR_SECRET");
    (void)signal(SIGPIPE, SIG_DFL);
    world_clear(&world);
}

static void a_pod_waits_for_its_secret(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct cluster_local_opts opts;
    struct world world;
    struct pod_view view;
    struct err err;

    (void)state;
    world_init(&world, "");
    opts = (struct cluster_local_opts){ world.work, FAKE_WORKER, world.job, "fake", true };
    CHECK_OK(cluster_local_open(&world.local, &opts, &err), err);
    world_create(&world, &id, NULL, name);
    world_step(&world, 0);
    world_view(&world, name, &view);
    assert_int_equal(view.phase, POD_PENDING);
    assert_int_equal(view.waiting, POD_CONFIG_ERROR);
    CHECK_HAS("secret", view.waiting_message, "token");
    cluster_local_secret(world.local, "", "", WORLD_TOKEN);
    world_until(&world, name, "Succeeded");
    world_clear(&world);
}

static void a_worker_that_cannot_be_executed_is_a_start_error(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct cluster_local_opts opts;
    struct world world;
    struct pod_view view;
    struct err err;

    (void)state;
    world_init(&world, "");
    opts = (struct cluster_local_opts){ world.work, "/no/such/worker", world.job, "fake", true };
    CHECK_OK(cluster_local_open(&world.local, &opts, &err), err);
    cluster_local_secret(world.local, "", "", WORLD_TOKEN);
    world_create(&world, &id, NULL, name);
    world_until(&world, name, "Failed");
    world_view(&world, name, &view);
    assert_int_equal(view.cls, CLASS_INTERNAL);
    CHECK_HAS("start", view.message, "/no/such/worker cannot be executed");
    world_clear(&world);
}

static void names_are_taken_once(void **state)
{
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    AUTO(cJSON) cJSON *again = NULL;
    struct cluster *cluster;
    struct world world;
    struct pod_view view;
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    cluster = cluster_local_base(world.local);
    world_create(&world, &id, NULL, name);
    again = cJSON_Duplicate(world_pod(&world, name), true);
    CHECK_ERR(now_create(cluster, again, &err), err, ERR_CONFLICT);
    json_path_set(again, "metadata.name", cJSON_CreateString("../out"));
    CHECK_ERR(now_create(cluster, again, &err), err, ERR_INTERNAL);
    /* deleted before anything ran: never on a node, and held by its finalizer only */
    CHECK_OK(now_delete(cluster, name, &err), err);
    world_view(&world, name, &view);
    assert_int_equal(view.phase, POD_FAILED);
    assert_int_equal(view.cls, CLASS_INTERRUPTED);
    CHECK_OK(now_release(cluster, name, &err), err);
    world_step(&world, 0);
    assert_null(world_pod(&world, name));
    world_clear(&world);
}

static void stopping_all_asks_first_and_counts_for_nothing(void **state)
{
    struct attempt_id ids[] = { convert(0), convert(1) };
    char names[2][NAME_POD_SIZE];
    struct world world;
    struct pod_view view;

    (void)state;
    world_init(&world, "c0/* sleep\nc1/* hang\n");
    world_open(&world);
    for (int i = 0; i < 2; i++)
        world_create(&world, &ids[i], NULL, names[i]);
    world_until(&world, names[1], "Running");
    (void)world_pid(&world, "sleep");
    (void)world_pid(&world, "hang");
    cluster_local_stop_all(world.local, 300);
    world_close(&world);
    world_open(&world);
    for (int i = 0; i < 2; i++) {
        const cJSON *ended =
            json_path(world_pod(&world, names[i]), "status.containerStatuses[0].state.terminated");

        world_view(&world, names[i], &view);
        CHECK_INT(names[i], view.phase, POD_FAILED);
        CHECK_INT(names[i], view.cls, CLASS_INTERRUPTED);
        CHECK_INT(names[i], json_path(ended, "exitCode")->valueint, i == 0 ? 75 : 137);
    }
    world_clear(&world);
}

/* The owner, in a process of its own, until it is killed. */
static _Noreturn void own(struct world *world, const char *ready)
{
    struct attempt_id ids[] = { convert(0), convert(1), convert(2) };
    struct cluster *cluster;
    char name[NAME_POD_SIZE];
    AUTO(cJSON) cJSON *status = cJSON_CreateObject();
    struct err err;

    world_open(world);
    cluster = cluster_local_base(world->local);
    world_create(world, &ids[2], NULL, name);
    world_until(world, name, "Succeeded");
    for (int i = 0; i < 2; i++)
        world_create(world, &ids[i], NULL, name);
    world_until(world, name, "Running");
    json_add_str(status, "phase", "Converting");
    if (now_status(cluster, status, &err) < 0 || file_write(ready, "", 0, &err) < 0)
        _exit(1);
    for (;;)
        world_step(world, 1000);
}

static void when_the_owner_is_killed_its_children_die_and_the_next_one_knows(void **state)
{
    AUTO_FREE char *ready = NULL;
    AUTO_FREE char *uid = NULL;
    struct world world;
    struct pod_view view;
    int hang, sleeper, lost = 0, done = 0;
    const cJSON *pod;
    struct cluster *cluster;
    pid_t owner;

    (void)state;
    world_init(&world, "c0/* hang\nc1/* sleep\n");
    world_open(&world);
    uid = xstrdup(cluster_local_uid(world.local));
    world_close(&world);
    ready = xasprintf("%s/ready", world.root);
    owner = fork();
    if (owner == 0)
        own(&world, ready);
    hang = world_pid(&world, "hang");
    sleeper = world_pid(&world, "sleep");
    for (int i = 0; i < 500 && !file_exists(ready); i++)
        (void)usleep(10000);
    assert_true(world_process_lives(hang));
    assert_int_equal(kill(owner, SIGKILL), 0);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    for (int i = 0; i < 200 && (world_process_lives(hang) || world_process_lives(sleeper)); i++)
        (void)usleep(5000);
    assert_false(world_process_lives(hang));
    assert_false(world_process_lives(sleeper));

    world_open(&world);
    assert_string_equal(cluster_local_uid(world.local), uid);
    cluster = cluster_local_base(world.local);
    assert_string_equal(json_text(cluster->ops->job(cluster), "status.phase"), "Converting");
    cJSON_ArrayForEach(pod, cluster->ops->pods(cluster))
    {
        world_view(&world, json_text(pod, "metadata.name"), &view);
        done += view.phase == POD_SUCCEEDED && view.has_record;
        lost += view.phase == POD_FAILED && view.cls == CLASS_INTERRUPTED &&
                strcmp(json_text(pod, "status.reason"), "NodeLost") == 0;
    }
    assert_int_equal(done, 1);
    assert_int_equal(lost, 2);
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_end_as_kubernetes_would_say),
        cmocka_unit_test(a_deleted_pod_is_killed_after_its_grace_and_stays_until_it_is_released),
        cmocka_unit_test(a_verdict_outlives_the_delete),
        cmocka_unit_test(a_pod_over_its_deadline_fails_with_that_reason),
        cmocka_unit_test(big_logs_neither_block_nor_get_lost),
        cmocka_unit_test(what_a_worker_leaves_behind_is_killed),
        cmocka_unit_test(a_worker_sees_its_environment_and_nothing_else),
        cmocka_unit_test(a_pod_waits_for_its_secret),
        cmocka_unit_test(a_worker_that_cannot_be_executed_is_a_start_error),
        cmocka_unit_test(names_are_taken_once),
        cmocka_unit_test(stopping_all_asks_first_and_counts_for_nothing),
        cmocka_unit_test(when_the_owner_is_killed_its_children_die_and_the_next_one_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
