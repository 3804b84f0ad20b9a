/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - where films, plans and segments are kept, behind one small interface: tables of
 * functions for folders (a path, file://, pvc://CLAIM/PATH), S3 (s3://BUCKET/KEY) and, to read
 * from, https://. Keys are relative, of [A-Za-z0-9._/-], without "..". Whole objects appear at once
 * or not at all. Any thread; a reader or writer belongs to one thread at a time.
 * Errors: ERR_NOT_FOUND, ERR_CONFLICT, ERR_SPACE, ERR_DEPENDENCY, ERR_CONFIG (bad URI, denied).
 */
#ifndef WORKER_STORE_H
#define WORKER_STORE_H

#include "common/auto.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_reader;
struct store_writer;

/* Whose credentials a URI is opened with (ENV_SOURCE_PREFIX, ...); folders need none. */
enum store_role { STORE_SOURCE, STORE_OUTPUT, STORE_WORK };

/* The work store. A folder is made; a claim must be mounted. Caller owns *out. */
int store_open(struct store **out, const char *uri, struct err *err);
void store_free(struct store *store);
AUTO_DEFINE(store, struct store *, store_free)

/* A small object, whole. */
int store_get(struct store *store, const char *key, size_t max_bytes, struct buf *out,
              struct err *err);
/* Write once: ERR_CONFLICT when the key exists (then read it: it may be our own). */
int store_create(struct store *store, const char *key, const void *data, size_t len,
                 struct err *err);
int store_remove(struct store *store, const char *key, struct err *err); /* absent is fine */
/* Removes every object whose key starts with prefix + "/" except keep (may be NULL). */
int store_remove_tree(struct store *store, const char *prefix, const char *keep, struct err *err);

struct store_stat {
    uint64_t size;
    int64_t mtime_ns; /* 0 where there is none */
};
/* One object opened for ranged reads. By URI (a film; what names the field in messages) or by key
 * of a store. */
int store_reader_open_uri(struct store_reader **out, enum store_role role, const char *uri,
                          const char *what, struct err *err);
int store_reader_open(struct store_reader **out, struct store *store, const char *key,
                      struct err *err);
void store_reader_free(struct store_reader *reader);
AUTO_DEFINE(store_reader, struct store_reader *, store_reader_free)
const struct store_stat *store_reader_stat(const struct store_reader *reader);
/* Up to len bytes at offset; *got 0 at the end. Counts bytes for progress. */
int store_reader_read(struct store_reader *reader, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err);
/* What tells a film from another: SHA-256 of its size (8 bytes, little-endian), its first and its
 * last 64 KiB. Compared with plan_source.digest. */
int store_reader_digest(struct store_reader *reader, char hex[HASH_HEX_SIZE], struct err *err);
uint64_t store_reader_bytes(const struct store_reader *reader); /* really read so far */

/*
 * A large object being written: aside, visible only after commit. Writes go forward; rewrites of
 * earlier bytes go through store_writer_rewrite (an output's moov). sha256 is of the bytes in
 * order as written by _write; it is not available after a rewrite.
 */
int store_writer_open(struct store_writer **out, struct store *store, const char *key,
                      struct err *err);
/* A named output file: written beside it as ".NAME.part-XXXX"; commit publishes by rename. */
int store_writer_open_uri(struct store_writer **out, const char *uri, bool overwrite,
                          struct err *err);
void store_writer_free(struct store_writer *writer); /* without commit: nothing is left behind */
AUTO_DEFINE(store_writer, struct store_writer *, store_writer_free)
int store_writer_write(struct store_writer *writer, const void *data, size_t len, struct err *err);
int store_writer_rewrite(struct store_writer *writer, uint64_t offset, const void *data, size_t len,
                         struct err *err);
/* Reads back what was written, before commit (assembly verifies its file). */
int store_writer_read(struct store_writer *writer, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err);
uint64_t store_writer_size(const struct store_writer *writer);
/* Syncs and makes it visible. ERR_CONFLICT when the name exists and may not be replaced.
 * sha256 (may be NULL) is filled unless rewritten; "" for a named output, which has no use for it.
 */
int store_writer_commit(struct store_writer *writer, char sha256[HASH_HEX_SIZE], struct err *err);
#endif
