/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written goes to a spool first, a file without a name in the scratch folder: it is read
 * back from there, and any of it can be written again. Parts are sent from the spool by threads of
 * their own while more is written; one that changes after it was sent is sent again. The first part
 * (an MP4's moov begins in it) waits for the commit. So that a commit has little left to do,
 * writing waits when too much is unsent. An object of one part is a single PUT.
 */
#include "common/contract/names.h"
#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/store/access.h"
#include "worker/store/ops.h"
#include "worker/store/s3_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS     3
#define BACKLOG     8 /* complete parts not yet sent */
#define FIRST_PARTS 64u

enum part_state { PART_OPEN, PART_SENDING, PART_SENT };

struct part {
    enum part_state state;
    bool again; /* changed while it was being sent */
    struct s3_part s3;
};

struct s3_writer {
    struct store_writer base;
    enum store_role role;
    char *bucket, *key;      /* owned */
    char seen[S3_ETAG_SIZE]; /* the version that may be replaced; "": the name must be free */
    int spool;
    struct access *access;         /* owned; of the thread that writes */
    char upload_id[S3_UPLOAD_MAX]; /* "" before the upload begins; then constant */
    pthread_t threads[THREADS];
    unsigned thread_count;
    atomic_bool halt;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    /* under lock */
    struct part *parts; /* owned */
    uint32_t part_room;
    uint64_t written; /* base.size as the threads may know it */
    unsigned sending, waiting;
    bool closing, failed;
    struct err err;
};

static int fail(struct err *err, int errnum, const struct s3_writer *writer)
{
    return err_errno(err, errnum == EFBIG ? ERR_SPACE : ERR_DEPENDENCY, errnum,
                     "spooling s3://%s/%s", writer->bucket, writer->key);
}

static int open_spool(struct s3_writer *writer, struct err *err)
{
    static const char *const names[] = { ENV_SCRATCH, "TMPDIR" };
    const char *folder = "/tmp";
    AUTO_FREE char *path = NULL;

    for (size_t i = sizeof(names) / sizeof(names[0]); i-- > 0;) {
        const char *value = getenv(names[i]);

        if (value && *value)
            folder = value;
    }
    writer->spool = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (writer->spool >= 0)
        return 0;
    path = xasprintf("%s/spool-XXXXXX", folder);
    writer->spool = mkostemp(path, O_CLOEXEC);
    if (writer->spool < 0)
        return err_errno(err, ERR_CONFIG, errno, "%s", path);
    (void)unlink(path);
    return 0;
}

static int spool_write(const struct s3_writer *writer, uint64_t offset, const void *data,
                       size_t len, struct err *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n =
            pwrite(writer->spool, (const char *)data + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return fail(err, errno, writer);
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static int spool_read(const struct s3_writer *writer, uint64_t offset, void *out, size_t len,
                      size_t *got, struct err *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(writer->spool, (char *)out + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return fail(err, errno, writer);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
    }
    *got = done;
    return 0;
}

/* Under lock: how many parts are whole, or are at the end. */
static uint32_t parts_ready(const struct s3_writer *writer)
{
    uint64_t size = writer->written;
    uint32_t at = s3_part_at(size);

    return writer->closing && size > s3_part_start(at) ? at + 1 : at;
}

/* Under lock: room for the part that is being written. */
static void grow_parts(struct s3_writer *writer)
{
    uint32_t need = s3_part_at(writer->written) + 1, room = writer->part_room;

    if (need <= room)
        return;
    while (room < need)
        room = room ? 2 * room : FIRST_PARTS;
    writer->parts = xrealloc(writer->parts, room * sizeof(*writer->parts));
    memset(writer->parts + writer->part_room, 0,
           (room - writer->part_room) * sizeof(*writer->parts));
    writer->part_room = room;
}

/* Under lock: parts to be sent, without the first, which is held back. */
static unsigned backlog(const struct s3_writer *writer)
{
    uint32_t ready = parts_ready(writer);
    unsigned count = 0;

    for (uint32_t i = 1; i < ready; i++)
        count += writer->parts[i].state != PART_SENT;
    return count;
}

/* Under lock: the next one to send, the first one last of all; or -1. */
static int64_t next_part(const struct s3_writer *writer)
{
    uint32_t ready = parts_ready(writer);

    for (uint32_t i = 1; i < ready; i++)
        if (writer->parts[i].state == PART_OPEN)
            return i;
    if (writer->closing && ready > 0 && writer->sending == 0 && writer->parts[0].state == PART_OPEN)
        return 0;
    return -1;
}

static int send_part(struct s3_writer *writer, struct access *access, uint32_t part, size_t len,
                     struct s3_part *out, struct err *err)
{
    AUTO_FREE char *data = malloc(len);
    size_t got = 0;

    if (!data)
        return err_set(err, ERR_NOMEM, "no memory for a part of %zu bytes", len);
    if (spool_read(writer, s3_part_start(part), data, len, &got, err) < 0)
        return -1;
    if (got != len)
        return err_set(err, ERR_INTERNAL, "the spool ends in part %u", part);
    if (FP("store.part"))
        return err_set(err, ERR_DEPENDENCY, "failpoint store.part");
    return s3_upload_part(access->s3, writer->key, writer->upload_id, part + 1, data, len, out,
                          err);
}

/* Under lock, which is let go while the part is on its way. */
static void send_next(struct s3_writer *writer, struct access *access, uint32_t number)
{
    uint64_t left = writer->written - s3_part_start(number), most = s3_part_size(number);
    struct s3_part sent = { 0 };
    struct err err;
    int rc;

    writer->parts[number].state = PART_SENDING;
    writer->sending++;
    (void)pthread_mutex_unlock(&writer->lock);
    rc = send_part(writer, access, number, (size_t)(left < most ? left : most), &sent, &err);
    (void)pthread_mutex_lock(&writer->lock);
    writer->sending--;
    writer->parts[number].s3 = sent;
    writer->parts[number].state = writer->parts[number].again ? PART_OPEN : PART_SENT;
    writer->parts[number].again = false;
    if (rc < 0 && !writer->failed) {
        writer->failed = true;
        writer->err = err;
    }
    (void)pthread_cond_broadcast(&writer->moved);
}

static void *run(void *ctx)
{
    struct s3_writer *writer = ctx;
    struct access *access = NULL;
    struct err err;
    int rc = access_take(&access, writer->role, writer->bucket, &err);

    if (rc == 0)
        access->halt = &writer->halt;
    (void)pthread_mutex_lock(&writer->lock);
    if (rc < 0 && !writer->failed) {
        writer->failed = true;
        writer->err = err;
    }
    while (!writer->failed && !atomic_load(&writer->halt)) {
        int64_t number = next_part(writer);

        if (number >= 0) {
            send_next(writer, access, (uint32_t)number);
            continue;
        }
        writer->waiting++;
        (void)pthread_cond_wait(&writer->moved, &writer->lock);
        writer->waiting--;
    }
    (void)pthread_cond_broadcast(&writer->moved);
    (void)pthread_mutex_unlock(&writer->lock);
    access_give(access);
    return NULL;
}

/* Deaf: an upload whose name was not heard could not be aborted. */
static int begin_upload(struct s3_writer *writer, struct err *err)
{
    bool deaf = writer->access->deaf;
    int rc;

    if (writer->upload_id[0])
        return 0;
    writer->access->deaf = true;
    rc = s3_upload_begin(writer->access->s3, writer->key, writer->upload_id, err);
    writer->access->deaf = deaf;
    return rc;
}

/* Under lock. */
static int start_thread(struct s3_writer *writer, struct err *err)
{
    int rc;

    if (writer->thread_count == THREADS || writer->waiting > 0 ||
        (writer->thread_count > 0 && next_part(writer) < 0))
        return 0;
    rc = pthread_create(&writer->threads[writer->thread_count], NULL, run, writer);
    if (rc != 0)
        return err_errno(err, ERR_INTERNAL, rc, "a thread to send parts");
    writer->thread_count++;
    return 0;
}

/* Under lock. */
static int check_failed(const struct s3_writer *writer, struct err *err)
{
    if (!writer->failed)
        return 0;
    *err = writer->err;
    return -1;
}

/* A part has come to its end: off with it, and wait while too many are behind. */
static int push(struct s3_writer *writer, struct err *err)
{
    int rc;

    if (begin_upload(writer, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&writer->lock);
    rc = start_thread(writer, err);
    (void)pthread_cond_broadcast(&writer->moved);
    while (rc == 0 && !writer->failed && backlog(writer) > BACKLOG)
        (void)pthread_cond_wait(&writer->moved, &writer->lock);
    if (rc == 0)
        rc = check_failed(writer, err);
    (void)pthread_mutex_unlock(&writer->lock);
    return rc;
}

/* Bytes that were there before are others now. */
static void send_again(struct s3_writer *writer, uint64_t offset, size_t len)
{
    uint32_t last = s3_part_at(offset + len - 1);

    (void)pthread_mutex_lock(&writer->lock);
    for (uint32_t i = s3_part_at(offset); i <= last && i < writer->part_room; i++) {
        struct part *part = &writer->parts[i];

        if (part->state == PART_SENDING)
            part->again = true;
        else
            part->state = PART_OPEN;
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

static int writer_write(struct store_writer *base, uint64_t offset, const void *data, size_t len,
                        struct err *err)
{
    struct s3_writer *writer = (struct s3_writer *)base;
    bool pushes;

    if (len == 0)
        return 0;
    if (offset + len > S3_OBJECT_MAX)
        return err_set(err, ERR_CONFIG, "s3://%s/%s: S3 keeps no object of more than 5 TiB",
                       writer->bucket, writer->key);
    if (spool_write(writer, offset, data, len, err) < 0)
        return -1;
    if (offset < base->size) {
        send_again(writer, offset, len);
        return 0;
    }
    (void)pthread_mutex_lock(&writer->lock);
    pushes = s3_part_at(offset + len) > 1 && s3_part_at(offset + len) > s3_part_at(offset);
    writer->written = offset + len;
    grow_parts(writer);
    (void)pthread_mutex_unlock(&writer->lock);
    return pushes ? push(writer, err) : 0;
}

static int writer_read(struct store_writer *base, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    return spool_read((struct s3_writer *)base, offset, out, len, got, err);
}

/* Whether the server does not know the condition at all. */
static bool is_refused(const struct err *err)
{
    return err->code == ERR_CONFIG && strstr(err->msg, "HTTP 501");
}

/* Then it is looked for once more, and written without. */
static int check_seen(struct s3_writer *writer, struct err *err)
{
    struct s3_object there = { .etag = "" };
    struct err missing;

    if (s3_head(writer->access->s3, writer->key, &there, &missing) < 0) {
        if (missing.code != ERR_NOT_FOUND) {
            *err = missing;
            return -1;
        }
        there.etag[0] = '\0';
    }
    if (strcmp(there.etag, writer->seen) != 0)
        return err_set(err, ERR_CONFLICT, "s3://%s/%s: is another by now", writer->bucket,
                       writer->key);
    return 0;
}

static int put_whole(struct s3_writer *writer, struct err *err)
{
    struct s3_condition condition = { .absent = !writer->seen[0],
                                      .etag = writer->seen[0] ? writer->seen : NULL };
    size_t len = (size_t)writer->base.size, got = 0;
    AUTO_FREE char *data = xmalloc(len + 1);
    struct err refused;

    if (spool_read(writer, 0, data, len, &got, err) < 0)
        return -1;
    if (got != len)
        return err_set(err, ERR_INTERNAL, "the spool has lost its end");
    if (FP("store.put.before"))
        return err_set(err, ERR_DEPENDENCY, "failpoint store.put.before");
    if (s3_put(writer->access->s3, writer->key, data, len, &condition, NULL, &refused) == 0) {
        (void)FP("store.put.after");
        return 0;
    }
    if (!is_refused(&refused)) {
        *err = refused;
        return -1;
    }
    if (check_seen(writer, err) < 0)
        return -1;
    return s3_put(writer->access->s3, writer->key, data, len, NULL, NULL, err);
}

static int send_rest(struct s3_writer *writer, struct err *err)
{
    int rc;

    (void)pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    rc = start_thread(writer, err);
    (void)pthread_cond_broadcast(&writer->moved);
    while (rc == 0 && !writer->failed && (next_part(writer) >= 0 || writer->sending > 0))
        (void)pthread_cond_wait(&writer->moved, &writer->lock);
    if (rc == 0)
        rc = check_failed(writer, err);
    (void)pthread_mutex_unlock(&writer->lock);
    return rc;
}

static int complete(struct s3_writer *writer, struct err *err)
{
    struct s3_condition condition = { .absent = !writer->seen[0],
                                      .etag = writer->seen[0] ? writer->seen : NULL };
    uint32_t count = parts_ready(writer);
    AUTO_FREE struct s3_part *parts = xcalloc(count, sizeof(*parts));
    struct err refused;

    for (uint32_t i = 0; i < count; i++)
        parts[i] = writer->parts[i].s3;
    if (s3_upload_complete(writer->access->s3, writer->key, writer->upload_id, parts, count,
                           &condition, NULL, &refused) == 0) {
        (void)FP("store.complete.after");
        return 0;
    }
    if (!is_refused(&refused)) {
        *err = refused;
        return -1;
    }
    if (check_seen(writer, err) < 0)
        return -1;
    return s3_upload_complete(writer->access->s3, writer->key, writer->upload_id, parts, count,
                              NULL, NULL, err);
}

static void stop_threads(struct s3_writer *writer)
{
    (void)pthread_mutex_lock(&writer->lock);
    atomic_store(&writer->halt, true);
    (void)pthread_cond_broadcast(&writer->moved);
    (void)pthread_mutex_unlock(&writer->lock);
    for (unsigned i = 0; i < writer->thread_count; i++)
        (void)pthread_join(writer->threads[i], NULL);
    writer->thread_count = 0;
}

static int writer_commit(struct store_writer *base, struct err *err)
{
    struct s3_writer *writer = (struct s3_writer *)base;

    if (!writer->upload_id[0] && base->size <= S3_PART_FIRST)
        return put_whole(writer, err);
    if (begin_upload(writer, err) < 0 || send_rest(writer, err) < 0)
        return -1;
    stop_threads(writer);
    if (FP("store.complete"))
        return err_set(err, ERR_DEPENDENCY, "failpoint store.complete");
    return complete(writer, err);
}

static void writer_free(struct store_writer *base)
{
    struct s3_writer *writer = (struct s3_writer *)base;
    struct err err;

    stop_threads(writer);
    if (writer->upload_id[0] && !base->committed) {
        writer->access->deaf = true;
        (void)s3_upload_abort(writer->access->s3, writer->key, writer->upload_id, &err);
    }
    access_give(writer->access);
    if (writer->spool >= 0)
        (void)close(writer->spool);
    (void)pthread_cond_destroy(&writer->moved);
    (void)pthread_mutex_destroy(&writer->lock);
    free(writer->parts);
    free(writer->bucket);
    free(writer->key);
    free(writer);
}

static const struct store_writer_ops writer_ops = { writer_write, writer_read, writer_commit,
                                                    writer_free };

/* What is there now, and may it be replaced? */
static int look(struct s3_writer *writer, bool overwrite, struct err *err)
{
    struct s3_object there;
    struct err missing;

    if (s3_head(writer->access->s3, writer->key, &there, &missing) < 0) {
        if (missing.code == ERR_NOT_FOUND)
            return 0;
        *err = missing;
        return -1;
    }
    if (!overwrite)
        return err_set(err, ERR_CONFLICT, "s3://%s/%s: is there already", writer->bucket,
                       writer->key);
    memcpy(writer->seen, there.etag, sizeof(writer->seen));
    return 0;
}

int store_s3_writer_open(struct store_writer **out, enum store_role role, const char *bucket,
                         const char *key, bool overwrite, struct err *err)
{
    AUTO(store_writer) struct store_writer *base = NULL;
    struct s3_writer *writer;

    if (!*key || key[strlen(key) - 1] == '/')
        return err_set(err, ERR_CONFIG, "s3://%s/%s names no object", bucket, key);
    writer = xcalloc(1, sizeof(*writer));
    base = &writer->base;
    base->ops = &writer_ops;
    writer->role = role;
    writer->spool = -1;
    writer->bucket = xstrdup(bucket);
    writer->key = xstrdup(key);
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->moved, NULL);
    grow_parts(writer);
    if (access_take(&writer->access, role, bucket, err) < 0 || look(writer, overwrite, err) < 0 ||
        open_spool(writer, err) < 0)
        return -1;
    *out = TAKE(base);
    return 0;
}
