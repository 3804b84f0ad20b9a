/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"
#include "worker/media/seek.h"

#include <string.h>

#define READ_BUFFER  65536
#define INDEX_BUFFER 32768 /* every seek throws the rest of it away */
#define WRITE_BUFFER 262144

/* How many bytes from pos on are of one kind, at most len: *hole says which. */
static size_t span_at(const struct media_io *io, uint64_t pos, size_t len, bool *hole)
{
    for (size_t i = 0; i < io->hole_count; i++) {
        const struct media_span *span = &io->holes[i];

        if (pos >= span->end)
            continue;
        *hole = pos >= span->start;
        if (*hole)
            return span->end - pos < len ? (size_t)(span->end - pos) : len;
        return span->start - pos < len ? (size_t)(span->start - pos) : len;
    }
    *hole = false;
    return len;
}

/* Where the next hole begins: nothing from there on is worth fetching. */
static uint64_t next_hole(const struct media_io *io)
{
    for (size_t i = 0; i < io->hole_count; i++)
        if (io->holes[i].start >= io->pos)
            return io->holes[i].start;
    return UINT64_MAX;
}

static int read_packet(void *opaque, uint8_t *out, int want)
{
    struct media_io *io = opaque;
    size_t len, got;
    bool hole;

    if (io->failed)
        return AVERROR_EXTERNAL;
    if (want <= 0)
        return AVERROR(EINVAL);
    len = span_at(io, io->pos, (size_t)want, &hole);
    store_reader_limit(io->reader, next_hole(io));
    if (hole) {
        memset(out, 0, len);
        got = len;
    } else if (store_reader_read(io->reader, io->pos, out, len, &got, &io->err) < 0) {
        io->failed = true;
        return AVERROR_EXTERNAL;
    }
    io->pos += got;
    return got ? (int)got : AVERROR_EOF;
}

static int write_packet(void *opaque, compat_avio_byte *data, int len)
{
    struct media_io *io = opaque;
    uint64_t size = store_writer_size(io->writer);
    uint64_t over = io->pos < size ? size - io->pos : 0;
    size_t back, on;
    int rc = 0;

    if (io->failed)
        return AVERROR_EXTERNAL;
    if (len < 0 || io->pos > size)
        return AVERROR(EINVAL);
    back = over < (uint64_t)len ? (size_t)over : (size_t)len;
    on = (size_t)len - back;
    if (back)
        rc = store_writer_rewrite(io->writer, io->pos, data, back, &io->err);
    if (rc == 0 && on)
        rc = store_writer_write(io->writer, data + back, on, &io->err);
    if (rc < 0) {
        io->failed = true;
        return io->err.code == ERR_SPACE ? AVERROR(ENOSPC) : AVERROR_EXTERNAL;
    }
    io->pos += (uint64_t)len;
    return len;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    struct media_io *io = opaque;

    return media_seek(
        &io->pos, io->reader ? store_reader_stat(io->reader)->size : store_writer_size(io->writer),
        offset, whence);
}

static int open_io(struct media_io **out, struct media_io *io, size_t buffer_size, bool seekable,
                   struct err *err)
{
    AUTO(media_io) struct media_io *owned = io;
    uint8_t *buffer = av_malloc(buffer_size);

    if (!buffer)
        return err_set(err, ERR_NOMEM, "no memory for an I/O buffer");
    io->avio = avio_alloc_context(buffer, (int)buffer_size, io->writer ? 1 : 0, io,
                                  io->writer ? NULL : read_packet, io->writer ? write_packet : NULL,
                                  seekable ? seek : NULL);
    if (!io->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for an I/O context");
    }
    *out = TAKE(owned);
    return 0;
}

int media_io_open_read(struct media_io **out, struct store_reader *reader, struct media_span *holes,
                       size_t hole_count, struct err *err)
{
    struct media_io *io = xcalloc(1, sizeof(*io));

    io->reader = reader;
    io->holes = holes;
    io->hole_count = hole_count;
    return open_io(out, io, hole_count ? INDEX_BUFFER : READ_BUFFER, true, err);
}

int media_io_open_write(struct media_io **out, struct store_writer *writer, bool seekable,
                        struct err *err)
{
    struct media_io *io = xcalloc(1, sizeof(*io));

    io->writer = writer;
    io->pos = store_writer_size(writer);
    return open_io(out, io, WRITE_BUFFER, seekable, err);
}

void media_io_free(struct media_io *io)
{
    if (!io)
        return;
    if (io->avio)
        av_freep(&io->avio->buffer);
    avio_context_free(&io->avio);
    free(io->holes);
    free(io);
}

int media_io_fail(const struct media_io *io, struct err *err, enum err_code code, int rc,
                  const char *what)
{
    if (io->failed) {
        *err = io->err;
        return err_wrap(err, "%s", what);
    }
    return media_av_fail(err, code, rc, "%s", what);
}

int media_io_refuse(struct AVFormatContext *ctx, AVIOContext **pb, const char *url, int flags,
                    AVDictionary **options)
{
    (void)ctx, (void)url, (void)flags, (void)options;
    *pb = NULL;
    return AVERROR(EACCES);
}
