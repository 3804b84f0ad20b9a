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

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_reader;
struct store_writer;

/* Whose credentials a URI is opened with (ENV_SOURCE_PREFIX, ...); folders need none. */
enum store_role { STORE_SOURCE, STORE_OUTPUT, STORE_WORK };

/* Once, before threads: takes keys out of the environment. Calls that wait for a server end as
 * ERR_INTERRUPTED when *should_stop (may be NULL; kept for ever) is set. Without this call the
 * environment is read when it is first needed. */
void store_setup(const volatile sig_atomic_t *should_stop);

/* The work store. A folder is made; a claim must be mounted. Caller owns *out. */
int store_open(struct store **out, const char *uri, struct err *err);
/* The same beside an output, with the output's credentials. */
int store_open_output(struct store **out, const char *uri, struct err *err);
void store_free(struct store *store);
AUTO_DEFINE(store, struct store *, store_free)

/* A small object, whole. */
int store_get(struct store *store, const char *key, size_t max_bytes, struct buf *out,
              struct err *err);
/* Write once: ERR_CONFLICT when the key exists (then read it: it may be our own). */
int store_create(struct store *store, const char *key, const void *data, size_t len,
                 struct err *err);
int store_remove(struct store *store, const char *key, struct err *err); /* absent is fine */
/* Removes every object whose key starts with prefix + "/" except keep (may be NULL) and what is
 * below it, and what killed writers have left. */
int store_remove_tree(struct store *store, const char *prefix, const char *keep, struct err *err);
/* Every object whose key starts with prefix ("segments/00007.e", of key characters), in no order;
 * each() returns -1 (err filled) to stop. */
typedef int store_each_fn(void *ctx, const char *key, uint64_t size, struct err *err);
int store_list(struct store *store, const char *prefix, store_each_fn *each, void *ctx,
               struct err *err);

/* What a store can do, found by trying: two creates of one key, then four at the same time. A
 * server that does not honour If-None-Match would let several win. The plan keeps the answer. */
struct store_abilities {
    bool creates_once;
};
int store_probe(struct store *store, struct store_abilities *out, struct err *err);
/* A bucket that somebody deleted, with all that was in it; false also when it cannot be told. */
bool store_is_gone(struct store *store);
/* When a job's objects are gone: an empty folder goes, too. Nobody may write any more. */
int store_drop(struct store *store, struct err *err);
/* What killed writers have left of a named output: unfinished uploads of S3. The output stays. */
int store_abandon_uri(const char *uri, struct err *err);
/* Without creates_once store_create looks before it writes, which keeps an earlier object but lets
 * two at the same time both succeed: whoever needs one winner puts its attempt into the key. */
void store_set_abilities(struct store *store, const struct store_abilities *abilities);

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
/* Up to len bytes at offset; *got 0 at the end. A server's object is read ahead where it is read in
 * order. ERR_INPUT: it is another than the one that was opened. */
int store_reader_read(struct store_reader *reader, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err);
/* Reading ahead does not pass end (behind which nothing is wanted); UINT64_MAX: no limit. */
void store_reader_limit(struct store_reader *reader, uint64_t end);
/* What tells a film from another: SHA-256 of its size (8 bytes, little-endian), and of what its
 * server calls this version (S3: the ETag; https: ETag and Last-Modified); without such a thing, of
 * its first and last 64 KiB. Compared with plan_source.digest. */
int store_reader_digest(struct store_reader *reader, char hex[HASH_HEX_SIZE], struct err *err);
uint64_t store_reader_bytes(const struct store_reader *reader); /* really fetched so far */

/*
 * A large object being written: aside, visible only after commit. Writes go forward; rewrites of
 * earlier bytes go through store_writer_rewrite (an output's moov). sha256 is of the bytes in
 * order as written by _write; it is not available after a rewrite.
 * For S3 all bytes also stay in a file of the scratch folder (STEREO_SCRATCH, TMPDIR, /tmp) until
 * the writer is freed: there they are read back and written again from. Parts are sent meanwhile,
 * each under its checksum; the first part and those that were rewritten are sent at the commit.
 */
int store_writer_open(struct store_writer **out, struct store *store, const char *key,
                      struct err *err);
/* A named output: written beside it as ".NAME.part-XXXX" and published by rename; on S3 an upload
 * that is completed if the name is still free, or still what it was when this writer was opened. */
int store_writer_open_uri(struct store_writer **out, const char *uri, bool overwrite,
                          struct err *err);
void store_writer_free(struct store_writer *writer); /* without commit: nothing is left behind */
AUTO_DEFINE(store_writer, struct store_writer *, store_writer_free)
int store_writer_write(struct store_writer *writer, const void *data, size_t len, struct err *err);
int store_writer_rewrite(struct store_writer *writer, uint64_t offset, const void *data, size_t len,
                         struct err *err);
/* Reads back what was written, before commit: assembly looks at its index, and hashes the file. By
 * several threads while nobody writes. */
int store_writer_read(struct store_writer *writer, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err);
uint64_t store_writer_size(const struct store_writer *writer);
/* Of an object's bytes as written by _write, so far. */
uint32_t store_writer_crc32c(const struct store_writer *writer);
/* Syncs and makes it visible. ERR_CONFLICT when the name exists and may not be replaced.
 * sha256 (may be NULL) is filled unless rewritten; "" for a named output, which has no use for it.
 */
int store_writer_commit(struct store_writer *writer, char sha256[HASH_HEX_SIZE], struct err *err);
#endif
