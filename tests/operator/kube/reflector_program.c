/* SPDX-License-Identifier: Apache-2.0
 *
 * A reflector that says what it is told, for tests.
 *
 * usage: reflector_program KUBECONFIG GROUP VERSION PLURAL KIND NAMESPACE WATCH_MIN_S [OPTION]
 * OPTION: pages (no streaming list), or a label selector. "" is no group, all namespaces.
 *
 * Prints "ADDED space/name uid version" (MODIFIED, DELETED), "SYNCED count", "AGAIN reason",
 * "RELIST reason". Answers lines from stdin: "dump", "version", "put JSON",
 * "close" (the reflector; the client lives on). Ends with stdin.
 */
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "operator/kube/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program {
    uv_loop_t loop;
    struct kube_config *config;
    struct kube_client *client;
    struct kube_reflector *reflector;
    uv_pipe_t in;
    struct buf line;
    char space[65536];
};

static void say_object(const char *word, const cJSON *object)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");

    printf("%s %s/%s %s %s\n", word, json_member(metadata, "namespace"),
           json_member(metadata, "name"), json_member(metadata, "uid"),
           json_member(metadata, "resourceVersion"));
}

static void on_changed(void *ctx, enum kube_event event, const cJSON *object)
{
    static const char *const words[] = { "ADDED", "MODIFIED", "DELETED" };

    (void)ctx;
    say_object(words[event], object);
    (void)fflush(stdout);
}

static void on_synced(void *ctx)
{
    const struct program *program = ctx;

    printf("SYNCED %zu\n", kube_reflector_count(program->reflector));
    (void)fflush(stdout);
}

static void on_reconnected(void *ctx, const char *reason, bool relist)
{
    (void)ctx;
    printf("%s %s\n", relist ? "RELIST" : "AGAIN", reason);
    (void)fflush(stdout);
}

static void dump_one(void *ctx, const cJSON *object)
{
    AUTO_FREE char *text = json_print(object);

    (void)ctx;
    printf("HAS %s\n", text);
}

/* What is lent must be what each() shows, and outlive a put. */
static void put(struct program *program, const char *text)
{
    AUTO(cJSON) cJSON *doc = NULL;
    const cJSON *metadata, *lent;
    struct err err;

    if (json_parse(&doc, text, strlen(text), &err) < 0)
        exit(2);
    metadata = cJSON_GetObjectItemCaseSensitive(doc, "metadata");
    lent = kube_reflector_get(program->reflector, json_member(metadata, "namespace"),
                              json_member(metadata, "name"));
    kube_reflector_put(program->reflector, doc);
    if (lent)
        say_object("BEFORE", lent);
    lent = kube_reflector_get(program->reflector, json_member(metadata, "namespace"),
                              json_member(metadata, "name"));
    if (lent)
        say_object("AFTER", lent);
    printf("END\n");
}

static void command(struct program *program, const char *line)
{
    if (strcmp(line, "dump") == 0) {
        kube_reflector_each(program->reflector, dump_one, NULL);
        printf("END\n");
    } else if (strcmp(line, "version") == 0) {
        printf("VERSION %s\n", kube_reflector_version(program->reflector));
    } else if (strncmp(line, "put ", 4) == 0) {
        put(program, line + 4);
    } else if (strcmp(line, "close") == 0) {
        kube_reflector_close(TAKE(program->reflector));
        printf("CLOSED\n");
    }
    (void)fflush(stdout);
}

static void on_space(uv_handle_t *handle, size_t wish, uv_buf_t *out)
{
    struct program *program = handle->data;

    (void)wish;
    *out = uv_buf_init(program->space, sizeof(program->space));
}

static void on_input(uv_stream_t *stream, ssize_t got, const uv_buf_t *data)
{
    struct program *program = stream->data;
    struct err err;
    char *newline;

    if (got < 0) {
        kube_reflector_close(program->reflector);
        kube_client_close(program->client);
        uv_close((uv_handle_t *)stream, NULL);
        return;
    }
    if (buf_append(&program->line, data->base, (size_t)got, &err) < 0)
        exit(2);
    while (program->line.data && (newline = strchr(program->line.data, '\n'))) {
        AUTO_FREE char *rest = xstrdup(newline + 1);

        *newline = '\0';
        command(program, program->line.data);
        buf_clear(&program->line);
        (void)buf_append(&program->line, rest, strlen(rest), &err);
    }
}

static int start(struct program *program, char **argv, struct err *err)
{
    struct kube_client_opts client = { .loop = &program->loop, .user_agent = "reflector-test/1" };
    const char *option = argv[8] ? argv[8] : "";
    bool pages = strcmp(option, "pages") == 0;
    struct kube_reflector_opts opts = { .resource = { argv[2], argv[3], argv[4], argv[5] },
                                        .space = *argv[6] ? argv[6] : NULL,
                                        .selector = *option && !pages ? option : NULL,
                                        .changed = on_changed,
                                        .synced = on_synced,
                                        .reconnected = on_reconnected,
                                        .ctx = program,
                                        .watch_min_s = (uint32_t)strtoul(argv[7], NULL, 10),
                                        .no_streaming_list = pages };

    if (kube_config_load(&program->config, argv[1], NULL, err) < 0)
        return -1;
    client.config = program->config;
    if (kube_client_open(&program->client, &client, err) < 0)
        return -1;
    opts.client = program->client;
    return kube_reflector_open(&program->reflector, &opts, err);
}

int main(int argc, char **argv)
{
    struct program *program = xcalloc(1, sizeof(*program));
    struct err err;

    if (argc < 8)
        return 2;
    log_setup("reflector", LOG_DEBUG, false);
    buf_init(&program->line, 8u << 20);
    (void)uv_loop_init(&program->loop);
    if (start(program, argv, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    (void)uv_pipe_init(&program->loop, &program->in, 0);
    (void)uv_pipe_open(&program->in, STDIN_FILENO);
    program->in.data = program;
    (void)uv_read_start((uv_stream_t *)&program->in, on_space, on_input);
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&program->loop) < 0)
        return 3; /* something was left open */
    kube_config_free(program->config);
    buf_clear(&program->line);
    free(program);
    return 0;
}
