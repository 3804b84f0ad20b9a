/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/reflector_store.h"

#include "common/map.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* texts: uid, version, JSON, each with its NUL. */
struct store_entry {
    uint64_t ticket;     /* of the document lent last; it may be gone */
    uint16_t version_at; /* offsets into texts */
    uint16_t json_at;    /* 0: no text */
    char texts[];
};

struct store {
    struct map entries; /* values owned */
    cJSON **lent;       /* owned, each: of the tickets after returned, in their order */
    size_t lent_count, lent_cap;
    uint64_t returned; /* the documents up to this ticket are gone; the first is 1 */
};

struct store *store_new(void)
{
    return xcalloc(1, sizeof(struct store));
}

static void entry_free(void *ctx, const char *key, void *value)
{
    (void)ctx;
    (void)key;
    free(value);
}

void store_clear(struct store *store)
{
    map_each(&store->entries, entry_free, NULL);
    map_clear(&store->entries);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_clear(store);
    store_lent_free(store);
    free(store);
}

/* --- names --- */

bool store_name_of(struct store_name *out, const cJSON *object)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");

    *out = (struct store_name){ .space = json_member(metadata, "namespace"),
                                .name = json_member(metadata, "name"),
                                .uid = json_member(metadata, "uid"),
                                .version = json_member(metadata, "resourceVersion") };
    return *out->name && *out->uid && *out->version && strlen(out->uid) < 256 &&
           strlen(out->version) < 256;
}

char *store_key(const char *space, const char *name)
{
    return xasprintf("%s/%s", space ? space : "", name);
}

/* --- entries --- */

const struct store_entry *store_find(const struct store *store, const char *key)
{
    return map_get(&store->entries, key);
}

const char *store_entry_uid(const struct store_entry *entry)
{
    return entry->texts;
}

const char *store_entry_version(const struct store_entry *entry)
{
    return entry->texts + entry->version_at;
}

cJSON *store_entry_doc(const struct store_entry *entry)
{
    const char *text = entry->texts + entry->json_at;
    cJSON *doc = NULL;
    struct err err;

    if (!entry->json_at)
        return NULL;
    if (json_parse(&doc, text, strlen(text), &err) < 0)
        abort(); /* json_print made it */
    return doc;
}

static void entry_set(struct store *store, const char *key, struct store_entry *entry)
{
    void *old = map_get(&store->entries, key);

    map_put(&store->entries, key, entry);
    free(old);
}

void store_put(struct store *store, const char *key, const char *uid, const char *version,
               const cJSON *object)
{
    AUTO_FREE char *json = object ? json_print(object) : NULL;
    size_t uid_size = strlen(uid) + 1, version_size = strlen(version) + 1;
    size_t json_size = json ? strlen(json) + 1 : 0;
    struct store_entry *entry = xmalloc(sizeof(*entry) + uid_size + version_size + json_size);

    *entry = (struct store_entry){ .version_at = (uint16_t)uid_size,
                                   .json_at = (uint16_t)(json ? uid_size + version_size : 0) };
    memcpy(entry->texts, uid, uid_size);
    memcpy(entry->texts + uid_size, version, version_size);
    if (json)
        memcpy(entry->texts + uid_size + version_size, json, json_size);
    entry_set(store, key, entry);
}

bool store_remove(struct store *store, const char *key)
{
    void *old = map_remove(&store->entries, key);

    free(old);
    return old;
}

void store_move(struct store *into, struct store *from, const char *key)
{
    struct store_entry *entry = map_remove(&from->entries, key);

    if (!entry)
        return;
    entry->ticket = 0; /* of another store */
    entry_set(into, key, entry);
}

size_t store_count(const struct store *store)
{
    return store->entries.count;
}

static void key_add(void *ctx, const char *key, void *value)
{
    char ***at = ctx;

    (void)value;
    *(*at)++ = xstrdup(key);
}

char **store_keys(const struct store *store)
{
    char **keys = xcalloc(store->entries.count + 1, sizeof(*keys)), **at = keys;

    map_each(&store->entries, key_add, &at);
    return keys;
}

void store_keys_free(char **keys)
{
    for (char **key = keys; key && *key; key++)
        free(*key);
    free(keys);
}

/* --- lending --- */

const cJSON *store_lend(struct store *store, const char *key)
{
    struct store_entry *entry = map_get(&store->entries, key);

    if (!entry || !entry->json_at)
        return NULL;
    if (entry->ticket > store->returned)
        return store->lent[entry->ticket - store->returned - 1];
    if (store->lent_count == store->lent_cap) {
        store->lent_cap = store->lent_cap ? store->lent_cap * 2 : 16;
        store->lent = xrealloc(store->lent, store->lent_cap * sizeof(store->lent[0]));
    }
    store->lent[store->lent_count++] = store_entry_doc(entry);
    entry->ticket = store->returned + store->lent_count;
    return store->lent[store->lent_count - 1];
}

bool store_has_lent(const struct store *store)
{
    return store->lent_count;
}

void store_lent_free(struct store *store)
{
    for (size_t i = 0; i < store->lent_count; i++)
        cJSON_Delete(store->lent[i]);
    store->returned += store->lent_count;
    free(store->lent);
    store->lent = NULL;
    store->lent_count = store->lent_cap = 0;
}
