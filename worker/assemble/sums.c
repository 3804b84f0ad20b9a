/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/sums.h"

#include "common/mem.h"

#include <pthread.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20, AHEAD = 2 };

struct sums {
    struct store *store;       /* borrowed */
    const struct parts *parts; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint32_t reached; /* under lock */
    bool stop;        /* under lock */
    bool joined;
    int rc; /* the thread's until it is joined */
    struct err err;
};

static bool is_stopped(struct sums *sums)
{
    bool stop;

    pthread_mutex_lock(&sums->lock);
    stop = sums->stop;
    pthread_mutex_unlock(&sums->lock);
    return stop;
}

static int hash_part(struct sums *sums, const struct part *part, uint8_t *block,
                     char hex[HASH_HEX_SIZE])
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    struct hash *hash;
    uint64_t at = 0;
    size_t got = 1;
    int rc = 0;

    if (store_reader_open(&reader, sums->store, part->object, &sums->err) < 0)
        return -1;
    hash = hash_new();
    while (rc == 0 && got > 0 && !is_stopped(sums)) {
        rc = store_reader_read(reader, at, block, BLOCK_BYTES, &got, &sums->err);
        if (rc == 0)
            hash_update(hash, block, got);
        at += got;
    }
    hash_final(hash, hex);
    hash_free(hash);
    return rc;
}

static bool wait_for(struct sums *sums, uint32_t part)
{
    bool go;

    pthread_mutex_lock(&sums->lock);
    while (!sums->stop && part > sums->reached + AHEAD)
        pthread_cond_wait(&sums->moved, &sums->lock);
    go = !sums->stop;
    pthread_mutex_unlock(&sums->lock);
    return go;
}

static void *run(void *ctx)
{
    struct sums *sums = ctx;
    AUTO_FREE uint8_t *block = xmalloc(BLOCK_BYTES);

    for (uint32_t i = 0; i < sums->parts->count && wait_for(sums, i); i++) {
        const struct part *part = &sums->parts->part[i];
        char hex[HASH_HEX_SIZE];

        sums->rc = hash_part(sums, part, block, hex);
        if (sums->rc == 0 && !is_stopped(sums) && strcmp(hex, part->sha256) != 0)
            sums->rc =
                err_set(&sums->err, ERR_INTERNAL, "%s has SHA-256 %.16s..., %.16s... was committed",
                        part->object, hex, part->sha256);
        if (sums->rc < 0) {
            (void)err_wrap(&sums->err, "segment %u", i);
            break;
        }
    }
    return NULL;
}

int sums_start(struct sums **out, struct store *store, const struct parts *parts, struct err *err)
{
    struct sums *sums = xcalloc(1, sizeof(*sums));
    int rc;

    sums->store = store;
    sums->parts = parts;
    pthread_mutex_init(&sums->lock, NULL);
    pthread_cond_init(&sums->moved, NULL);
    rc = pthread_create(&sums->thread, NULL, run, sums);
    if (rc != 0) {
        pthread_cond_destroy(&sums->moved);
        pthread_mutex_destroy(&sums->lock);
        free(sums);
        return err_errno(err, ERR_INTERNAL, rc, "a thread for checksums");
    }
    *out = sums;
    return 0;
}

static void move_on(struct sums *sums, uint32_t reached, bool stop)
{
    pthread_mutex_lock(&sums->lock);
    sums->reached = reached;
    sums->stop = sums->stop || stop;
    pthread_cond_signal(&sums->moved);
    pthread_mutex_unlock(&sums->lock);
}

void sums_reached(struct sums *sums, uint32_t part)
{
    move_on(sums, part, false);
}

int sums_finish(struct sums *sums, struct err *err)
{
    move_on(sums, sums->parts->count, false);
    (void)pthread_join(sums->thread, NULL);
    sums->joined = true;
    if (sums->rc < 0)
        *err = sums->err;
    return sums->rc;
}

void sums_free(struct sums *sums)
{
    if (!sums)
        return;
    if (!sums->joined) {
        move_on(sums, sums->parts->count, true);
        (void)pthread_join(sums->thread, NULL);
    }
    pthread_cond_destroy(&sums->moved);
    pthread_mutex_destroy(&sums->lock);
    free(sums);
}
