/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/cluster/world.h"

#include "common/clock.h"
#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void must(int rc, const struct err *err)
{
    if (rc != 0)
        fail_msg("%s", err->msg);
}

void world_script(const struct world *world, const char *script)
{
    AUTO_FREE char *path = xasprintf("%s/script", world->root);
    struct err err;

    must(file_write(path, script, strlen(script), &err), &err);
}

void world_init(struct world *world, const char *script)
{
    char root[] = "/tmp/stereo-world-XXXXXX";
    AUTO_FREE char *text = NULL;
    struct err err;

    *world = (struct world){ .build = "fake" };
    assert_non_null(mkdtemp(root));
    world->root = xstrdup(root);
    world->work = xasprintf("%s/film.mp4.stereojob", root);
    world_script(world, script);
    text =
        xasprintf("{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\","
                  "\"metadata\":{\"name\":\"film\"},\"spec\":{\"source\":{\"uri\":\"%s/script\"},"
                  "\"output\":{\"uri\":\"%s/film.mp4\"},\"parallelism\":2}}",
                  root, root);
    must(json_parse(&world->job, text, strlen(text), &err), &err);
    fields_default(world->job);
}

int world_try_open(struct world *world, struct err *err)
{
    struct cluster_local_opts opts = { .work_dir = world->work,
                                       .worker = FAKE_WORKER,
                                       .job = world->job,
                                       .build = world->build,
                                       .keep_logs = true };

    if (cluster_local_open(&world->local, &opts, err) < 0)
        return -1;
    cluster_local_secret(world->local, "", "", WORLD_TOKEN);
    world->wake_ms = 1; /* at once */
    return 0;
}

void world_open(struct world *world)
{
    struct err err;

    must(world_try_open(world, &err), &err);
}

void world_track(struct world *world)
{
    struct track_opts opts = { .reread_ms = 200 };
    struct err err;

    must(track_server_start(&world->server, &err), &err);
    opts.url = track_server_url(world->server);
    opts.password = track_server_password(world->server);
    cluster_local_secret(world->local, opts.url, opts.password, WORLD_TOKEN);
    must(track_open(&world->track, &opts, &err), &err);
    world->watch = track_watch(world->track, cluster_local_uid(world->local), WORLD_TOKEN);
}

void world_close(struct world *world)
{
    cluster_local_free(world->local);
    track_free(world->track);
    track_server_free(world->server);
    job_status_clear(&world->status);
    world->wake_ms = 0;
    world->local = NULL;
    world->track = NULL;
    world->watch = NULL;
    world->server = NULL;
}

void world_clear(struct world *world)
{
    struct err err;

    world_close(world);
    must(file_remove_tree(world->root, &err), &err);
    cJSON_Delete(world->job);
    free(world->root);
    free(world->work);
}

static struct pods_context context_of(const struct world *world)
{
    return (struct pods_context){ .image = "local",
                                  .work_uri = world->work,
                                  .build = world->build,
                                  .secret = "film-track",
                                  .beat_ms = 100,
                                  .tracking = world->track != NULL };
}

struct outcome {
    bool came;
    int rc;
    struct err *err;
};

static void outcome_take(void *ctx, int rc, const struct err *err)
{
    struct outcome *outcome = ctx;

    assert_false(outcome->came);
    outcome->came = true;
    outcome->rc = rc;
    if (rc < 0)
        *outcome->err = *err;
}

static struct cluster_reply into(struct outcome *outcome, struct err *err)
{
    *outcome = (struct outcome){ .err = err };
    return (struct cluster_reply){ outcome_take, outcome };
}

static int ended(const struct outcome *outcome)
{
    assert_true(outcome->came);
    return outcome->rc;
}

int now_create(struct cluster *cluster, const cJSON *manifest, struct err *err)
{
    struct outcome outcome;

    cluster->ops->create_pod(cluster, manifest, into(&outcome, err));
    return ended(&outcome);
}

int now_annotate(struct cluster *cluster, const char *name, const char *key, const char *value,
                 struct err *err)
{
    struct outcome outcome;

    cluster->ops->annotate_pod(cluster, name, key, value, into(&outcome, err));
    return ended(&outcome);
}

int now_delete(struct cluster *cluster, const char *name, struct err *err)
{
    struct outcome outcome;

    cluster->ops->delete_pod(cluster, name, into(&outcome, err));
    return ended(&outcome);
}

int now_release(struct cluster *cluster, const char *name, struct err *err)
{
    struct outcome outcome;

    cluster->ops->release_pod(cluster, name, into(&outcome, err));
    return ended(&outcome);
}

int now_status(struct cluster *cluster, const cJSON *status, struct err *err)
{
    struct outcome outcome;

    cluster->ops->write_status(cluster, status, into(&outcome, err));
    return ended(&outcome);
}

void world_create(struct world *world, const struct attempt_id *id, cJSON *change,
                  char name[NAME_POD_SIZE])
{
    struct cluster *cluster = cluster_local_base(world->local);
    struct pods_context context = context_of(world);
    struct action action = { .kind = ACTION_CREATE, .id = *id };
    AUTO(cJSON) cJSON *pod = NULL;
    struct err err;
    cJSON *item;

    context.job = cluster->ops->job(cluster);
    pod = pods_manifest(&context, &action);
    while (change && (item = change->child)) {
        AUTO_FREE char *path = xstrdup(item->string);

        json_path_set(pod, path, cJSON_DetachItemViaPointer(change, item));
    }
    cJSON_Delete(change);
    (void)snprintf(name, NAME_POD_SIZE, "%s", json_path(pod, "metadata.name")->valuestring);
    must(now_create(cluster, pod, &err), &err);
}

const cJSON *world_pod(struct world *world, const char *name)
{
    struct cluster *cluster = cluster_local_base(world->local);
    const cJSON *pod;

    cJSON_ArrayForEach(pod, cluster->ops->pods(cluster))
    {
        if (strcmp(json_path(pod, "metadata.name")->valuestring, name) == 0)
            return pod;
    }
    return NULL;
}

static void wait_for_work(struct world *world, int64_t wait_ms)
{
    struct pollfd fds[] = {
        { .fd = cluster_local_fd(world->local), .events = POLLIN },
        { .fd = world->track ? track_fd(world->track) : -1, .events = POLLIN },
    };
    int64_t now_ms = clock_unix_ms();

    if (world->wake_ms && world->wake_ms - now_ms < wait_ms)
        wait_ms = world->wake_ms - now_ms;
    (void)poll(fds, 2, wait_ms > 0 ? (int)wait_ms : 0);
    if (world->track)
        track_news(world->track, NULL, NULL);
}

void world_step(struct world *world, int wait_ms)
{
    struct err err;

    wait_for_work(world, wait_ms);
    must(cluster_local_step(world->local, clock_unix_ms(), &world->wake_ms, &err), &err);
}

void world_until(struct world *world, const char *name, const char *phase)
{
    int64_t until_us = clock_mono_us() + 10000000;

    for (;;) {
        const cJSON *pod = world_pod(world, name);

        assert_non_null(pod);
        if (strcmp(json_path(pod, "status.phase")->valuestring, phase) == 0)
            return;
        if (clock_mono_us() > until_us) {
            AUTO_FREE char *text = json_print(json_path(pod, "status"));

            fail_msg("pod %s does not become %s: %s", name, phase, text);
        }
        world_step(world, 1000);
    }
}

void world_view(struct world *world, const char *name, struct pod_view *view)
{
    struct err err;

    must(pods_view(view, world_pod(world, name), WORLD_TOKEN, &err), &err);
}

int world_turn(struct world *world, struct err *err)
{
    const struct reconcile_opts opts = { .cluster = cluster_local_base(world->local),
                                         .track = world->watch,
                                         .tracking_wanted = true,
                                         .token_hex = WORLD_TOKEN,
                                         .pods = context_of(world) };
    int64_t now_ms, next_ms = 0;

    wait_for_work(world, 1000);
    now_ms = clock_unix_ms();
    world->wake_ms = 0;
    if (cluster_local_step(world->local, now_ms, &next_ms, err) < 0 ||
        reconcile_pass(&opts, now_ms, &world->status, &world->wake_ms, err) < 0)
        return -1;
    if (next_ms && (!world->wake_ms || next_ms < world->wake_ms))
        world->wake_ms = next_ms;
    return 0;
}

void world_run(struct world *world, enum phase phase, int limit_ms)
{
    int64_t until_us = clock_mono_us() + limit_ms * INT64_C(1000);
    struct err err;

    do {
        must(world_turn(world, &err), &err);
        if (clock_mono_us() > until_us)
            fail_msg("the job is %s (%s: %s) and not %s", phase_name(world->status.phase),
                     world->status.reason, world->status.message, phase_name(phase));
    } while (world->status.phase != phase);
}

int world_pid(const struct world *world, const char *kind)
{
    AUTO_FREE char *path = xasprintf("%s/pid-%s", world->work, kind);

    for (int i = 0; i < 500; i++) {
        AUTO_FREE char *text = NULL;
        struct err err;
        size_t len;

        if (file_read(&text, &len, path, 4096, &err) == 0 && len && text[len - 1] == '\n') {
            const char *last;

            text[len - 1] = '\0';
            last = strrchr(text, '\n');
            return (int)strtol(last ? last + 1 : text, NULL, 10);
        }
        (void)usleep(10000);
    }
    fail_msg("no %s", path);
    return -1;
}

bool world_process_lives(int pid)
{
    AUTO_FREE char *path = xasprintf("/proc/%d/stat", pid);
    AUTO_FREE char *text = NULL;
    struct err err;
    size_t len;

    if (file_read(&text, &len, path, 4096, &err) < 0)
        return false;
    return !strstr(text, ") Z ");
}
