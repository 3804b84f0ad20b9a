/* SPDX-License-Identifier: Apache-2.0
 *
 * ops.h - what a kind of store has to do; store.c checks keys and counts, then calls these.
 * Implementations put the base struct first.
 */
#ifndef WORKER_STORE_OPS_H
#define WORKER_STORE_OPS_H

#include "worker/store/store.h"

struct store_ops {
    int (*get)(struct store *store, const char *key, size_t max_bytes, struct buf *out,
               struct err *err);
    int (*create)(struct store *store, const char *key, const void *data, size_t len,
                  struct err *err);
    int (*remove)(struct store *store, const char *key, struct err *err);
    int (*remove_tree)(struct store *store, const char *prefix, const char *keep, struct err *err);
    int (*list)(struct store *store, const char *prefix, store_each_fn *each, void *ctx,
                struct err *err);
    int (*reader_open)(struct store_reader **out, struct store *store, const char *key,
                       struct err *err);
    int (*writer_open)(struct store_writer **out, struct store *store, const char *key,
                       struct err *err);
    /* Takes away what is no object: an empty folder, what was left aside in it. */
    int (*drop)(struct store *store, struct err *err); /* NULL: there is nothing of the kind */
    /* The place itself, a bucket; NULL: it was made when it was opened. */
    int (*look)(struct store *store, struct err *err);
    bool creates_once; /* by its nature; else it is tried */
    void (*free)(struct store *store);
};
struct store {
    const struct store_ops *ops;
    _Atomic bool races; /* conditional creates are not to be had: look, then write; the attempts of
                           a test share a store */
};

#define STORE_IDENTITY_SIZE 400
struct store_reader_ops {
    /* Adds to reader->bytes what it really fetches. */
    int (*read)(struct store_reader *reader, uint64_t offset, void *out, size_t len, size_t *got,
                struct err *err);
    void (*limit)(struct store_reader *reader, uint64_t end); /* NULL: nothing is read ahead */
    void (*free)(struct store_reader *reader);
};
struct store_reader {
    const struct store_reader_ops *ops;
    struct store_stat stat;
    uint64_t bytes;
    /* What the server calls this version of the object; "" where there is no such thing. */
    char identity[STORE_IDENTITY_SIZE];
};

struct store_writer_ops {
    /* offset <= size: at the end it grows the object, before it bytes are replaced. */
    int (*write)(struct store_writer *writer, uint64_t offset, const void *data, size_t len,
                 struct err *err);
    int (*read)(struct store_writer *writer, uint64_t offset, void *out, size_t len, size_t *got,
                struct err *err);
    int (*commit)(struct store_writer *writer, struct err *err);
    void (*free)(struct store_writer *writer);
};
struct store_writer {
    const struct store_writer_ops *ops;
    uint64_t size;
    struct hash *hash; /* owned; of the bytes in order; NULL for a named output */
    uint32_t crc32c;   /* of the same bytes */
    bool rewritten, committed;
};

/* folder.c, folder_writer.c: paths are plain file-system paths. */
int folder_open(struct store **out, const char *path, struct err *err);
int folder_reader_open(struct store_reader **out, const char *path, const char *what,
                       struct err *err);
/* The object is made aside in the folder of path and published there; overwrite replaces. */
int folder_writer_open(struct store_writer **out, const char *path, bool overwrite,
                       struct err *err);

/* s3*.c. key "" or ending in a slash is no object. */
int store_s3_open(struct store **out, enum store_role role, const char *bucket, const char *prefix,
                  struct err *err);
/* Aborts the unfinished uploads of this key. */
int store_s3_abandon(enum store_role role, const char *bucket, const char *key, struct err *err);
int store_s3_reader_open(struct store_reader **out, enum store_role role, const char *bucket,
                         const char *key, const char *what, struct err *err);
/* Without overwrite the name must be free, with it only the version seen now is replaced. */
int store_s3_writer_open(struct store_writer **out, enum store_role role, const char *bucket,
                         const char *key, bool overwrite, struct err *err);

/* https.c; name: the URL as it may be shown. */
int store_https_reader_open(struct store_reader **out, const char *url, const char *name,
                            const char *what, struct err *err);
#endif
