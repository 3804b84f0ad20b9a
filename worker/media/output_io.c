/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks go to the store by a thread of their own, in the order in which they come: the muxer goes
 * on while the kernel or a server takes them. The muxer writes into them directly, without a buffer
 * of libav's in between; what is large and lies in the packet that it was given is not even copied
 * into one. What fails there is told with the next block, or by output_io_finish.
 */
#include "common/mem.h"
#include "worker/media/output_parts.h"
#include "worker/media/seek.h"

#include <pthread.h>
#include <string.h>

enum { BLOCKS = 8, BLOCK_BYTES = 1 << 19, AVIO_BYTES = 1 << 15, LEND_BYTES = 1 << 16 };

struct block {
    uint64_t pos;
    size_t len;
    const uint8_t *data; /* own, or in lent */
    uint8_t *own;        /* owned; BLOCK_BYTES */
    AVBufferRef *lent;   /* owned, or NULL */
};

struct output_io {
    AVIOContext *avio;           /* owned */
    struct store_writer *writer; /* borrowed; the thread's until it is joined */
    uint64_t pos, size;          /* as the muxer sees them */
    struct block *filling;       /* of blocks: the muxer's, not handed over yet; or NULL */
    const AVPacket *packet;      /* borrowed: what is being written; or NULL */
    bool failed;                 /* as far as the muxer was told */
    struct err err;              /* the thread's until `broken` is seen */
    bool has_thread;             /* and it is not joined */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct block blocks[BLOCKS]; /* a ring: one side fills what the other has written */
    unsigned head, count;        /* under lock */
    bool broken, stop;           /* under lock */
};

/* A gap left by a seek is filled with zeros. */
static int fill_gap(struct output_io *io, uint64_t to)
{
    static const uint8_t zeros[65536];

    while (store_writer_size(io->writer) < to) {
        uint64_t gap = to - store_writer_size(io->writer);
        size_t len = gap < sizeof(zeros) ? (size_t)gap : sizeof(zeros);

        if (store_writer_write(io->writer, zeros, len, &io->err) < 0)
            return -1;
    }
    return 0;
}

static int store_block(struct output_io *io, const struct block *block)
{
    uint64_t size;
    size_t back = 0;

    if (fill_gap(io, block->pos) < 0)
        return -1;
    size = store_writer_size(io->writer);
    if (block->pos < size)
        back = size - block->pos < block->len ? (size_t)(size - block->pos) : block->len;
    if (back && store_writer_rewrite(io->writer, block->pos, block->data, back, &io->err) < 0)
        return -1;
    if (block->len == back)
        return 0;
    return store_writer_write(io->writer, block->data + back, block->len - back, &io->err);
}

static void *run(void *ctx)
{
    struct output_io *io = ctx;

    pthread_mutex_lock(&io->lock);
    for (;;) {
        int rc;

        while (io->count == 0 && !io->stop)
            pthread_cond_wait(&io->moved, &io->lock);
        if (io->count == 0 || io->broken)
            break;
        pthread_mutex_unlock(&io->lock);
        rc = store_block(io, &io->blocks[io->head % BLOCKS]);
        av_buffer_unref(&io->blocks[io->head % BLOCKS].lent);
        pthread_mutex_lock(&io->lock);
        io->head++;
        io->count--;
        io->broken = rc < 0;
        pthread_cond_signal(&io->moved);
    }
    pthread_mutex_unlock(&io->lock);
    return NULL;
}

/* The next free block, or NULL: writing failed. */
static struct block *wait_for_room(struct output_io *io)
{
    struct block *block;

    pthread_mutex_lock(&io->lock);
    while (io->count == BLOCKS && !io->broken)
        pthread_cond_wait(&io->moved, &io->lock);
    io->failed = io->broken;
    block = io->broken ? NULL : &io->blocks[(io->head + io->count) % BLOCKS];
    pthread_mutex_unlock(&io->lock);
    return block;
}

static void hand_over(struct output_io *io)
{
    if (!io->filling)
        return;
    io->filling = NULL;
    pthread_mutex_lock(&io->lock);
    io->count++;
    pthread_cond_signal(&io->moved);
    pthread_mutex_unlock(&io->lock);
}

/* A block to be written at the present place, or NULL: writing failed. */
static struct block *begin(struct output_io *io)
{
    io->filling = wait_for_room(io);
    if (!io->filling)
        return NULL;
    io->filling->pos = io->pos;
    io->filling->len = 0;
    io->filling->data = io->filling->own;
    return io->filling;
}

/* Bytes of the packet that may be written from where they are. */
static bool can_lend(const struct output_io *io, const uint8_t *data, size_t len)
{
    const AVPacket *packet = io->packet;

    return len >= LEND_BYTES && packet && packet->buf && data >= packet->data &&
           len <= (size_t)packet->size && data - packet->data <= packet->size - (ptrdiff_t)len;
}

/* A block of its own for them. */
static size_t lend(struct output_io *io, const uint8_t *data, size_t len)
{
    AVBufferRef *lent = av_buffer_ref(io->packet->buf);
    struct block *block;

    if (!lent)
        return 0;
    hand_over(io);
    block = begin(io);
    if (!block) {
        av_buffer_unref(&lent);
        return 0;
    }
    block->data = data;
    block->len = len;
    block->lent = lent;
    hand_over(io);
    return len;
}

/* As much of data as fits into the present block; 0: writing failed. */
static size_t copy(struct output_io *io, const uint8_t *data, size_t len)
{
    struct block *block = io->filling ? io->filling : begin(io);

    if (!block)
        return 0;
    if (len > BLOCK_BYTES - block->len)
        len = BLOCK_BYTES - block->len;
    memcpy(block->own + block->len, data, len);
    block->len += len;
    if (block->len == BLOCK_BYTES)
        hand_over(io);
    return len;
}

static size_t put(struct output_io *io, const uint8_t *data, size_t len)
{
    size_t done = can_lend(io, data, len) ? lend(io, data, len) : 0;

    if (done == 0 && !io->failed)
        done = copy(io, data, len);
    io->pos += done;
    if (io->size < io->pos)
        io->size = io->pos;
    return done;
}

static int write_block(void *opaque, compat_avio_byte *data, int len)
{
    struct output_io *io = opaque;
    size_t left = len > 0 ? (size_t)len : 0;

    while (left > 0 && !io->failed) {
        size_t part = put(io, data, left);

        data += part;
        left -= part;
    }
    if (io->failed)
        return io->err.code == ERR_SPACE ? AVERROR(ENOSPC) : AVERROR_EXTERNAL;
    return len;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    struct output_io *io = opaque;
    uint64_t pos = io->pos;
    int64_t to = media_seek(&pos, io->size, offset, whence);

    if (pos != io->pos)
        hand_over(io);
    io->pos = pos;
    return to;
}

int output_io_open_write(struct output_io **out, struct store_writer *writer, struct err *err)
{
    AUTO(output_io) struct output_io *io = xcalloc(1, sizeof(*io));
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    int rc;

    io->writer = writer;
    io->size = store_writer_size(writer);
    pthread_mutex_init(&io->lock, NULL);
    pthread_cond_init(&io->moved, NULL);
    for (int i = 0; i < BLOCKS; i++)
        io->blocks[i].own = xmalloc(BLOCK_BYTES);
    if (buffer)
        io->avio = avio_alloc_context(buffer, AVIO_BYTES, 1, io, NULL, write_block, seek);
    if (!io->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for the output's buffer");
    }
    io->avio->direct = 1;
    rc = pthread_create(&io->thread, NULL, run, io);
    if (rc != 0)
        return err_errno(err, ERR_INTERNAL, rc, "a thread to write with");
    io->has_thread = true;
    *out = TAKE(io);
    return 0;
}

/* The thread writes what it was given before it ends. */
static void join(struct output_io *io)
{
    if (!io->has_thread)
        return;
    pthread_mutex_lock(&io->lock);
    io->stop = true;
    pthread_cond_signal(&io->moved);
    pthread_mutex_unlock(&io->lock);
    (void)pthread_join(io->thread, NULL);
    io->has_thread = false;
    io->failed = io->broken;
}

int output_io_finish(struct output_io *io, struct err *err)
{
    hand_over(io);
    join(io);
    if (io->failed)
        *err = io->err;
    return io->failed ? -1 : 0;
}

void output_io_free(struct output_io *io)
{
    if (!io)
        return;
    join(io);
    if (io->avio)
        av_freep(&io->avio->buffer);
    avio_context_free(&io->avio);
    pthread_cond_destroy(&io->moved);
    pthread_mutex_destroy(&io->lock);
    for (int i = 0; i < BLOCKS; i++) {
        av_buffer_unref(&io->blocks[i].lent);
        free(io->blocks[i].own);
    }
    free(io);
}

void output_io_lend(struct output_io *io, const AVPacket *packet)
{
    io->packet = packet;
}

AVIOContext *output_io_avio(const struct output_io *io)
{
    return io->avio;
}

int output_io_fail(const struct output_io *io, struct err *err, enum err_code code, int rc,
                   const char *what)
{
    if (io->failed) {
        *err = io->err;
        return err_wrap(err, "%s", what);
    }
    return media_av_fail(err, code, rc, "%s", what);
}
