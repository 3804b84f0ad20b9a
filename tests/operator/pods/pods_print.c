/* SPDX-License-Identifier: Apache-2.0
 *
 * pods_print - a StereoJob on stdin, as the API server gives it; on stdout a list of the manifests
 * that the operator makes for it, of every stage.
 */
#include "common/auto.h"
#include "common/buf.h"
#include "common/mem.h"
#include "operator/pods/pods.h"

#include <stdio.h>
#include <unistd.h>

#define JOB_MAX_BYTES (1u << 20)

static int stdin_read(cJSON **out, struct err *err)
{
    AUTO_BUF struct buf text;
    char piece[4096];
    ssize_t n;

    buf_init(&text, JOB_MAX_BYTES);
    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
        if (buf_append(&text, piece, (size_t)n, err) < 0)
            return -1;
    }
    return json_parse(out, text.data ? text.data : "", text.len, err);
}

static void print_all(const struct pods_context *context)
{
    static const enum stage stages[] = { STAGE_PLAN, STAGE_CONVERT, STAGE_ASSEMBLE };
    AUTO(cJSON) cJSON *list = cJSON_CreateArray();
    AUTO_FREE char *text = NULL;

    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct action action = { .id = { .stage = stages[i] }, .memory_percent = 150 };

        cJSON_AddItemToArray(list, pods_manifest(context, &action));
        action.id.attempt = 1;
        action.storage_percent = 225;
        if (stages[i] == STAGE_CONVERT)
            (void)snprintf(action.avoid_node, sizeof(action.avoid_node), "gpu-1");
        cJSON_AddItemToArray(list, pods_manifest(context, &action));
    }
    cJSON_AddItemToArray(list, pods_clean_manifest(context, 0));
    text = json_print(list);
    printf("%s\n", text);
}

int main(void)
{
    static const char *const pull_secrets[] = { "registry", NULL };
    static const struct pods_cluster cluster = { .pull_policy = "IfNotPresent",
                                                 .pull_secrets = pull_secrets,
                                                 .http_proxy = "http://proxy:3128",
                                                 .https_proxy = "http://proxy:3128",
                                                 .no_proxy = ".svc",
                                                 .ca_config_map = "corporate-ca",
                                                 .service_account = "stereo-s3" };
    struct pods_context context = { .image = "registry.example/stereo-worker:1",
                                    .build = "0.1.0",
                                    .secret = "film-track",
                                    .beat_ms = 5000,
                                    .memory_bytes = 1000000000,
                                    .cluster = &cluster,
                                    .tracking = true };
    AUTO(cJSON) cJSON *job = NULL;
    AUTO_FREE char *work_uri = NULL;
    struct err err;

    if (stdin_read(&job, &err) < 0 || pods_work_uri(&work_uri, job, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    context.job = job;
    context.work_uri = work_uri;
    print_all(&context);
    return 0;
}
