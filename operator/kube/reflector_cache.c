/* SPDX-License-Identifier: Apache-2.0
 *
 * Callbacks may put and look, so nothing that is borrowed from the store is used after one.
 */
#include "operator/kube/reflector_cache.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Copied before keep() may take them away. */
struct known {
    char *key, *uid, *version; /* owned */
};

static void known_auto_(struct known *known)
{
    free(known->key);
    free(known->uid);
    free(known->version);
}

void cache_init(struct cache *cache, const struct kube_reflector_opts *user)
{
    *cache = (struct cache){
        .user = user, .live = store_new(), .staged = store_new(), .version = xstrdup("")
    };
}

void cache_clear(struct cache *cache)
{
    store_free(cache->live);
    store_free(cache->staged);
    graves_clear(&cache->graves);
    free(cache->version);
    *cache = (struct cache){ 0 };
}

void cache_set_version(struct cache *cache, const char *version)
{
    char *copy = xstrdup(version);

    free(cache->version);
    cache->version = copy;
}

static bool known_of(struct known *out, const cJSON *object)
{
    struct store_name name;

    if (!store_name_of(&name, object))
        return false;
    *out = (struct known){ .key = store_key(name.space, name.name),
                           .uid = xstrdup(name.uid),
                           .version = xstrdup(name.version) };
    return true;
}

/* Items of a list come without what the list says for all of them. */
static void add_missing(cJSON *object, const char *key, const char *value)
{
    if (!json_has(object, key))
        json_add_str(object, key, value);
}

static void slim(const struct cache *cache, cJSON *object)
{
    const struct kube_resource *resource = &cache->user->resource;
    AUTO_FREE char *version =
        xasprintf("%s%s%s", resource->group, *resource->group ? "/" : "", resource->version);
    cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");

    cJSON_DeleteItemFromObjectCaseSensitive(metadata, KUBE_UNUSED);
    add_missing(object, "kind", resource->kind);
    add_missing(object, "apiVersion", version);
    if (cache->user->keep)
        cache->user->keep(cache->user->ctx, object);
}

static void tell(const struct cache *cache, enum kube_event event, const cJSON *object)
{
    if (!cache->muted && cache->user->changed)
        cache->user->changed(cache->user->ctx, event, object);
}

static bool is_same(const struct store_entry *entry, const struct known *known)
{
    return strcmp(store_entry_uid(entry), known->uid) == 0;
}

/* object NULL: the state that was stored is the last one known. */
static void take_away(struct cache *cache, int64_t now_us, const char *key, const cJSON *object)
{
    const struct store_entry *entry = store_find(cache->live, key);
    AUTO(cJSON) cJSON *last = NULL;

    if (!entry)
        return;
    last = object ? NULL : store_entry_doc(entry);
    graves_add(&cache->graves, store_entry_uid(entry), now_us);
    (void)store_remove(cache->live, key);
    tell(cache, KUBE_DELETED, object ? object : last);
}

static void take(struct cache *cache, int64_t now_us, const struct known *known,
                 const cJSON *object)
{
    const struct store_entry *entry = store_find(cache->live, known->key);
    enum kube_event event = entry && is_same(entry, known) ? KUBE_MODIFIED : KUBE_ADDED;

    if (entry && event == KUBE_ADDED)
        take_away(cache, now_us, known->key, NULL);
    graves_remove(&cache->graves, known->uid);
    store_put(cache->live, known->key, known->uid, known->version, object);
    tell(cache, event, object);
}

/* News that are older than what we have, or the same once more. */
static bool is_stale(const struct store *store, const struct known *known)
{
    const struct store_entry *entry = store_find(store, known->key);

    if (!entry)
        return false;
    if (kube_version_compare(known->version, store_entry_version(entry)) < 0)
        return true;
    return is_same(entry, known) && strcmp(known->version, store_entry_version(entry)) == 0;
}

/* A deletion has the version of the object's end on new servers, of its last state on old ones. */
static bool is_stale_end(const struct store *store, const struct known *known)
{
    const struct store_entry *entry = store_find(store, known->key);

    return !entry || kube_version_compare(known->version, store_entry_version(entry)) < 0;
}

bool cache_event(struct cache *cache, int64_t now_us, enum kube_event event, cJSON *object)
{
    __attribute__((cleanup(known_auto_))) struct known known = { 0 };

    if (!known_of(&known, object))
        return false;
    if (event == KUBE_DELETED) {
        graves_add(&cache->graves, known.uid, now_us);
        if (is_stale_end(cache->live, &known))
            return true;
        slim(cache, object);
        if (is_same(store_find(cache->live, known.key), &known))
            take_away(cache, now_us, known.key, object);
        else /* the end of a successor we never saw: ours is gone for longer */
            take_away(cache, now_us, known.key, NULL);
    } else if (!is_stale(cache->live, &known)) {
        slim(cache, object);
        take(cache, now_us, &known, object);
    }
    return true;
}

/* The cache is complete up to its version: what is older and not in it is gone. */
static bool is_gone(struct cache *cache, int64_t now_us, const struct known *known)
{
    const struct store_entry *entry = store_find(cache->live, known->key);

    if (graves_has(&cache->graves, known->uid, now_us))
        return true;
    return (!entry || !is_same(entry, known)) && *cache->version &&
           (kube_version_compare(known->version, cache->version) < 0 ||
            strcmp(known->version, cache->version) == 0);
}

bool cache_put(struct cache *cache, int64_t now_us, const cJSON *object)
{
    __attribute__((cleanup(known_auto_))) struct known known = { 0 };
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(object, "kind");
    AUTO(cJSON) cJSON *copy = NULL;

    if (cJSON_IsString(kind) && strcmp(kind->valuestring, cache->user->resource.kind) != 0)
        return false;
    if (!known_of(&known, object))
        return false;
    if (is_stale(cache->live, &known) || is_gone(cache, now_us, &known))
        return true;
    copy = cJSON_Duplicate(object, true);
    if (!copy)
        abort();
    slim(cache, copy);
    take(cache, now_us, &known, copy);
    return true;
}

void cache_gone(struct cache *cache, int64_t now_us, const char *space, const char *name,
                const char *uid)
{
    AUTO_FREE char *key = store_key(space, name);
    const struct store_entry *entry = store_find(cache->live, key);

    graves_add(&cache->graves, uid, now_us);
    if (entry && strcmp(store_entry_uid(entry), uid) == 0)
        take_away(cache, now_us, key, NULL);
}

/* --- lists --- */

bool cache_stage(struct cache *cache, enum kube_event event, cJSON *object)
{
    __attribute__((cleanup(known_auto_))) struct known known = { 0 };
    const struct store_entry *live;

    if (!known_of(&known, object))
        return false;
    live = store_find(cache->live, known.key);
    if (event == KUBE_DELETED) {
        if (!is_stale_end(cache->staged, &known))
            (void)store_remove(cache->staged, known.key);
    } else if (is_stale(cache->staged, &known)) {
        return true;
    } else if (live && is_same(live, &known) &&
               strcmp(store_entry_version(live), known.version) == 0) {
        /* We have it already: in a re-list of many objects that is most of them. */
        store_put(cache->staged, known.key, known.uid, known.version, NULL);
    } else {
        slim(cache, object);
        store_put(cache->staged, known.key, known.uid, known.version, object);
    }
    return true;
}

/* Newer than the list: the watch that begins at the list will tell its truth. */
static bool is_ahead(const struct store_entry *entry, const char *list_version, bool reset)
{
    return !reset && kube_version_compare(store_entry_version(entry), list_version) > 0;
}

static void swap_out(struct cache *cache, int64_t now_us, const char *version, bool reset)
{
    AUTO(store_keys) char **keys = store_keys(cache->live);

    for (char **key = keys; *key; key++) {
        const struct store_entry *entry = store_find(cache->live, *key);

        if (entry && !store_find(cache->staged, *key) && !is_ahead(entry, version, reset))
            take_away(cache, now_us, *key, NULL);
    }
}

static void swap_in_one(struct cache *cache, int64_t now_us, const char *key, bool reset)
{
    const struct store_entry *now = store_find(cache->staged, key);
    const struct store_entry *was = store_find(cache->live, key);
    bool same = was && strcmp(store_entry_uid(was), store_entry_uid(now)) == 0;
    AUTO(cJSON) cJSON *object = store_entry_doc(now);

    if (!object) /* a mark: as it was when it was staged, or newer by now, or put and gone again */
        return;
    if (was && !reset &&
        kube_version_compare(store_entry_version(was), store_entry_version(now)) > 0)
        return;
    if (same && strcmp(store_entry_version(was), store_entry_version(now)) == 0)
        return;
    if (was && !same)
        take_away(cache, now_us, key, NULL);
    graves_remove(&cache->graves, store_entry_uid(now));
    store_move(cache->live, cache->staged, key);
    tell(cache, same ? KUBE_MODIFIED : KUBE_ADDED, object);
}

static void swap_in(struct cache *cache, int64_t now_us, bool reset)
{
    AUTO(store_keys) char **keys = store_keys(cache->staged);

    for (char **key = keys; *key; key++) {
        if (store_find(cache->staged, *key))
            swap_in_one(cache, now_us, *key, reset);
    }
}

/* A list that is the newest and yet older than what we saw comes from a server whose numbers began
 * anew (a restored backup): then nothing of ours is ahead of it. */
void cache_swap(struct cache *cache, int64_t now_us, const char *version, bool newest)
{
    bool reset = newest && *cache->version && kube_version_compare(version, cache->version) < 0;

    cache_set_version(cache, version);
    swap_out(cache, now_us, cache->version, reset);
    swap_in(cache, now_us, reset);
    store_clear(cache->staged);
    if (cache->synced)
        return;
    cache->synced = true;
    if (!cache->muted && cache->user->synced)
        cache->user->synced(cache->user->ctx);
}
