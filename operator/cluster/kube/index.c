/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/kube/index.h"

#include "common/contract/names.h"
#include "common/map.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct pod_index {
    struct map pods, cleaners; /* UID -> struct names, owned */
};

static const struct names none;

static const char *label(const cJSON *pod, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json_path(pod, "metadata.labels"), key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static const char *name_of(const cJSON *pod)
{
    const cJSON *item = json_path(pod, "metadata.name");

    return cJSON_IsString(item) ? item->valuestring : "";
}

const char *pod_index_uid(const cJSON *pod)
{
    return label(pod, LABEL_UID);
}

struct pod_index *pod_index_new(void)
{
    return xcalloc(1, sizeof(struct pod_index));
}

static void set_free(void *ctx, const char *key, void *value)
{
    struct names *set = value;

    (void)ctx;
    (void)key;
    names_clear(set);
    free(set);
}

void pod_index_free(struct pod_index *index)
{
    if (!index)
        return;
    map_each(&index->pods, set_free, NULL);
    map_each(&index->cleaners, set_free, NULL);
    map_clear(&index->pods);
    map_clear(&index->cleaners);
    free(index);
}

static struct map *map_of(struct pod_index *index, const cJSON *pod)
{
    bool cleans = strcmp(label(pod, LABEL_STAGE), stage_name(STAGE_CLEAN)) == 0;

    return cleans ? &index->cleaners : &index->pods;
}

void pod_index_add(struct pod_index *index, const cJSON *pod)
{
    struct map *map = map_of(index, pod);
    const char *uid = pod_index_uid(pod);
    struct names *set;

    if (!uid[0])
        return;
    set = map_get(map, uid);
    if (!set) {
        set = xcalloc(1, sizeof(*set));
        map_put(map, uid, set);
    }
    names_add(set, name_of(pod));
}

void pod_index_remove(struct pod_index *index, const cJSON *pod)
{
    struct map *map = map_of(index, pod);
    const char *uid = pod_index_uid(pod);
    struct names *set = map_get(map, uid);

    if (!set)
        return;
    names_remove(set, name_of(pod));
    if (set->count == 0)
        set_free(NULL, NULL, map_remove(map, uid));
}

const struct names *pod_index_pods(const struct pod_index *index, const char *uid)
{
    const struct names *set = map_get(&index->pods, uid);

    return set ? set : &none;
}

const struct names *pod_index_cleaners(const struct pod_index *index, const char *uid)
{
    const struct names *set = map_get(&index->cleaners, uid);

    return set ? set : &none;
}
