/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/done.h"

#include "common/json.h"
#include "common/mem.h"

#include <string.h>

enum { MAX_BYTES = 1024, BLOCK_BYTES = 1 << 20, DIGEST_BYTES = 8 << 20 };

int done_load(struct done *out, struct store *store, const char *key, struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_BUF struct buf text;
    struct done done = { 0 };
    int64_t bytes, total;

    buf_init(&text, MAX_BYTES + 1);
    if (store_get(store, key, MAX_BYTES, &text, err) < 0)
        return -1;
    if (json_parse(&doc, text.data ? text.data : "", text.len, err) < 0 ||
        json_i64(&bytes, doc, "bytes", 1, INT64_MAX, err) < 0 ||
        json_str(done.digest, sizeof(done.digest), doc, "digest", err) < 0 ||
        json_i64(&done.frames, doc, "frames", 1, INT64_MAX, err) < 0 ||
        json_i64(&done.damaged, doc, "damagedFrames", 0, INT64_MAX, err) < 0 ||
        json_i64(&done.scaled, doc, "scaledFrames", 0, INT64_MAX, err) < 0 ||
        json_i64(&done.duration_ms, doc, "durationMs", 0, INT64_MAX, err) < 0 ||
        json_i64(&total, doc, "totalBytes", 0, INT64_MAX, err) < 0 ||
        (json_has(doc, "replaces") &&
         json_str(done.replaces, sizeof(done.replaces), doc, "replaces", err) < 0)) {
        err->code = ERR_INTERNAL;
        return err_wrap(err, "%s", key);
    }
    done.bytes = (uint64_t)bytes;
    done.total_bytes = (uint64_t)total;
    *out = done;
    return 0;
}

int done_save(const struct done *done, struct store *store, const char *key, struct err *err)
{
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();
    AUTO_FREE char *text = NULL;

    json_add_i64(doc, "bytes", (int64_t)done->bytes);
    json_add_str(doc, "digest", done->digest);
    json_add_i64(doc, "frames", done->frames);
    json_add_i64(doc, "damagedFrames", done->damaged);
    json_add_i64(doc, "scaledFrames", done->scaled);
    json_add_i64(doc, "durationMs", done->duration_ms);
    json_add_i64(doc, "totalBytes", (int64_t)done->total_bytes);
    if (*done->replaces)
        json_add_str(doc, "replaces", done->replaces);
    text = json_print(doc);
    /* The last word counts: one of an attempt that never published is replaced. */
    for (int i = 0; i < 3; i++) {
        if (store_create(store, key, text, strlen(text), err) == 0)
            return 0;
        if (err->code != ERR_CONFLICT || store_remove(store, key, err) < 0)
            return -1;
    }
    return err_set(err, ERR_DEPENDENCY, "%s is being written by another attempt", key);
}

/* One of both is NULL. */
static int hash_range(struct hash *hash, struct store_reader *reader, struct store_writer *writer,
                      uint64_t at, struct err *err)
{
    AUTO_FREE uint8_t *block = xmalloc(BLOCK_BYTES);
    uint64_t end = at + DIGEST_BYTES;
    size_t got = 1;

    for (; at < end && got > 0; at += got) {
        int rc = reader ? store_reader_read(reader, at, block, BLOCK_BYTES, &got, err)
                        : store_writer_read(writer, at, block, BLOCK_BYTES, &got, err);

        if (rc < 0)
            return -1;
        if (got > end - at)
            got = (size_t)(end - at);
        hash_update(hash, block, got);
    }
    return 0;
}

static int digest(char hex[HASH_HEX_SIZE], struct store_reader *reader, struct store_writer *writer,
                  uint64_t size, struct err *err)
{
    struct hash *hash = hash_new();
    int rc = hash_range(hash, reader, writer, 0, err);

    if (rc == 0 && size > DIGEST_BYTES)
        rc = hash_range(hash, reader, writer, size - DIGEST_BYTES, err);
    hash_final(hash, hex);
    hash_free(hash);
    return rc;
}

int done_note_file(struct done *done, struct store_writer *writer, struct err *err)
{
    done->bytes = store_writer_size(writer);
    return digest(done->digest, NULL, writer, done->bytes, err);
}

int done_is_published(const struct done *done, const char *uri, struct err *err)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    char hex[HASH_HEX_SIZE];

    if (store_reader_open_uri(&reader, STORE_OUTPUT, uri, "output", err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (store_reader_stat(reader)->size != done->bytes)
        return 0;
    if (digest(hex, reader, NULL, done->bytes, err) < 0)
        return -1;
    return strcmp(hex, done->digest) == 0;
}
