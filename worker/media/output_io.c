/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/output_parts.h"

#include <string.h>

#define BLOCK (1 << 20)

struct output_io {
    AVIOContext *avio;           /* owned */
    struct store_writer *writer; /* borrowed */
    output_block_fn *on_block;
    void *ctx;
    uint64_t pos, seen; /* seen: on_block has had everything before */
    bool failed;
    struct err err;
};

static int fill_gap(struct output_io *io)
{
    static const uint8_t zeros[65536];

    while (store_writer_size(io->writer) < io->pos) {
        uint64_t gap = io->pos - store_writer_size(io->writer);
        size_t len = gap < sizeof(zeros) ? (size_t)gap : sizeof(zeros);

        if (store_writer_write(io->writer, zeros, len, &io->err) < 0)
            return -1;
    }
    return 0;
}

static int write_block(void *opaque, compat_avio_byte *data, int len)
{
    struct output_io *io = opaque;
    size_t left = len > 0 ? (size_t)len : 0, back = 0;
    uint64_t size;
    int rc;

    if (io->failed)
        return AVERROR_EXTERNAL;
    rc = fill_gap(io);
    size = store_writer_size(io->writer);
    if (io->pos < size)
        back = size - io->pos < left ? (size_t)(size - io->pos) : left;
    if (rc == 0 && back)
        rc = store_writer_rewrite(io->writer, io->pos, data, back, &io->err);
    if (rc == 0 && left > back)
        rc = store_writer_write(io->writer, data + back, left - back, &io->err);
    if (rc < 0) {
        io->failed = true;
        return io->err.code == ERR_SPACE ? AVERROR(ENOSPC) : AVERROR_EXTERNAL;
    }
    io->pos += left;
    return len;
}

static int read_at(struct output_io *io, uint64_t pos, void *out, size_t len, size_t *got)
{
    if (store_writer_read(io->writer, pos, out, len, got, &io->err) == 0)
        return 0;
    io->failed = true;
    return -1;
}

/* Shows on_block what lies between what it has seen and `to`. */
static int catch_up(struct output_io *io, uint64_t to)
{
    AUTO_FREE uint8_t *block = NULL;

    while (io->seen < to) {
        size_t len = to - io->seen < BLOCK ? (size_t)(to - io->seen) : BLOCK, got;

        if (!block)
            block = xmalloc(BLOCK);
        if (read_at(io, io->seen, block, len, &got) < 0)
            return -1;
        if (!got)
            return 0;
        io->on_block(io->ctx, block, got);
        io->seen += got;
    }
    return 0;
}

static int read_block(void *opaque, uint8_t *out, int len)
{
    struct output_io *io = opaque;
    size_t got;

    if (io->failed || len <= 0)
        return io->failed ? AVERROR_EXTERNAL : AVERROR(EINVAL);
    if (read_at(io, io->pos, out, (size_t)len, &got) < 0)
        return AVERROR_EXTERNAL;
    if (io->on_block) {
        if (catch_up(io, io->pos) < 0)
            return AVERROR_EXTERNAL;
        if (io->seen < io->pos + got) {
            size_t old = (size_t)(io->seen - io->pos);

            io->on_block(io->ctx, out + old, got - old);
            io->seen = io->pos + got;
        }
    }
    io->pos += got;
    return got ? (int)got : AVERROR_EOF;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    struct output_io *io = opaque;
    int64_t base = 0;

    if (whence & AVSEEK_SIZE)
        return (int64_t)store_writer_size(io->writer);
    whence &= ~AVSEEK_FORCE;
    if (whence == SEEK_CUR)
        base = (int64_t)io->pos;
    else if (whence == SEEK_END)
        base = (int64_t)store_writer_size(io->writer);
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < -base || offset > INT64_MAX - base)
        return AVERROR(EINVAL);
    io->pos = (uint64_t)(base + offset);
    return base + offset;
}

static int open_io(struct output_io **out, struct output_io *io, bool write, struct err *err)
{
    AUTO(output_io) struct output_io *owned = io;
    uint8_t *buffer = av_malloc(BLOCK);

    if (buffer)
        io->avio = avio_alloc_context(buffer, BLOCK, write, io, write ? NULL : read_block,
                                      write ? write_block : NULL, seek);
    if (!io->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for the output's buffer");
    }
    *out = TAKE(owned);
    return 0;
}

int output_io_open_write(struct output_io **out, struct store_writer *writer, struct err *err)
{
    struct output_io *io = xcalloc(1, sizeof(*io));

    io->writer = writer;
    return open_io(out, io, true, err);
}

int output_io_open_read(struct output_io **out, struct store_writer *writer,
                        output_block_fn *on_block, void *ctx, struct err *err)
{
    struct output_io *io = xcalloc(1, sizeof(*io));

    io->writer = writer;
    io->on_block = on_block;
    io->ctx = ctx;
    return open_io(out, io, false, err);
}

int output_io_rest(struct output_io *io, struct err *err)
{
    if (io->on_block && !io->failed)
        (void)catch_up(io, store_writer_size(io->writer));
    if (io->failed) {
        *err = io->err;
        return err_wrap(err, "reading the output back");
    }
    return 0;
}

void output_io_free(struct output_io *io)
{
    if (!io)
        return;
    if (io->avio)
        av_freep(&io->avio->buffer);
    avio_context_free(&io->avio);
    free(io);
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
