/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/kube/fake.h"

#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"

#include <fcntl.h>
#include <sys/wait.h>

static void run_server(const struct fake *fake, const char *scenario, const char *tls)
{
    AUTO_FREE char *path = xasprintf("%s/%s", TESTS_HERE, scenario);
    AUTO_FREE char *record = xasprintf("%s/record", fake->dir);
    AUTO_FREE char *cert = xasprintf("%s/server.crt", tls ? tls : "");
    AUTO_FREE char *key = xasprintf("%s/server.key", tls ? tls : "");
    AUTO_FREE char *ca = xasprintf("%s/client-ca.crt", tls ? tls : "");
    const char *argv[12] = { FAKE_API, path, "--record", record };

    if (tls) {
        const char *more[] = { "--cert", cert, "--key", key, "--client-ca", ca };

        memcpy(argv + 4, more, sizeof(more));
    }
    (void)execv(FAKE_API, (char *const *)argv);
    _exit(127);
}

void fake_start(struct fake *fake, const char *scenario, const char *tls)
{
    int in[2], out[2], port = 0;
    FILE *file;

    *fake = (struct fake){ .hold = -1 };
    (void)snprintf(fake->dir, sizeof(fake->dir), "/tmp/fake-api-XXXXXX");
    assert_non_null(mkdtemp(fake->dir));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fake->pid = fork();
    if (fake->pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        run_server(fake, scenario, tls);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    fake->hold = in[1];
    file = fdopen(out[0], "r");
    assert_int_equal(fscanf(file, "%d", &port), 1);
    (void)fclose(file);
    (void)snprintf(fake->url, sizeof(fake->url), "http%s://127.0.0.1:%d", tls ? "s" : "", port);
}

void fake_stop(struct fake *fake)
{
    struct err err;

    (void)close(fake->hold);
    (void)waitpid(fake->pid, NULL, 0);
    (void)file_remove_tree(fake->dir, &err);
}

cJSON *fake_requests(const struct fake *fake, const char *target)
{
    AUTO_FREE char *path = xasprintf("%s/record", fake->dir);
    AUTO_FREE char *text = NULL;
    cJSON *all = cJSON_CreateArray();
    struct err err;
    size_t len;
    char *at;

    if (file_read(&text, &len, path, 256u << 20, &err) < 0)
        return all;
    for (at = text; *at; at = strchr(at, '\n') + 1) {
        cJSON *one = NULL;

        CHECK_OK(json_parse(&one, at, (size_t)(strchr(at, '\n') - at), &err), err);
        if (strncmp(json_path(one, "target")->valuestring, target, strlen(target)) == 0)
            cJSON_AddItemToArray(all, one);
        else
            cJSON_Delete(one);
    }
    return all;
}

int fake_count(const struct fake *fake, const char *target)
{
    AUTO(cJSON) cJSON *all = fake_requests(fake, target);

    return cJSON_GetArraySize(all);
}

void fake_run(const char *const *argv)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A client on a loop ----------------------------------------------------------------------------*/

static void on_observed(void *ctx, const char *method, int code, double seconds, bool again)
{
    struct world *world = ctx;

    assert_non_null(method);
    assert_true(seconds >= 0 && seconds < 60);
    world->observed++;
    world->observed_code = code;
    world->observed_again += again;
}

void world_begin(struct world *world, const char *url)
{
    *world = (struct world){
        .config = { .server = (char *)(uintptr_t)url, .space = "default", .origin = "test" }
    };
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(uv_timer_init(&world->loop, &world->timer), 0);
}

void world_open(struct world *world, uint32_t in_flight_max)
{
    const struct kube_client_opts opts = { .loop = &world->loop,
                                           .config = &world->config,
                                           .user_agent = "client-test/1 (linux/any)",
                                           .in_flight_max = in_flight_max,
                                           .observed = on_observed,
                                           .ctx = world };
    struct err err;

    CHECK_OK(kube_client_open(&world->client, &opts, &err), err);
}

void world_end(struct world *world)
{
    kube_client_close(TAKE(world->client));
    uv_close((uv_handle_t *)&world->timer, NULL);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

static void wait_until(struct world *world, const int *flag, int want, double seconds)
{
    int64_t end_us = clock_mono_us() + (int64_t)(seconds * 1e6);

    (void)uv_timer_start(&world->timer, tick, 10, 10);
    while ((!flag || *flag < want) && clock_mono_us() < end_us)
        (void)uv_run(&world->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&world->timer);
}

void world_wait(struct world *world, const int *flag, int want, double seconds)
{
    wait_until(world, flag, want, seconds);
    if (*flag < want)
        fail_msg("not within %.1f s", seconds);
}

void world_rest(struct world *world, double seconds)
{
    wait_until(world, NULL, 0, seconds);
}

/* Requests --------------------------------------------------------------------------------------*/

static void on_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct ask *ask = ctx;

    assert_false(ask->done);
    assert_true(!doc || status->code / 100 == 2);
    ask->done++;
    ask->call = NULL;
    ask->status = *status;
    ask->doc = doc ? cJSON_Duplicate(doc, true) : NULL;
    if (ask->then)
        ask->then(ask);
}

void ask_start(struct ask *ask, struct world *world, const char *method, const char *path,
               const char *body, enum kube_patch patch)
{
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    if (body)
        CHECK_OK(json_parse(&doc, body, strlen(body), &err), err);
    ask->world = world;
    kube_call_start(world->client,
                    &(struct kube_request){ .method = method,
                                            .path = path,
                                            .body = doc,
                                            .patch = patch,
                                            .urgent = ask->urgent,
                                            .done = on_done,
                                            .ctx = ask },
                    &ask->call);
    assert_false(ask->done);
}

void ask_clear(struct ask *ask)
{
    cJSON_Delete(TAKE(ask->doc));
}

int ask_wait(struct ask *ask, struct world *world, const char *method, const char *path,
             const char *body)
{
    ask_start(ask, world, method, path, body, KUBE_PATCH_NONE);
    world_wait(world, &ask->done, 1, 20);
    return ask->status.code;
}

int ask_code(struct world *world, const char *method, const char *path, const char *body)
{
    struct ask ask = { .done = 0 };
    int code = ask_wait(&ask, world, method, path, body);

    ask_clear(&ask);
    return code;
}

/* Streams ---------------------------------------------------------------------------------------*/

static void tail_say(struct tail *tail, const char *text, size_t len)
{
    size_t used = strlen(tail->text);

    (void)snprintf(tail->text + used, sizeof(tail->text) - used, "%.*s|", (int)len, text);
}

static bool on_line(void *ctx, const char *text, size_t len)
{
    struct tail *tail = ctx;

    assert_false(tail->ended);
    tail->lines++;
    tail_say(tail, text, len);
    return tail->on_line ? tail->on_line(tail) : true;
}

static void on_opened(void *ctx)
{
    struct tail *tail = ctx;

    assert_int_equal(tail->opened + tail->lines + tail->ended, 0);
    tail->opened++;
    tail_say(tail, "opened", 6);
    if (tail->on_opened)
        tail->on_opened(tail);
}

static void on_end(void *ctx, const struct kube_status *status)
{
    struct tail *tail = ctx;
    AUTO_FREE char *words = xasprintf("end %d", status->code);

    assert_false(tail->ended);
    tail->ended++;
    tail->call = NULL;
    tail->status = *status;
    tail_say(tail, words, strlen(words));
    if (tail->on_end)
        tail->on_end(tail);
}

void tail_start(struct tail *tail, struct world *world, const char *path, uint32_t deadline_ms,
                size_t line_max)
{
    tail->world = world;
    kube_stream_start(world->client,
                      &(struct kube_stream){ .path = path,
                                             .deadline_ms = deadline_ms,
                                             .line_max = line_max,
                                             .line = on_line,
                                             .opened = on_opened,
                                             .end = on_end,
                                             .ctx = tail },
                      &tail->call);
}
