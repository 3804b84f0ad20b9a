/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing, linear probing, FNV-1a with a seed of its own, so that names chosen by others
 * cannot be made to collide.
 */
#include "common/map.h"

#include "common/hash.h"
#include "common/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 16 };

struct map_slot {
    char *key; /* owned; NULL: free, or removed when value is set */
    void *value;
    uint64_t hash;
};

static char removed_mark; /* its address is the value of a removed slot */

static uint64_t hash_of(const struct map *map, const char *key)
{
    uint64_t hash = map->seed ^ UINT64_C(14695981039346656037);

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return hash ^ hash >> 29;
}

static struct map_slot *find(const struct map *map, const char *key, uint64_t hash)
{
    if (!map->cap)
        return NULL;
    for (size_t i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct map_slot *slot = &map->slots[i];

        if (!slot->key && !slot->value)
            return NULL;
        if (slot->key && slot->hash == hash && strcmp(slot->key, key) == 0)
            return slot;
    }
}

static void place(struct map *map, char *key, void *value, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);

    while (map->slots[i].key || map->slots[i].value)
        i = (i + 1) & (map->cap - 1);
    map->slots[i] = (struct map_slot){ key, value, hash };
    map->count++;
    map->used++;
}

/* At most three quarters are used, the removed included. */
static void grow(struct map *map)
{
    struct map old = *map;

    if (!map->cap)
        hash_random(&old.seed, sizeof(old.seed));
    if ((map->used + 1) * 4 <= map->cap * 3)
        return;
    *map = (struct map){ .cap = old.cap ? old.cap : CAP_FIRST, .seed = old.seed };
    while ((old.count + 1) * 2 > map->cap)
        map->cap *= 2;
    map->slots = xcalloc(map->cap, sizeof(map->slots[0]));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].key)
            place(map, old.slots[i].key, old.slots[i].value, old.slots[i].hash);
    }
    free(old.slots);
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->cap; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (struct map){ 0 };
}

void *map_get(const struct map *map, const char *key)
{
    const struct map_slot *slot = find(map, key, hash_of(map, key));

    return slot ? slot->value : NULL;
}

void map_put(struct map *map, const char *key, void *value)
{
    struct map_slot *slot = find(map, key, hash_of(map, key));

    if (slot) {
        slot->value = value;
        return;
    }
    grow(map);
    place(map, xstrdup(key), value, hash_of(map, key)); /* the first slots bring the seed */
}

void *map_remove(struct map *map, const char *key)
{
    struct map_slot *slot = find(map, key, hash_of(map, key));
    void *value;

    if (!slot)
        return NULL;
    value = slot->value;
    free(slot->key);
    *slot = (struct map_slot){ .value = &removed_mark };
    map->count--;
    return value;
}

void map_each(const struct map *map, void (*each)(void *ctx, const char *key, void *value),
              void *ctx)
{
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].key)
            each(ctx, map->slots[i].key, map->slots[i].value);
    }
}
