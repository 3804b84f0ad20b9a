/* SPDX-License-Identifier: Apache-2.0
 *
 * A server to be asked: prints its port, is healthy, becomes ready at SIGUSR1, ends at SIGTERM.
 * usage: serve_program [CONNECTIONS_MAX [HOST [PORT]]]
 */
#include "common/mem.h"
#include "operator/serve/names.h"
#include "operator/serve/serve.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { BIG_BYTES = 32 << 20 };

static struct serve *serve;
static struct names *names;
static uv_signal_t on_ready, on_stop;
static bool is_ready;

static int ready(void *ctx, struct err *err)
{
    (void)ctx;
    return is_ready ? 0 : err_set(err, ERR_DEPENDENCY, "caches are not synced");
}

static void collect(void *ctx)
{
    (void)ctx;
    names_process(names);
}

static void big(void *ctx, struct serve_answer *out)
{
    (void)ctx;
    *out = (struct serve_answer){ 200, "application/octet-stream", xmalloc(BIG_BYTES), BIG_BYTES };
    for (size_t i = 0; i < BIG_BYTES; i++)
        out->body[i] = (char)(i % 251);
}

static void empty(void *ctx, struct serve_answer *out)
{
    (void)ctx;
    *out = (struct serve_answer){ 200, "text/plain", xstrdup(""), 0 };
}

static void signalled(uv_signal_t *handle, int signal)
{
    is_ready = true;
    if (signal == SIGUSR1)
        return;
    serve_close(serve);
    uv_close((uv_handle_t *)&on_ready, NULL);
    uv_close((uv_handle_t *)handle, NULL);
}

int main(int argc, char **argv)
{
    static const struct serve_page pages[] = { { "/big", big, NULL }, { "/empty", empty, NULL } };
    uv_loop_t loop;
    struct serve_opts opts = {
        .loop = &loop,
        .host = argc > 2 ? argv[2] : "127.0.0.1",
        .port = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0,
        .ready = ready,
        .collect = collect,
        .pages = pages,
        .page_count = 2,
        .connections_max = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0,
    };
    struct err err;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&loop);
    names = names_new("https://api.example:6443");
    names_request(names, "GET", 200, 0.01, false);
    opts.metrics = names->metrics;
    if (serve_open(&serve, &opts, &err) < 0) {
        (void)printf("error %d %s\n", err.code, err.msg);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        names_free(names);
        return uv_loop_close(&loop) == 0 ? 64 : 70;
    }
    (void)uv_signal_init(&loop, &on_ready);
    (void)uv_signal_init(&loop, &on_stop);
    (void)uv_signal_start(&on_ready, signalled, SIGUSR1);
    (void)uv_signal_start(&on_stop, signalled, SIGTERM);
    (void)printf("port %d\n", serve_port(serve));
    (void)fflush(stdout);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    names_free(names);
    return uv_loop_close(&loop) == 0 ? 0 : 70;
}
