/* SPDX-License-Identifier: Apache-2.0
 *
 * map.h - text to pointer: a hash table. Keys are copied, values are the caller's. One thread.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stddef.h>

struct map {
    struct map_slot *slots;  /* owned */
    size_t count, used, cap; /* used: with the removed */
    unsigned long long seed; /* drawn with the first slots */
};
void map_clear(struct map *map);                       /* of keys; the values stay the caller's */
void *map_get(const struct map *map, const char *key); /* NULL: absent */
void map_put(struct map *map, const char *key, void *value); /* replaces; value is not NULL */
void *map_remove(struct map *map, const char *key);          /* what was there, or NULL */
/* Each entry in no order; each() must not change the map, but may remove the entry it is given. */
void map_each(const struct map *map, void (*each)(void *ctx, const char *key, void *value),
              void *ctx);
#endif
