/* SPDX-License-Identifier: Apache-2.0
 *
 * One candidate for a lease, for tests. At SIGTERM it releases and ends; it ends with 3 when it has
 * lost the lease, and after a release when the lease is closed.
 *
 * usage: lease_program KUBECONFIG NAMESPACE NAME IDENTITY [LEASE_MS RENEW_MS RETRY_MS]
 *
 * Prints "started", "lost", "closed", "released", "holder NAME", and each 100 ms "held" while it
 * is.
 */
#include "common/log.h"
#include "common/mem.h"
#include "operator/kube/lease.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAY_MS = 100 };

struct program {
    uv_loop_t loop;
    struct kube_config *config;
    struct kube_client *client;
    struct kube_lease *lease;
    uv_signal_t stop;
    uv_timer_t say;
    int result;
};

static void say(const char *word, const char *more)
{
    printf("%s%s%s\n", word, more ? " " : "", more ? more : "");
    (void)fflush(stdout);
}

static void end(struct program *program, int result)
{
    program->result = result;
    kube_lease_close(program->lease);
    kube_client_close(program->client);
    uv_close((uv_handle_t *)&program->stop, NULL);
    uv_close((uv_handle_t *)&program->say, NULL);
}

static void on_started(void *ctx)
{
    (void)ctx;
    say("started", NULL);
}

static void on_lost(void *ctx)
{
    say("lost", NULL);
    end(ctx, 3);
}

static void on_released(void *ctx)
{
    say("released", NULL);
    end(ctx, 0);
}

static void on_closed(void *ctx)
{
    struct program *program = ctx;

    say("closed", NULL);
    kube_lease_release(program->lease, on_released, program);
}

static void on_holder(void *ctx, const char *identity)
{
    (void)ctx;
    say("holder", identity);
}

static void on_stop(uv_signal_t *handle, int signal)
{
    struct program *program = handle->data;

    (void)signal;
    kube_lease_release(program->lease, on_released, program);
}

static void on_say(uv_timer_t *timer)
{
    const struct program *program = timer->data;

    if (kube_lease_is_held(program->lease))
        say("held", NULL);
}

static int number(char **argv, int argc, int at)
{
    return at < argc ? (int)strtol(argv[at], NULL, 10) : 0;
}

static int begin(struct program *program, int argc, char **argv, struct err *err)
{
    const struct kube_client_opts client = { .loop = &program->loop, .user_agent = "lease-test" };
    struct kube_client_opts opts = client;
    struct kube_lease_opts lease = { .space = argv[2],
                                     .name = argv[3],
                                     .identity = argv[4],
                                     .lease_ms = (uint32_t)number(argv, argc, 5),
                                     .renew_ms = (uint32_t)number(argv, argc, 6),
                                     .retry_ms = (uint32_t)number(argv, argc, 7),
                                     .closed_annotation = "stereojob.io/closed",
                                     .started = on_started,
                                     .lost = on_lost,
                                     .closed = on_closed,
                                     .holder = on_holder,
                                     .ctx = program };

    if (kube_config_load(&program->config, argv[1], NULL, err) < 0)
        return -1;
    opts.config = program->config;
    if (kube_client_open(&program->client, &opts, err) < 0)
        return -1;
    lease.client = program->client;
    return kube_lease_open(&program->lease, &lease, err);
}

int main(int argc, char **argv)
{
    struct program program = { .result = 1 };
    struct err err;

    log_setup("lease", LOG_INFO, false);
    if (argc < 5)
        return 64;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&program.loop);
    if (begin(&program, argc, argv, &err) < 0) {
        log_error("%s", err.msg);
        return 64;
    }
    (void)uv_signal_init(&program.loop, &program.stop);
    (void)uv_timer_init(&program.loop, &program.say);
    program.stop.data = program.say.data = &program;
    (void)uv_signal_start(&program.stop, on_stop, SIGTERM);
    (void)uv_timer_start(&program.say, on_say, SAY_MS, SAY_MS);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    kube_config_free(program.config);
    return uv_loop_close(&program.loop) == 0 ? program.result : 70;
}
