/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/store/access.h"
#include "worker/store/ahead.h"
#include "worker/store/ops.h"

#include <stdio.h>
#include <string.h>

struct s3_reader {
    struct store_reader base;
    struct access *access; /* owned */
    struct ahead *ahead;   /* owned */
    char *key, *what;      /* owned */
    char etag[S3_ETAG_SIZE];
};

/* A film that is another by now is not the film that was asked for. What the job keeps in its work
 * store is only ever removed or replaced by the job itself: another attempt knows better. */
static int fail(const struct s3_reader *reader, struct err *err)
{
    enum err_code code = reader->access->role == STORE_WORK ? ERR_DEPENDENCY : ERR_INPUT;

    if (err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND)
        return err_set(err, code, "%s: s3://%s/%s %s while it was being read", reader->what,
                       reader->access->bucket, reader->key,
                       err->code == ERR_CONFLICT ? "was replaced" : "was removed");
    return err_wrap(err, "%s", reader->what);
}

static int fetch(void *ctx, uint64_t offset, void *out, size_t len, size_t *got, struct err *err)
{
    struct s3_reader *reader = ctx;

    if (s3_get(reader->access->s3, reader->key, offset, out, len, got,
               reader->etag[0] ? reader->etag : NULL, NULL, err) < 0)
        return fail(reader, err);
    reader->base.bytes += *got;
    return 0;
}

static int reader_read(struct store_reader *base, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    return ahead_read(((struct s3_reader *)base)->ahead, offset, out, len, got, err);
}

static void reader_limit(struct store_reader *base, uint64_t end)
{
    ahead_limit(((struct s3_reader *)base)->ahead, end);
}

static void reader_free(struct store_reader *base)
{
    struct s3_reader *reader = (struct s3_reader *)base;

    access_give(reader->access);
    ahead_free(reader->ahead);
    free(reader->key);
    free(reader->what);
    free(reader);
}

static const struct store_reader_ops reader_ops = { reader_read, reader_limit, reader_free };

int store_s3_reader_open(struct store_reader **out, enum store_role role, const char *bucket,
                         const char *key, const char *what, struct err *err)
{
    AUTO(store_reader) struct store_reader *base = NULL;
    struct s3_reader *reader;
    struct s3_object object;

    if (!*key || key[strlen(key) - 1] == '/')
        return err_set(err, ERR_CONFIG, "%s: s3://%s/%s names no object", what, bucket, key);
    reader = xcalloc(1, sizeof(*reader));
    base = &reader->base;
    base->ops = &reader_ops;
    reader->key = xstrdup(key);
    reader->what = xstrdup(what);
    if (access_take(&reader->access, role, bucket, err) < 0)
        return err_wrap(err, "%s", what);
    if (s3_head(reader->access->s3, key, &object, err) < 0) {
        if (err->code == ERR_NOT_FOUND) /* the answer to a HEAD has no words */
            return err_set(err, ERR_NOT_FOUND, "%s: s3://%s/%s: there is no such object", what,
                           bucket, key);
        return err_wrap(err, "%s", what);
    }
    base->stat.size = object.size;
    base->stat.mtime_ns = object.mtime_ms * 1000000;
    memcpy(reader->etag, object.etag, sizeof(reader->etag));
    (void)snprintf(base->identity, sizeof(base->identity), "%s", object.etag);
    reader->ahead = ahead_new(object.size, fetch, reader);
    *out = TAKE(base);
    return 0;
}
