/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/readback_hash.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4, BLOCK_BYTES = 1 << 20 };

struct readback_hash {
    struct hash *hash; /* owned; the thread's until it is joined */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint8_t *block[BLOCKS]; /* owned */
    size_t len[BLOCKS];
    unsigned head, count; /* under lock */
    bool stop;            /* under lock */
    bool joined;
};

static void *run(void *ctx)
{
    struct readback_hash *hash = ctx;

    pthread_mutex_lock(&hash->lock);
    for (;;) {
        unsigned at = hash->head;

        while (hash->count == 0 && !hash->stop)
            pthread_cond_wait(&hash->moved, &hash->lock);
        if (hash->count == 0)
            break;
        pthread_mutex_unlock(&hash->lock);
        hash_update(hash->hash, hash->block[at], hash->len[at]);
        pthread_mutex_lock(&hash->lock);
        hash->head = (hash->head + 1) % BLOCKS;
        hash->count--;
        pthread_cond_signal(&hash->moved);
    }
    pthread_mutex_unlock(&hash->lock);
    return NULL;
}

static void release(struct readback_hash *hash)
{
    pthread_cond_destroy(&hash->moved);
    pthread_mutex_destroy(&hash->lock);
    for (int i = 0; i < BLOCKS; i++)
        free(hash->block[i]);
    hash_free(hash->hash);
    free(hash);
}

int readback_hash_start(struct readback_hash **out, struct err *err)
{
    struct readback_hash *hash = xcalloc(1, sizeof(*hash));
    int rc;

    hash->hash = hash_new();
    for (int i = 0; i < BLOCKS; i++)
        hash->block[i] = xmalloc(BLOCK_BYTES);
    pthread_mutex_init(&hash->lock, NULL);
    pthread_cond_init(&hash->moved, NULL);
    rc = pthread_create(&hash->thread, NULL, run, hash);
    if (rc != 0) {
        release(hash);
        return err_errno(err, ERR_INTERNAL, rc, "a thread for the hash");
    }
    *out = hash;
    return 0;
}

static void join(struct readback_hash *hash)
{
    if (hash->joined)
        return;
    pthread_mutex_lock(&hash->lock);
    hash->stop = true;
    pthread_cond_signal(&hash->moved);
    pthread_mutex_unlock(&hash->lock);
    (void)pthread_join(hash->thread, NULL);
    hash->joined = true;
}

void readback_hash_free(struct readback_hash *hash)
{
    if (!hash)
        return;
    join(hash);
    release(hash);
}

void readback_hash_block(void *ctx, const void *data, size_t len)
{
    struct readback_hash *hash = ctx;

    for (size_t done = 0; done < len;) {
        size_t part = len - done < BLOCK_BYTES ? len - done : BLOCK_BYTES;
        unsigned at;

        pthread_mutex_lock(&hash->lock);
        while (hash->count == BLOCKS)
            pthread_cond_wait(&hash->moved, &hash->lock);
        at = (hash->head + hash->count) % BLOCKS;
        pthread_mutex_unlock(&hash->lock);
        memcpy(hash->block[at], (const char *)data + done, part);
        hash->len[at] = part;
        pthread_mutex_lock(&hash->lock);
        hash->count++;
        pthread_cond_signal(&hash->moved);
        pthread_mutex_unlock(&hash->lock);
        done += part;
    }
}

void readback_hash_final(struct readback_hash *hash, char hex[HASH_HEX_SIZE])
{
    join(hash);
    hash_final(hash->hash, hex);
}
