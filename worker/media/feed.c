/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/feed.h"

#include "common/mem.h"

#include <pthread.h>
#include <string.h>

/* libav reads what is larger than its buffer straight from a block. */
enum { BLOCKS = 16, BLOCK_BYTES = 1 << 18, AVIO_BYTES = 1 << 15 };

struct media_feed {
    struct store_writer *writer; /* borrowed; the thread's */
    AVIOContext *avio;           /* owned */
    uint8_t *blocks;             /* owned; a ring: one side fills what the other has taken */
    size_t len[BLOCKS];
    size_t at;       /* what was taken of the oldest block */
    bool failed;     /* err is known to this side */
    struct err err;  /* the thread's until `broken` is seen */
    bool has_thread; /* and it is not joined */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned head, count;     /* under lock */
    bool ended, broken, stop; /* under lock */
};

/* The next free block, or -1: told to stop. */
static int wait_for_room(struct media_feed *feed)
{
    int block;

    pthread_mutex_lock(&feed->lock);
    while (feed->count == BLOCKS && !feed->stop)
        pthread_cond_wait(&feed->moved, &feed->lock);
    block = feed->stop ? -1 : (int)((feed->head + feed->count) % BLOCKS);
    pthread_mutex_unlock(&feed->lock);
    return block;
}

static void hand_over(struct media_feed *feed, bool some, bool broken)
{
    pthread_mutex_lock(&feed->lock);
    feed->count += some;
    feed->broken = broken;
    feed->ended = !some;
    pthread_cond_signal(&feed->moved);
    pthread_mutex_unlock(&feed->lock);
}

static void *run(void *ctx)
{
    struct media_feed *feed = ctx;
    uint64_t at = 0;
    size_t got = 1;

    while (got > 0) {
        int block = wait_for_room(feed), rc;
        uint8_t *data = feed->blocks + (size_t)BLOCK_BYTES * (block < 0 ? 0 : (unsigned)block);

        if (block < 0)
            break;
        rc = store_writer_read(feed->writer, at, data, BLOCK_BYTES, &got, &feed->err);
        if (rc < 0)
            got = 0;
        feed->len[block] = got;
        hand_over(feed, got > 0, rc < 0);
        at += got;
    }
    return NULL;
}

/* The oldest block, once there is one; false at the end. */
static bool wait_for_block(struct media_feed *feed, unsigned *block)
{
    bool some;

    pthread_mutex_lock(&feed->lock);
    while (feed->count == 0 && !feed->ended)
        pthread_cond_wait(&feed->moved, &feed->lock);
    *block = feed->head;
    some = feed->count > 0;
    feed->failed = !some && feed->broken;
    pthread_mutex_unlock(&feed->lock);
    return some;
}

static void take_block(struct media_feed *feed)
{
    feed->at = 0;
    pthread_mutex_lock(&feed->lock);
    feed->head = (feed->head + 1) % BLOCKS;
    feed->count--;
    pthread_cond_signal(&feed->moved);
    pthread_mutex_unlock(&feed->lock);
}

static int read_packet(void *opaque, uint8_t *out, int want)
{
    struct media_feed *feed = opaque;
    unsigned block;
    size_t len;

    if (want <= 0)
        return AVERROR(EINVAL);
    if (!wait_for_block(feed, &block))
        return feed->failed ? AVERROR_EXTERNAL : AVERROR_EOF;
    len = feed->len[block] - feed->at;
    if (len > (size_t)want)
        len = (size_t)want;
    memcpy(out, feed->blocks + (size_t)BLOCK_BYTES * block + feed->at, len);
    feed->at += len;
    if (feed->at == feed->len[block])
        take_block(feed);
    return (int)len;
}

static void stop(struct media_feed *feed)
{
    if (!feed->has_thread)
        return;
    pthread_mutex_lock(&feed->lock);
    feed->stop = true;
    pthread_cond_signal(&feed->moved);
    pthread_mutex_unlock(&feed->lock);
    (void)pthread_join(feed->thread, NULL);
    feed->has_thread = false;
}

void media_feed_free(struct media_feed *feed)
{
    if (!feed)
        return;
    stop(feed);
    if (feed->avio)
        av_freep(&feed->avio->buffer);
    avio_context_free(&feed->avio);
    pthread_cond_destroy(&feed->moved);
    pthread_mutex_destroy(&feed->lock);
    free(feed->blocks);
    free(feed);
}

int media_feed_open(struct media_feed **out, struct store_writer *writer, struct err *err)
{
    AUTO(media_feed) struct media_feed *feed = xcalloc(1, sizeof(*feed));
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    int rc;

    feed->writer = writer;
    feed->blocks = xmalloc((size_t)BLOCKS * BLOCK_BYTES);
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->moved, NULL);
    if (buffer)
        feed->avio = avio_alloc_context(buffer, AVIO_BYTES, 0, feed, read_packet, NULL, NULL);
    if (!feed->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for a buffer to read with");
    }
    rc = pthread_create(&feed->thread, NULL, run, feed);
    if (rc != 0)
        return err_errno(err, ERR_INTERNAL, rc, "a thread to read with");
    feed->has_thread = true;
    *out = TAKE(feed);
    return 0;
}

AVIOContext *media_feed_avio(const struct media_feed *feed)
{
    return feed->avio;
}

bool media_feed_failed(const struct media_feed *feed, struct err *err)
{
    if (feed->failed)
        *err = feed->err;
    return feed->failed;
}
