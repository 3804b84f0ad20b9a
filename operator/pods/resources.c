/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/resources.h"

#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53 */

static const struct suffix {
    const char *text;
    double factor;
} suffixes[] = {
    { "", 1 },
    { "Ki", 1024.0 },
    { "Mi", 1048576.0 },
    { "Gi", 1073741824.0 },
    { "Ti", 1099511627776.0 },
    { "Pi", 1125899906842624.0 },
    { "m", 1e-3 },
    { "k", 1e3 },
    { "M", 1e6 },
    { "G", 1e9 },
    { "T", 1e12 },
    { "P", 1e15 },
};

/* Bytes, or -1. */
static double quantity_parse(const char *text)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double value;

    if (digits == 0)
        return -1;
    value = strtod(text, &end); /* takes an exponent too: "1e9" */
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(end, suffixes[i].text) == 0)
            return value * suffixes[i].factor;
    }
    return -1;
}

char *resources_scale(const char *quantity, uint32_t percent)
{
    double bytes = quantity_parse(quantity);

    if (percent == 0 || percent == 100 || !(bytes >= 0))
        return xstrdup(quantity);
    bytes = ceil(bytes * percent / 100);
    if (bytes > EXACT_MAX)
        return xstrdup(quantity);
    return xasprintf("%.0f", bytes);
}

/* A device or another extended resource: "nvidia.com/gpu". */
static bool is_device(const char *name)
{
    return strchr(name, '/') != NULL;
}

static uint32_t percent_of(const char *name, const struct resources_opts *opts)
{
    if (strcmp(name, "memory") == 0)
        return opts->memory_percent;
    if (strcmp(name, "ephemeral-storage") == 0)
        return opts->storage_percent;
    return 100;
}

/* One of requests and limits; NULL when nothing is left. */
static cJSON *list_build(const cJSON *wanted, const struct resources_opts *opts)
{
    AUTO(cJSON) cJSON *list = cJSON_CreateObject();
    const cJSON *item; /* borrowed from wanted */

    cJSON_ArrayForEach(item, wanted)
    {
        AUTO_FREE char *value = NULL;

        if (is_device(item->string) && !opts->devices)
            continue;
        if (cJSON_IsString(item)) {
            value = resources_scale(item->valuestring, percent_of(item->string, opts));
        } else {
            AUTO_FREE char *text = json_print(item); /* "memory: 1073741824" is a number */

            value = resources_scale(text, percent_of(item->string, opts));
        }
        json_add_str(list, item->string, value);
    }
    return list->child ? TAKE(list) : NULL;
}

static void put(cJSON *resources, const char *kind, const char *name, const char *quantity)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(resources, kind);

    if (!list)
        list = cJSON_AddObjectToObject(resources, kind);
    cJSON_DeleteItemFromObjectCaseSensitive(list, name);
    json_add_str(list, name, quantity);
}

static void put_bytes(cJSON *resources, const char *kind, const char *name, uint64_t bytes,
                      uint32_t percent)
{
    AUTO_FREE char *text = xasprintf("%llu", (unsigned long long)bytes);
    AUTO_FREE char *value = resources_scale(text, percent);

    put(resources, kind, name, value);
}

/* Kubernetes takes a limit for the request too, so that either word of the user is enough. */
static bool is_said(const cJSON *wanted, const char *name)
{
    return json_has(json_path(wanted, "requests"), name) ||
           json_has(json_path(wanted, "limits"), name);
}

static void estimates_put(cJSON *out, const cJSON *wanted, const struct resources_opts *opts)
{
    if (opts->cpu && !is_said(wanted, "cpu"))
        put(out, "requests", "cpu", opts->cpu);
    if (opts->memory_bytes && !is_said(wanted, "memory")) {
        put_bytes(out, "requests", "memory", opts->memory_bytes, opts->memory_percent);
        put_bytes(out, "limits", "memory", opts->memory_bytes, opts->memory_percent);
    }
    if (opts->storage_bytes && !is_said(wanted, "ephemeral-storage")) {
        put_bytes(out, "requests", "ephemeral-storage", opts->storage_bytes, opts->storage_percent);
        put_bytes(out, "limits", "ephemeral-storage", 2 * opts->storage_bytes,
                  opts->storage_percent);
    }
}

/* Devices are counted: what is requested is the limit. */
static void gpu_put(cJSON *resources, const cJSON *gpu)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(gpu, "name");
    const char *key = cJSON_IsString(name) ? name->valuestring : RESOURCES_GPU;
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", resources_gpus(gpu));
    put(resources, "requests", key, text);
    put(resources, "limits", key, text);
}

int resources_gpus(const cJSON *gpu)
{
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(gpu, "count");

    if (!cJSON_IsObject(gpu))
        return 0;
    return cJSON_IsNumber(count) ? count->valueint : 1;
}

cJSON *resources_build(const cJSON *wanted, const struct resources_opts *opts)
{
    static const char *const kinds[] = { "requests", "limits" };
    AUTO(cJSON) cJSON *out = cJSON_CreateObject();
    const cJSON *gpu = cJSON_GetObjectItemCaseSensitive(wanted, "gpu");

    for (size_t i = 0; i < 2; i++) {
        cJSON *built = list_build(cJSON_GetObjectItemCaseSensitive(wanted, kinds[i]), opts);

        if (built)
            cJSON_AddItemToObject(out, kinds[i], built);
    }
    if (opts->devices && resources_gpus(gpu) > 0)
        gpu_put(out, gpu);
    estimates_put(out, wanted, opts);
    return TAKE(out);
}
