/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/volumes.h"

#include "common/mem.h"
#include "operator/pods/env.h"

#include <stdio.h>
#include <string.h>

#define CLAIMS_MAX 4 /* source, depth, work, output */

struct claims {
    struct claim {
        char name[254];
        bool is_written;
    } list[CLAIMS_MAX];
    size_t count;
};

static void claim_add(struct claims *claims, const char *uri, bool is_written)
{
    static const char scheme[] = "pvc://";
    struct claim claim = { .is_written = is_written };

    if (strncmp(uri, scheme, strlen(scheme)) != 0)
        return;
    uri += strlen(scheme);
    (void)snprintf(claim.name, sizeof(claim.name), "%.*s", (int)strcspn(uri, "/"), uri);
    for (size_t i = 0; i < claims->count; i++) {
        if (strcmp(claims->list[i].name, claim.name) == 0) {
            claims->list[i].is_written |= is_written;
            return;
        }
    }
    if (claim.name[0] && claims->count < CLAIMS_MAX)
        claims->list[claims->count++] = claim;
}

/* Convert never sees the output, and who cleans up never the source. */
static void claims_collect(struct claims *claims, const struct pods_context *context,
                           enum stage stage)
{
    claims->count = 0;
    if (!context->cluster)
        return;
    if (stage != STAGE_CLEAN) {
        claim_add(claims, json_text(context->job, "spec.source.uri"), false);
        claim_add(claims, json_text(context->job, "spec.depth.uri"), false);
    }
    claim_add(claims, context->work_uri, true);
    if (stage != STAGE_CONVERT)
        claim_add(claims, json_text(context->job, "spec.output.uri"), true);
}

static cJSON *named(const char *name)
{
    cJSON *item = cJSON_CreateObject();

    json_add_str(item, "name", name);
    return item;
}

/* A claim's name may have 253 characters, a volume's 63. */
static cJSON *named_claim(size_t index)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "claim-%zu", index);
    return named(name);
}

static void mount_add(cJSON *mounts, cJSON *item, const char *path, bool read_only)
{
    json_add_str(item, "mountPath", path);
    if (read_only)
        json_add_bool(item, "readOnly", true);
    cJSON_AddItemToArray(mounts, item);
}

static bool has_ca(const struct pods_context *context)
{
    return context->cluster && context->cluster->ca_config_map;
}

cJSON *mounts_build(const struct pods_context *context, enum stage stage)
{
    cJSON *mounts = cJSON_CreateArray();
    struct claims claims;

    claims_collect(&claims, context, stage);
    mount_add(mounts, named("scratch"), PODS_SCRATCH, false);
    for (size_t i = 0; i < claims.count; i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", NAME_CLAIM_MOUNT, claims.list[i].name);

        mount_add(mounts, named_claim(i), path, !claims.list[i].is_written);
    }
    if (has_ca(context))
        mount_add(mounts, named("ca"), PODS_CA_DIR, true);
    return mounts;
}

/* Optional: a worker that misses the file says so, a pod that waits for its volume does not. */
static cJSON *ca_build(const char *config_map)
{
    cJSON *volume = named("ca");
    cJSON *source = cJSON_AddObjectToObject(volume, "configMap");
    cJSON *item = cJSON_CreateObject();

    json_add_str(source, "name", config_map);
    json_add_bool(source, "optional", true);
    json_add_str(item, "key", PODS_CA_FILE);
    json_add_str(item, "path", PODS_CA_FILE);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(source, "items"), item);
    return volume;
}

cJSON *volumes_build(const struct pods_context *context, enum stage stage, const char *limit)
{
    cJSON *volumes = cJSON_CreateArray();
    cJSON *scratch = named("scratch"), *empty;
    struct claims claims;

    claims_collect(&claims, context, stage);
    empty = cJSON_AddObjectToObject(scratch, "emptyDir");
    if (context->cluster && limit)
        json_add_str(empty, "sizeLimit", limit);
    cJSON_AddItemToArray(volumes, scratch);
    for (size_t i = 0; i < claims.count; i++) {
        cJSON *volume = named_claim(i);

        json_add_str(cJSON_AddObjectToObject(volume, "persistentVolumeClaim"), "claimName",
                     claims.list[i].name);
        cJSON_AddItemToArray(volumes, volume);
    }
    if (has_ca(context))
        cJSON_AddItemToArray(volumes, ca_build(context->cluster->ca_config_map));
    return volumes;
}
