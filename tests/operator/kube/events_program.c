/* SPDX-License-Identifier: Apache-2.0
 *
 * Emits events about a ConfigMap, for tests: a line "REASON NOTE" on stdin each; at its end what is
 * left is flushed, and the dropped are counted.
 *
 * usage: events_program KUBECONFIG NAMESPACE NAME UID
 */
#include "common/log.h"
#include "common/mem.h"
#include "operator/kube/events.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_MS = 3000 };

struct program {
    uv_loop_t loop;
    struct kube_config *config;
    struct kube_client *client;
    struct kube_events *events;
    uv_poll_t in;
    cJSON *about;
    char line[8192];
    size_t len;
};

static void flushed(void *ctx)
{
    struct program *program = ctx;

    printf("dropped %llu\n", (unsigned long long)kube_events_dropped(program->events));
    kube_events_close(program->events);
    kube_client_close(program->client);
}

static void line_emit(struct program *program, char *line)
{
    char *note = strchr(line, ' ');

    if (!note)
        return;
    *note++ = '\0';
    kube_events_emit(program->events, program->about, true, line, "Test", note);
}

static void lines_take(struct program *program)
{
    char *newline;

    program->line[program->len] = '\0';
    while ((newline = strchr(program->line, '\n'))) {
        *newline = '\0';
        line_emit(program, program->line);
        program->len -= (size_t)(newline + 1 - program->line);
        memmove(program->line, newline + 1, program->len + 1);
    }
}

static void on_in(uv_poll_t *poll, int status, int events)
{
    struct program *program = poll->data;
    ssize_t n =
        read(STDIN_FILENO, program->line + program->len, sizeof(program->line) - 1 - program->len);

    (void)status;
    (void)events;
    if (n <= 0) {
        uv_close((uv_handle_t *)poll, NULL);
        kube_events_flush(program->events, FLUSH_MS, flushed, program);
        return;
    }
    program->len += (size_t)n;
    lines_take(program);
}

static int begin(struct program *program, char **argv, struct err *err)
{
    struct kube_client_opts client = { .loop = &program->loop, .user_agent = "events-test" };
    struct kube_events_opts events = { .controller = "stereojob.io/operator",
                                       .instance = "test-pod" };

    if (kube_config_load(&program->config, argv[1], NULL, err) < 0)
        return -1;
    client.config = program->config;
    if (kube_client_open(&program->client, &client, err) < 0)
        return -1;
    events.client = program->client;
    program->about = cJSON_CreateObject();
    json_path_set(program->about, "apiVersion", cJSON_CreateString("v1"));
    json_path_set(program->about, "kind", cJSON_CreateString("ConfigMap"));
    json_path_set(program->about, "metadata.namespace", cJSON_CreateString(argv[2]));
    json_path_set(program->about, "metadata.name", cJSON_CreateString(argv[3]));
    json_path_set(program->about, "metadata.uid", cJSON_CreateString(argv[4]));
    return kube_events_open(&program->events, &events, err);
}

int main(int argc, char **argv)
{
    struct program program = { .len = 0 };
    struct err err;

    log_setup("events", LOG_INFO, false);
    if (argc != 5)
        return 64;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&program.loop);
    if (begin(&program, argv, &err) < 0) {
        log_error("%s", err.msg);
        return 64;
    }
    (void)uv_poll_init(&program.loop, &program.in, STDIN_FILENO);
    program.in.data = &program;
    (void)uv_poll_start(&program.in, UV_READABLE, on_in);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    cJSON_Delete(program.about);
    kube_config_free(program.config);
    return uv_loop_close(&program.loop) == 0 ? 0 : 70;
}
