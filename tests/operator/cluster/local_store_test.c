/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/cluster/world.h"

#include "common/clock.h"
#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"
#include "operator/cluster/local/compare.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct attempt_id convert(uint32_t index)
{
    return (struct attempt_id){ .stage = STAGE_CONVERT, .index = index };
}

static void one_folder_has_one_owner(void **state)
{
    struct world world, other;
    char want[64];
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    other = world;
    CHECK_ERR(world_try_open(&other, &err), err, ERR_CONFLICT);
    (void)snprintf(want, sizeof(want), "(pid %d)", (int)getpid());
    CHECK_HAS("lock", err.msg, want);
    world_clear(&world);
}

/* As a child of a killed owner, caught between fork and exec, does. */
static void a_lock_of_the_dead_is_waited_for(void **state)
{
    AUTO_FREE char *path = NULL;
    struct world world;
    pid_t dead, holder;
    char text[16];
    struct err err;

    (void)state;
    world_init(&world, "");
    path = xasprintf("%s/lock", world.work);
    dead = fork();
    if (dead == 0)
        _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    (void)snprintf(text, sizeof(text), "%d\n", (int)dead);
    CHECK_OK(file_mkdirs(world.work, &err), err);
    CHECK_OK(file_write(path, text, strlen(text), &err), err);
    holder = fork();
    if (holder == 0) {
        int fd;

        if (file_lock(&fd, path, &err) < 0)
            _exit(1);
        (void)usleep(300000);
        _exit(0);
    }
    (void)usleep(100000);
    world_open(&world);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    world_clear(&world);
}

static void other_options_are_named_with_both_values(void **state)
{
    struct world world;
    struct cluster *cluster;
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    world_close(&world);
    json_path_set(world.job, "spec.parallelism", cJSON_CreateNumber(7));
    json_path_set(world.job, "spec.suspend", cJSON_CreateTrue());
    json_path_set(world.job, "metadata.annotations", cJSON_CreateObject());
    json_add_str(cJSON_GetObjectItem(cJSON_GetObjectItem(world.job, "metadata"), "annotations"),
                 ANNOTATION_RETRY, "x");
    world_open(&world); /* what may change follows */
    cluster = cluster_local_base(world.local);
    assert_int_equal(json_path(cluster->ops->job(cluster), "spec.parallelism")->valueint, 7);
    assert_true(cJSON_IsTrue(json_path(cluster->ops->job(cluster), "spec.suspend")));
    assert_string_equal(
        cJSON_GetObjectItem(json_path(cluster->ops->job(cluster), "metadata.annotations"),
                            ANNOTATION_RETRY)
            ->valuestring,
        "x");
    world_close(&world);

    json_path_set(world.job, "spec.stereo.divergence", cJSON_CreateNumber(3));
    json_path_set(world.job, "spec.encode.crf", cJSON_CreateNumber(18));
    CHECK_ERR(world_try_open(&world, &err), err, ERR_CONFIG);
    CHECK_HAS("options", err.msg, "spec.stereo.divergence: was 2, now 3");
    CHECK_HAS("options", err.msg, "spec.encode.crf: was not set, now 18");
    CHECK_HAS("options", err.msg, "; use another --work-dir or delete /tmp/");
    world_clear(&world);
}

static void a_stored_job_may_be_older_than_a_field(void **state)
{
    AUTO(cJSON) cJSON *old = NULL, *now = NULL;
    struct world world;
    struct err err;

    (void)state;
    world_init(&world, "");
    fields_default(world.job);
    old = cJSON_Duplicate(world.job, true);
    now = cJSON_Duplicate(world.job, true);
    cJSON_DeleteItemFromObject((cJSON *)(uintptr_t)json_path(old, "spec.stereo"),
                               "convergenceMode");
    CHECK_OK(local_compare(old, now, "/tmp/w", &err), err);
    json_path_set(now, "spec.stereo.convergenceMode", cJSON_CreateString("Auto"));
    CHECK_ERR(local_compare(old, now, "/tmp/w", &err), err, ERR_CONFIG);
    CHECK_HAS("was", err.msg, "spec.stereo.convergenceMode: was Fixed, now Auto");
    world_clear(&world);
}

static void long_differences_leave_room_for_the_advice(void **state)
{
    AUTO_FREE char *uri = xcalloc(1, 1001);
    struct world world;
    struct err err;

    (void)state;
    memset(uri, 'u', 1000);
    world_init(&world, "");
    world_open(&world);
    world_close(&world);
    json_path_set(world.job, "spec.source.uri", cJSON_CreateString(uri));
    json_path_set(world.job, "spec.stereo.layout", cJSON_CreateString("HalfSBS"));
    CHECK_ERR(world_try_open(&world, &err), err, ERR_CONFIG);
    CHECK_HAS("options", err.msg,
              "spec.stereo.layout: was FullSBS, now HalfSBS; 1 more differ; use");
    world_clear(&world);
}

static void another_build_is_refused_until_the_job_is_completed(void **state)
{
    struct world world;
    struct cluster *cluster;
    AUTO(cJSON) cJSON *status = cJSON_CreateObject();
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    world_close(&world);
    world.build = "0.2.0-abc";
    CHECK_ERR(world_try_open(&world, &err), err, ERR_CONFIG);
    CHECK_HAS("build", err.msg, "build fake");
    CHECK_HAS("build", err.msg, "build 0.2.0-abc");
    world.build = "fake";
    world_open(&world);
    cluster = cluster_local_base(world.local);
    json_add_str(status, "phase", "Completed");
    CHECK_OK(now_status(cluster, status, &err), err);
    world_close(&world);
    world.build = "0.2.0-abc";
    world_open(&world);
    world_clear(&world);
}

static void a_broken_store_says_so(void **state)
{
    static const char nameless[] = "{\"pods\":[{}],\"metadata\":{\"uid\":"
                                   "\"00000000-0000-4000-8000-000000000000\"}}";
    const char *const texts[] = { "", "{\"metadata\":{", "{}", "{\"pods\":[]}", nameless };
    AUTO_FREE char *path = NULL;
    struct world world;
    struct err err;

    (void)state;
    world_init(&world, "");
    path = xasprintf("%s/job.json", world.work);
    CHECK_OK(file_mkdirs(world.work, &err), err);
    for (size_t i = 0; i < COUNT(texts); i++) {
        CHECK_OK(file_write(path, texts[i], strlen(texts[i]), &err), err);
        CHECK_ERR(world_try_open(&world, &err), err, ERR_CONFIG);
        CHECK_HAS(texts[i], err.msg, "to begin anew");
    }
    world_clear(&world);
}

/* A rename over a folder fails, also for root. */
static void what_could_not_be_stored_did_not_happen(void **state)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *inside = NULL;
    AUTO(cJSON) cJSON *status = cJSON_CreateObject();
    struct attempt_id id = convert(0);
    char name[NAME_POD_SIZE];
    struct cluster *cluster;
    struct world world;
    int64_t next_ms;
    struct err err;

    (void)state;
    world_init(&world, "* hang\n");
    world_open(&world);
    cluster = cluster_local_base(world.local);
    path = xasprintf("%s/job.json", world.work);
    inside = xasprintf("%s/x", path);
    CHECK_OK(file_remove(path, &err), err);
    CHECK_OK(file_mkdirs(inside, &err), err);
    json_add_str(status, "phase", "Converting");
    assert_int_equal(now_status(cluster, status, &err), -1);
    assert_null(json_path(cluster->ops->job(cluster), "status"));
    assert_int_equal(cluster_local_set_parallelism(world.local, 9, &err), -1);
    assert_int_equal(json_path(cluster->ops->job(cluster), "spec.parallelism")->valueint, 2);
    world_create(&world, &id, NULL, name);
    assert_int_equal(cluster_local_step(world.local, clock_unix_ms(), &next_ms, &err), -1);
    assert_string_equal(json_text(world_pod(&world, name), "status.phase"), "Pending");
    CHECK_OK(file_remove_tree(path, &err), err);
    world_until(&world, name, "Running"); /* and is done once it can */
    world_clear(&world);
}

static void the_stored_job_can_be_changed(void **state)
{
    struct world world;
    struct cluster *cluster;
    struct err err;

    (void)state;
    world_init(&world, "");
    world_open(&world);
    CHECK_OK(cluster_local_annotate(world.local, ANNOTATION_RETRY, "token:1", &err), err);
    CHECK_OK(cluster_local_set_parallelism(world.local, 5, &err), err);
    cluster = cluster_local_base(world.local);
    assert_int_equal(json_path(cluster->ops->job(cluster), "spec.parallelism")->valueint, 5);
    world_close(&world);
    world_open(&world);
    cluster = cluster_local_base(world.local);
    assert_string_equal(
        cJSON_GetObjectItem(json_path(cluster->ops->job(cluster), "metadata.annotations"),
                            ANNOTATION_RETRY)
            ->valuestring,
        "token:1");
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_folder_has_one_owner),
        cmocka_unit_test(a_lock_of_the_dead_is_waited_for),
        cmocka_unit_test(other_options_are_named_with_both_values),
        cmocka_unit_test(a_stored_job_may_be_older_than_a_field),
        cmocka_unit_test(long_differences_leave_room_for_the_advice),
        cmocka_unit_test(another_build_is_refused_until_the_job_is_completed),
        cmocka_unit_test(a_broken_store_says_so),
        cmocka_unit_test(what_could_not_be_stored_did_not_happen),
        cmocka_unit_test(the_stored_job_can_be_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
