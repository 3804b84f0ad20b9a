/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/env.h"

#include "common/mem.h"
#include "operator/pods/resources.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Keys of a tenant's Secret, as most tools name them. Without an access key the pod must not start
 * (CreateContainerConfigError names the Secret and the key); the rest may be absent. */
static const struct key {
    const char *env, *key;
    bool optional;
} keys[] = {
    { ENV_S3_KEY_ID, "AWS_ACCESS_KEY_ID", false },
    { ENV_S3_SECRET, "AWS_SECRET_ACCESS_KEY", false },
    { ENV_S3_TOKEN, "AWS_SESSION_TOKEN", true },
    { ENV_S3_REGION, "AWS_REGION", true },
    { ENV_S3_ENDPOINT, "AWS_ENDPOINT_URL", true },
    { ENV_S3_STYLE, "AWS_S3_ADDRESSING_STYLE", true },
};

/* The kubelet expands $(NAME) in values and takes $$ for a dollar sign. Caller frees. */
static char *escape(const char *value)
{
    char *out = xmalloc(2 * strlen(value) + 1);
    size_t n = 0;

    for (; *value; value++) {
        if (*value == '$')
            out[n++] = '$';
        out[n++] = *value;
    }
    out[n] = '\0';
    return out;
}

/* NULL: not there. */
static void add(cJSON *env, const char *name, const char *value)
{
    AUTO_FREE char *text = NULL;
    cJSON *item;

    if (!value)
        return;
    text = escape(value);
    item = cJSON_CreateObject();
    json_add_str(item, "name", name);
    json_add_str(item, "value", text);
    cJSON_AddItemToArray(env, item);
}

static void add_u32(cJSON *env, const char *name, uint32_t value)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%" PRIu32, value);
    add(env, name, text);
}

static void add_secret(cJSON *env, const char *name, const char *secret, const char *key,
                       bool optional)
{
    cJSON *item = cJSON_CreateObject();
    cJSON *ref = cJSON_CreateObject();

    json_add_str(ref, "name", secret);
    json_add_str(ref, "key", key);
    if (optional)
        json_add_bool(ref, "optional", true);
    json_add_str(item, "name", name);
    cJSON_AddItemToObject(cJSON_AddObjectToObject(item, "valueFrom"), "secretKeyRef", ref);
    cJSON_AddItemToArray(env, item);
}

/* The token signs termination messages too, so it is there with or without tracking. Who cleans up
 * reports to nobody, and the Secret may be gone. */
static void add_track(cJSON *env, const struct pods_context *context, enum stage stage)
{
    if (context->tracking && stage != STAGE_CLEAN) {
        add_secret(env, ENV_TRACK_URL, context->secret, SECRET_URL, false);
        add_secret(env, ENV_TRACK_PASSWORD, context->secret, SECRET_PASSWORD, false);
    }
    add_secret(env, ENV_TRACK_TOKEN, context->secret, SECRET_TOKEN, stage == STAGE_CLEAN);
}

/* None where secret is "". */
static void add_keys(cJSON *env, const char *prefix, const char *secret, bool optional)
{
    for (size_t i = 0; secret[0] && i < sizeof(keys) / sizeof(keys[0]); i++) {
        AUTO_FREE char *name = xasprintf("%s%s", prefix, keys[i].env);

        add_secret(env, name, secret, keys[i].key, optional || keys[i].optional);
    }
}

/* Each stage gets the keys that it uses. Work lies beside the output, so it is opened with the
 * output's keys where it has none of its own. */
static void add_stores(cJSON *env, const cJSON *job, enum stage stage)
{
    const char *output = json_text(job, "spec.output.secretName");
    const char *work = json_text(job, "spec.work.secretName");

    if (stage != STAGE_CLEAN)
        add_keys(env, ENV_SOURCE_PREFIX, json_text(job, "spec.source.secretName"), false);
    if (stage != STAGE_CONVERT)
        add_keys(env, ENV_OUTPUT_PREFIX, output, stage == STAGE_CLEAN);
    add_keys(env, ENV_WORK_PREFIX, work[0] ? work : output, false);
}

/* curl reads http_proxy in small letters only. */
static void add_cluster(cJSON *env, const struct pods_cluster *cluster)
{
    add(env, "HTTP_PROXY", cluster->http_proxy);
    add(env, "http_proxy", cluster->http_proxy);
    add(env, "HTTPS_PROXY", cluster->https_proxy);
    add(env, "NO_PROXY", cluster->no_proxy);
    if (cluster->ca_config_map)
        add(env, ENV_CA_FILE, PODS_CA_DIR "/" PODS_CA_FILE);
}

/* NVDEC and NVENC are left out by the NVIDIA runtime unless they are asked for. */
static void add_gpu(cJSON *env, const cJSON *job, enum stage stage)
{
    const cJSON *limits = json_path(job, "spec.resources.limits");
    bool asked =
        resources_gpus(json_path(job, "spec.resources.gpu")) > 0 || json_has(limits, RESOURCES_GPU);

    if (stage == STAGE_CONVERT && asked)
        add(env, "NVIDIA_DRIVER_CAPABILITIES", "compute,video,utility");
}

cJSON *env_build(const struct pods_context *context, const struct attempt_id *id)
{
    cJSON *env = cJSON_CreateArray();
    AUTO_FREE char *spec = json_print(cJSON_GetObjectItemCaseSensitive(context->job, "spec"));

    add(env, ENV_JOB_NAME, json_text(context->job, "metadata.name"));
    add(env, ENV_JOB_UID, json_text(context->job, "metadata.uid"));
    add(env, ENV_SPEC, spec);
    add_u32(env, ENV_INDEX, id->index);
    add_u32(env, ENV_EPOCH, id->epoch);
    add_u32(env, ENV_ATTEMPT, id->attempt);
    add(env, ENV_WORK_URI, context->work_uri);
    if (context->build && context->build[0] && id->stage != STAGE_CLEAN)
        add(env, ENV_BUILD, context->build);
    add_u32(env, ENV_BEAT_MS, context->beat_ms);
    add(env, ENV_SCRATCH, PODS_SCRATCH);
    add(env, "TMPDIR", PODS_SCRATCH);
    add_track(env, context, id->stage);
    if (context->cluster) {
        add_stores(env, context->job, id->stage);
        add_cluster(env, context->cluster);
        add_gpu(env, context->job, id->stage);
    }
    return env;
}
