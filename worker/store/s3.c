/* SPDX-License-Identifier: Apache-2.0 */
#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/store/access.h"
#include "worker/store/ops.h"

#include <pthread.h>
#include <string.h>

#define REMOVERS 7 /* threads beside the caller's */

struct s3_store {
    struct store base;
    enum store_role role;
    char *bucket; /* owned */
    char *prefix; /* owned; "" or ending in a slash */
};

static char *full_key(const struct store *store, const char *key)
{
    return xasprintf("%s%s", ((const struct s3_store *)store)->prefix, key);
}

static int take(struct access **out, const struct store *base, struct err *err)
{
    const struct s3_store *store = (const struct s3_store *)base;

    return access_take(out, store->role, store->bucket, err);
}

static int store_s3_get(struct store *store, const char *key, size_t max_bytes, struct buf *out,
                        struct err *err)
{
    AUTO(access) struct access *access = NULL;
    AUTO_FREE char *full = full_key(store, key);

    if (take(&access, store, err) < 0)
        return -1;
    if (s3_get_all(access->s3, full, max_bytes, out, NULL, err) == 0)
        return 0;
    if (err->code == ERR_INPUT)
        err->code = ERR_CONFIG;
    return -1;
}

static int store_s3_create(struct store *store, const char *key, const void *data, size_t len,
                           struct err *err)
{
    AUTO(access) struct access *access = NULL;
    AUTO_FREE char *full = full_key(store, key);
    struct s3_condition absent = { .absent = !store->races && !FP("store.no_condition") };
    struct s3_object there;
    struct err missing;

    if (take(&access, store, err) < 0)
        return -1;
    if (store->races) {
        if (s3_head(access->s3, full, &there, &missing) == 0)
            return err_set(err, ERR_CONFLICT, "%s is there already", key);
        if (missing.code != ERR_NOT_FOUND) {
            *err = missing;
            return -1;
        }
    }
    return s3_put(access->s3, full, data, len, &absent, NULL, err);
}

static int store_s3_remove(struct store *store, const char *key, struct err *err)
{
    AUTO(access) struct access *access = NULL;
    AUTO_FREE char *full = full_key(store, key);

    if (take(&access, store, err) < 0)
        return -1;
    return s3_delete(access->s3, full, err);
}

/* Keys to delete, shared by some threads: one request a key takes its round trip. */
struct removal {
    const struct store *store; /* borrowed */
    const char *keep;
    char **keys; /* owned, as its texts */
    size_t count, room;
    atomic_size_t next;
    pthread_mutex_t lock;
    bool failed; /* under lock */
    struct err err;
};

static int see_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    struct removal *removal = ctx;

    (void)size, (void)err;
    if (removal->keep && strncmp(key, removal->keep, strlen(removal->keep)) == 0 &&
        strchr("/", key[strlen(removal->keep)]))
        return 0;
    if (removal->count == removal->room) {
        removal->room = removal->room ? 2 * removal->room : 256;
        removal->keys = xrealloc(removal->keys, removal->room * sizeof(*removal->keys));
    }
    removal->keys[removal->count++] = xstrdup(key);
    return 0;
}

static void *remove_some(void *ctx)
{
    struct removal *removal = ctx;
    AUTO(access) struct access *access = NULL;
    struct err err;
    int rc = take(&access, removal->store, &err);

    while (rc == 0) {
        size_t i = atomic_fetch_add(&removal->next, 1);

        if (i >= removal->count)
            return NULL;
        rc = s3_delete(access->s3, removal->keys[i], &err);
    }
    (void)pthread_mutex_lock(&removal->lock);
    if (!removal->failed)
        removal->err = err;
    removal->failed = true;
    (void)pthread_mutex_unlock(&removal->lock);
    return NULL;
}

static int remove_keys(struct removal *removal, struct err *err)
{
    pthread_t threads[REMOVERS];
    size_t started = 0;

    (void)pthread_mutex_init(&removal->lock, NULL);
    while (started < REMOVERS && started + 1 < removal->count &&
           pthread_create(&threads[started], NULL, remove_some, removal) == 0)
        started++;
    (void)remove_some(removal);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&removal->lock);
    if (removal->failed)
        *err = removal->err;
    return removal->failed ? -1 : 0;
}

static int store_s3_remove_tree(struct store *store, const char *prefix, const char *keep,
                                struct err *err)
{
    AUTO(access) struct access *access = NULL;
    AUTO_FREE char *spared = keep ? full_key(store, keep) : NULL;
    AUTO_FREE char *key = full_key(store, prefix);
    AUTO_FREE char *below = xasprintf("%s/", key);
    struct removal removal = { .store = store, .keep = spared };
    uint32_t aborted;
    int rc;

    if (take(&access, store, err) < 0)
        return -1;
    rc = s3_list(access->s3, below, see_key, &removal, err);
    if (rc == 0)
        rc = remove_keys(&removal, err);
    for (size_t i = 0; i < removal.count; i++)
        free(removal.keys[i]);
    free(removal.keys);
    return rc < 0 ? -1 : s3_uploads_abort(access->s3, below, &aborted, err);
}

struct listing {
    size_t skip; /* bytes of the store's prefix */
    store_each_fn *each;
    void *ctx;
};

static int list_one(void *ctx, const char *key, uint64_t size, struct err *err)
{
    const struct listing *listing = ctx;

    return listing->each(listing->ctx, key + listing->skip, size, err);
}

static int store_s3_list(struct store *store, const char *prefix, store_each_fn *each, void *ctx,
                         struct err *err)
{
    AUTO(access) struct access *access = NULL;
    AUTO_FREE char *full = full_key(store, prefix);
    struct listing listing = { .skip = strlen(((struct s3_store *)store)->prefix),
                               .each = each,
                               .ctx = ctx };

    if (take(&access, store, err) < 0)
        return -1;
    return s3_list(access->s3, full, list_one, &listing, err);
}

static int store_s3_look(struct store *store, struct err *err)
{
    AUTO(access) struct access *access = NULL;

    if (take(&access, store, err) < 0)
        return -1;
    return s3_head_bucket(access->s3, err);
}

static int reader_open(struct store_reader **out, struct store *base, const char *key,
                       struct err *err)
{
    const struct s3_store *store = (const struct s3_store *)base;
    AUTO_FREE char *full = full_key(base, key);

    return store_s3_reader_open(out, store->role, store->bucket, full, key, err);
}

static int writer_open(struct store_writer **out, struct store *base, const char *key,
                       struct err *err)
{
    const struct s3_store *store = (const struct s3_store *)base;
    AUTO_FREE char *full = full_key(base, key);

    return store_s3_writer_open(out, store->role, store->bucket, full, false, err);
}

static void store_s3_free(struct store *base)
{
    struct s3_store *store = (struct s3_store *)base;

    free(store->bucket);
    free(store->prefix);
    free(store);
}

static const struct store_ops s3_ops = {
    .get = store_s3_get,
    .create = store_s3_create,
    .remove = store_s3_remove,
    .remove_tree = store_s3_remove_tree,
    .list = store_s3_list,
    .look = store_s3_look,
    .reader_open = reader_open,
    .writer_open = writer_open,
    .free = store_s3_free,
};

/* Asks for nothing but a way in: a bucket that is not there is found by the first request. */
int store_s3_open(struct store **out, enum store_role role, const char *bucket, const char *prefix,
                  struct err *err)
{
    AUTO(access) struct access *access = NULL;
    struct s3_store *store;
    size_t len = strlen(prefix);

    if (access_take(&access, role, bucket, err) < 0)
        return err_wrap(err, "work store");
    while (len > 0 && prefix[len - 1] == '/')
        len--;
    store = xcalloc(1, sizeof(*store));
    store->base.ops = &s3_ops;
    store->role = role;
    store->bucket = xstrdup(bucket);
    store->prefix = xasprintf("%.*s%s", (int)len, prefix, len ? "/" : "");
    *out = &store->base;
    return 0;
}

int store_s3_abandon(enum store_role role, const char *bucket, const char *key, struct err *err)
{
    AUTO(access) struct access *access = NULL;
    uint32_t aborted;

    if (access_take(&access, role, bucket, err) < 0)
        return -1;
    return s3_uploads_abort(access->s3, key, &aborted, err);
}
