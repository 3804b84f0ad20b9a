/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/store.h"

#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/store/ops.h"
#include "worker/store/place.h"

#include <string.h>

#define KEY_MAX      240
#define DIGEST_BYTES 65536

AUTO_DEFINE(hash, struct hash *, hash_free)

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Parts of key characters between single slashes, none of them "." or "..". */
static bool is_key(const char *key)
{
    size_t len = strlen(key), part = 0;

    if (len == 0 || len > KEY_MAX)
        return false;
    for (size_t i = 0; i <= len; i++) {
        const char *start = key + i - part;

        if (is_key_char(key[i])) {
            part++;
            continue;
        }
        if (key[i] && key[i] != '/')
            return false;
        if (part == 0 || (part == 1 && start[0] == '.') ||
            (part == 2 && start[0] == '.' && start[1] == '.'))
            return false;
        part = 0;
    }
    return true;
}

static int check_key(const char *key, struct err *err)
{
    if (!is_key(key))
        return err_set(err, ERR_CONFIG, "store key '%.100s' is not allowed", key);
    return 0;
}

static int only_read(const struct place *place, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s: %s: https:// is only read from", what, place->name);
}

static int open_as(struct store **out, enum store_role role, const char *what, const char *uri,
                   struct err *err)
{
    AUTO_PLACE struct place place = { .path = NULL };

    if (place_parse(&place, uri, what, err) < 0)
        return -1;
    if (place.kind == PLACE_HTTPS)
        return only_read(&place, what, err);
    if (place.kind == PLACE_S3)
        return store_s3_open(out, role, place.bucket, place.key, err);
    return folder_open(out, place.path, err) < 0 ? err_wrap(err, "%s", what) : 0;
}

int store_open(struct store **out, const char *uri, struct err *err)
{
    return open_as(out, STORE_WORK, "work store", uri, err);
}

int store_open_output(struct store **out, const char *uri, struct err *err)
{
    return open_as(out, STORE_OUTPUT, "output", uri, err);
}

void store_free(struct store *store)
{
    if (store)
        store->ops->free(store);
}

int store_get(struct store *store, const char *key, size_t max_bytes, struct buf *out,
              struct err *err)
{
    if (check_key(key, err) < 0)
        return -1;
    return store->ops->get(store, key, max_bytes, out, err);
}

int store_create(struct store *store, const char *key, const void *data, size_t len,
                 struct err *err)
{
    if (check_key(key, err) < 0)
        return -1;
    return store->ops->create(store, key, data, len, err);
}

int store_remove(struct store *store, const char *key, struct err *err)
{
    if (check_key(key, err) < 0)
        return -1;
    return store->ops->remove(store, key, err);
}

int store_remove_tree(struct store *store, const char *prefix, const char *keep, struct err *err)
{
    if (check_key(prefix, err) < 0 || (keep && check_key(keep, err) < 0))
        return -1;
    return store->ops->remove_tree(store, prefix, keep, err);
}

/* A key, of which the last part may be open. */
static bool is_prefix(const char *prefix)
{
    AUTO_FREE char *key = xasprintf("%sx", prefix);

    return is_key(key);
}

int store_list(struct store *store, const char *prefix, store_each_fn *each, void *ctx,
               struct err *err)
{
    if (!is_prefix(prefix))
        return err_set(err, ERR_CONFIG, "store key '%.100s' is not allowed", prefix);
    return store->ops->list(store, prefix, each, ctx, err);
}

void store_set_abilities(struct store *store, const struct store_abilities *abilities)
{
    store->races = !abilities->creates_once;
}

bool store_is_gone(struct store *store)
{
    struct err err = { .code = ERR_NONE };

    return store->ops->look && store->ops->look(store, &err) < 0 && err.code == ERR_NOT_FOUND;
}

int store_drop(struct store *store, struct err *err)
{
    return store->ops->drop ? store->ops->drop(store, err) : 0;
}

int store_abandon_uri(const char *uri, struct err *err)
{
    AUTO_PLACE struct place place = { .path = NULL };

    if (place_parse(&place, uri, "output", err) < 0)
        return -1;
    if (place.kind != PLACE_S3 || !*place.key)
        return 0;
    return store_s3_abandon(STORE_OUTPUT, place.bucket, place.key, err);
}

int store_reader_open_uri(struct store_reader **out, enum store_role role, const char *uri,
                          const char *what, struct err *err)
{
    AUTO_PLACE struct place place = { .path = NULL };

    if (place_parse(&place, uri, what, err) < 0)
        return -1;
    if (place.kind == PLACE_S3)
        return store_s3_reader_open(out, role, place.bucket, place.key, what, err);
    if (place.kind == PLACE_HTTPS)
        return store_https_reader_open(out, place.path, place.name, what, err);
    return folder_reader_open(out, place.path, what, err);
}

int store_reader_open(struct store_reader **out, struct store *store, const char *key,
                      struct err *err)
{
    if (check_key(key, err) < 0)
        return -1;
    return store->ops->reader_open(out, store, key, err);
}

void store_reader_free(struct store_reader *reader)
{
    if (reader)
        reader->ops->free(reader);
}

const struct store_stat *store_reader_stat(const struct store_reader *reader)
{
    return &reader->stat;
}

int store_reader_read(struct store_reader *reader, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err)
{
    if (FP("store.read"))
        return err_set(err, ERR_DEPENDENCY, "failpoint store.read");
    return reader->ops->read(reader, offset, out, len, got, err);
}

void store_reader_limit(struct store_reader *reader, uint64_t end)
{
    if (reader->ops->limit)
        reader->ops->limit(reader, end);
}

static int digest_range(struct hash *hash, struct store_reader *reader, uint64_t offset,
                        struct err *err)
{
    AUTO_FREE char *data = xmalloc(DIGEST_BYTES);
    size_t got;

    if (store_reader_read(reader, offset, data, DIGEST_BYTES, &got, err) < 0)
        return -1;
    hash_update(hash, data, got);
    return 0;
}

int store_reader_digest(struct store_reader *reader, char hex[HASH_HEX_SIZE], struct err *err)
{
    AUTO(hash) struct hash *hash = hash_new();
    uint64_t size = reader->stat.size;
    uint8_t le[8];

    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(size >> (8 * i));
    hash_update(hash, le, sizeof(le));
    if (reader->identity[0]) {
        hash_update(hash, reader->identity, strlen(reader->identity));
        hash_final(hash, hex);
        return 0;
    }
    if (digest_range(hash, reader, 0, err) < 0 ||
        digest_range(hash, reader, size > DIGEST_BYTES ? size - DIGEST_BYTES : 0, err) < 0)
        return -1;
    hash_final(hash, hex);
    return 0;
}

uint64_t store_reader_bytes(const struct store_reader *reader)
{
    return reader->bytes;
}

int store_writer_open(struct store_writer **out, struct store *store, const char *key,
                      struct err *err)
{
    if (check_key(key, err) < 0 || store->ops->writer_open(out, store, key, err) < 0)
        return -1;
    (*out)->hash = hash_new();
    return 0;
}

int store_writer_open_uri(struct store_writer **out, const char *uri, bool overwrite,
                          struct err *err)
{
    AUTO_PLACE struct place place = { .path = NULL };

    if (place_parse(&place, uri, "output", err) < 0)
        return -1;
    if (place.kind == PLACE_HTTPS)
        return only_read(&place, "output", err);
    if (place.kind == PLACE_S3)
        return store_s3_writer_open(out, STORE_OUTPUT, place.bucket, place.key, overwrite, err);
    return folder_writer_open(out, place.path, overwrite, err);
}

void store_writer_free(struct store_writer *writer)
{
    if (!writer)
        return;
    hash_free(writer->hash);
    writer->ops->free(writer);
}

int store_writer_write(struct store_writer *writer, const void *data, size_t len, struct err *err)
{
    if (writer->ops->write(writer, writer->size, data, len, err) < 0)
        return -1;
    if (writer->hash) {
        hash_update(writer->hash, data, len);
        writer->crc32c = hash_crc32c(writer->crc32c, data, len);
    }
    writer->size += len;
    return 0;
}

int store_writer_rewrite(struct store_writer *writer, uint64_t offset, const void *data, size_t len,
                         struct err *err)
{
    if (offset > writer->size || len > writer->size - offset)
        return err_set(err, ERR_INTERNAL, "rewrite of %zu bytes at %llu passes the end", len,
                       (unsigned long long)offset);
    writer->rewritten = true;
    return writer->ops->write(writer, offset, data, len, err);
}

int store_writer_read(struct store_writer *writer, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err)
{
    return writer->ops->read(writer, offset, out, len, got, err);
}

uint64_t store_writer_size(const struct store_writer *writer)
{
    return writer->size;
}

uint32_t store_writer_crc32c(const struct store_writer *writer)
{
    return writer->crc32c;
}

int store_writer_commit(struct store_writer *writer, char sha256[HASH_HEX_SIZE], struct err *err)
{
    char hex[HASH_HEX_SIZE];

    if (writer->committed)
        return err_set(err, ERR_INTERNAL, "a writer commits once");
    if (writer->ops->commit(writer, err) < 0)
        return -1;
    writer->committed = true;
    if (sha256) {
        bool known = writer->hash && !writer->rewritten;

        if (known)
            hash_final(writer->hash, hex);
        memcpy(sha256, known ? hex : "", known ? sizeof(hex) : 1);
    }
    return 0;
}
