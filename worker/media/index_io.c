/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/index_io.h"

#include "common/mem.h"
#include "worker/media/seek.h"

#include <string.h>

enum { AVIO_BYTES = 1 << 16, BOX_HEAD = 8, LARGE_BOX_HEAD = 16 };

struct index_io {
    AVIOContext *avio;           /* owned */
    struct store_writer *writer; /* borrowed */
    uint64_t start, end;         /* of the mdat's payload */
    uint64_t pos;
    bool failed;
    struct err err;
};

static uint64_t load_be(const uint8_t *p, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

/* The box at `at`: where it ends, and, when it is the mdat, its payload. */
static int read_box(struct index_io *io, uint64_t at, uint64_t *next, struct err *err)
{
    uint64_t left = store_writer_size(io->writer) - at, size, head = BOX_HEAD;
    uint8_t bytes[LARGE_BOX_HEAD];
    size_t got;

    if (store_writer_read(io->writer, at, bytes, sizeof(bytes), &got, err) < 0)
        return -1;
    size = got < BOX_HEAD ? 0 : load_be(bytes, 4);
    if (size == 1) {
        head = LARGE_BOX_HEAD;
        size = got < LARGE_BOX_HEAD ? 0 : load_be(bytes + BOX_HEAD, 8);
    }
    if (size < head || size > left)
        return err_set(err, ERR_INTERNAL, "a box at %llu that does not end in the file",
                       (unsigned long long)at);
    *next = at + size;
    if (memcmp(bytes + 4, "mdat", 4) == 0) {
        if (io->end)
            return err_set(err, ERR_INTERNAL, "a second mdat at %llu", (unsigned long long)at);
        io->start = at + head;
        io->end = at + size;
    }
    return 0;
}

static int find_mdat(struct index_io *io, struct err *err)
{
    uint64_t at = 0;

    while (at < store_writer_size(io->writer))
        if (read_box(io, at, &at, err) < 0)
            return -1;
    return io->end ? 0 : err_set(err, ERR_INTERNAL, "no mdat");
}

/* What is larger than libav's buffer goes into a packet that nobody looks into: it stays as it is.
 */
static int read_packet(void *opaque, uint8_t *out, int want)
{
    struct index_io *io = opaque;
    size_t len, got;

    if (want <= 0)
        return AVERROR(EINVAL);
    len = (size_t)want;
    if (io->pos >= io->start && io->pos < io->end) {
        got = io->end - io->pos < len ? (size_t)(io->end - io->pos) : len;
        if (got <= AVIO_BYTES)
            memset(out, 0, got);
    } else {
        if (io->pos < io->start && io->start - io->pos < len)
            len = (size_t)(io->start - io->pos);
        if (store_writer_read(io->writer, io->pos, out, len, &got, &io->err) < 0) {
            io->failed = true;
            return AVERROR_EXTERNAL;
        }
    }
    io->pos += got;
    return got ? (int)got : AVERROR_EOF;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    struct index_io *io = opaque;

    return media_seek(&io->pos, store_writer_size(io->writer), offset, whence);
}

int index_io_open(struct index_io **out, struct store_writer *writer, struct err *err)
{
    AUTO(index_io) struct index_io *io = xcalloc(1, sizeof(*io));
    uint8_t *buffer;

    io->writer = writer;
    if (find_mdat(io, err) < 0)
        return -1;
    buffer = av_malloc(AVIO_BYTES);
    if (buffer)
        io->avio = avio_alloc_context(buffer, AVIO_BYTES, 0, io, read_packet, NULL, seek);
    if (!io->avio) {
        av_free(buffer);
        return err_set(err, ERR_NOMEM, "no memory for a buffer to read with");
    }
    *out = TAKE(io);
    return 0;
}

void index_io_free(struct index_io *io)
{
    if (!io)
        return;
    if (io->avio)
        av_freep(&io->avio->buffer);
    avio_context_free(&io->avio);
    free(io);
}

AVIOContext *index_io_avio(const struct index_io *io)
{
    return io->avio;
}

bool index_io_failed(const struct index_io *io, struct err *err)
{
    if (io->failed)
        *err = io->err;
    return io->failed;
}

int index_io_payload(struct index_io *io, int64_t pos, void *out, size_t len, struct err *err)
{
    uint64_t at = (uint64_t)pos;
    size_t got;

    if (pos < 0 || at < io->start || at > io->end || len > io->end - at)
        return err_set(err, ERR_INTERNAL, "lies outside of the mdat");
    if (store_writer_read(io->writer, at, out, len, &got, err) < 0)
        return -1;
    return got == len ? 0 : err_set(err, ERR_INTERNAL, "is cut short");
}
