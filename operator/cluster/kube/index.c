/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/kube/index.h"

#include "common/contract/names.h"
#include "common/map.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pod_index {
    struct map pods, cleaners; /* "SPACE/UID" -> struct names, owned */
};

/* Of a namespace and a UID: what is longer is none of ours. */
struct place {
    char text[256];
};

static const struct names none;

static struct place place_of(const char *space, const char *uid)
{
    struct place place;

    (void)snprintf(place.text, sizeof(place.text), "%s/%s", space, uid);
    return place;
}

const char *pod_index_uid(const cJSON *pod)
{
    return json_member(json_path(pod, "metadata.labels"), LABEL_UID);
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
    const cJSON *labels = json_path(pod, "metadata.labels");
    bool cleans = strcmp(json_member(labels, LABEL_STAGE), stage_name(STAGE_CLEAN)) == 0;

    return cleans ? &index->cleaners : &index->pods;
}

void pod_index_add(struct pod_index *index, const cJSON *pod)
{
    struct map *map = map_of(index, pod);
    const char *uid = pod_index_uid(pod);
    struct place place = place_of(json_text(pod, "metadata.namespace"), uid);
    struct names *set;

    if (!uid[0])
        return;
    set = map_get(map, place.text);
    if (!set) {
        set = xcalloc(1, sizeof(*set));
        map_put(map, place.text, set);
    }
    names_add(set, json_text(pod, "metadata.name"));
}

void pod_index_remove(struct pod_index *index, const cJSON *pod)
{
    struct map *map = map_of(index, pod);
    struct place place = place_of(json_text(pod, "metadata.namespace"), pod_index_uid(pod));
    struct names *set = map_get(map, place.text);

    if (!set)
        return;
    names_remove(set, json_text(pod, "metadata.name"));
    if (set->count == 0)
        set_free(NULL, NULL, map_remove(map, place.text));
}

static const struct names *find(const struct map *map, const char *space, const char *uid)
{
    struct place place = place_of(space, uid);
    const struct names *set = map_get(map, place.text);

    return set ? set : &none;
}

const struct names *pod_index_pods(const struct pod_index *index, const char *space,
                                   const char *uid)
{
    return find(&index->pods, space, uid);
}

const struct names *pod_index_cleaners(const struct pod_index *index, const char *space,
                                       const char *uid)
{
    return find(&index->cleaners, space, uid);
}

struct visit {
    void (*each)(void *ctx, const char *space, const char *uid, const struct names *names);
    void *ctx;
};

static void visit(void *ctx, const char *key, void *value)
{
    const struct visit *visit = ctx;
    const char *slash = strchr(key, '/');
    struct place space;

    (void)snprintf(space.text, sizeof(space.text), "%.*s", (int)(slash - key), key);
    visit->each(visit->ctx, space.text, slash + 1, value);
}

void pod_index_each(const struct pod_index *index,
                    void (*each)(void *ctx, const char *space, const char *uid,
                                 const struct names *names),
                    void *ctx)
{
    struct visit all = { each, ctx };

    map_each(&index->pods, visit, &all);
}
