/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/output_parts.h"

#include <string.h>

#define BLOCK (1 << 20)

struct output_io {
    AVIOContext *avio;           /* owned */
    struct store_writer *writer; /* borrowed */
    uint64_t pos;
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

int output_io_open_write(struct output_io **out, struct store_writer *writer, struct err *err)
{
    AUTO(output_io) struct output_io *io = xcalloc(1, sizeof(*io));
    uint8_t *buffer = av_malloc(BLOCK);

    io->writer = writer;
    if (buffer)
        io->avio = avio_alloc_context(buffer, BLOCK, 1, io, NULL, write_block, seek);
    if (!io->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for the output's buffer");
    }
    *out = TAKE(io);
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
