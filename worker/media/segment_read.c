/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread reads ahead: the file's bytes go straight into the packets that leave here, and their
 * CRC-32C is taken on the way, while they are in the CPU's cache.
 */
#include "common/hash.h"
#include "common/mem.h"
#include "worker/media/av.h"
#include "worker/media/segment.h"

#include <pthread.h>

/* What is larger than libav's buffer is read past it. */
enum { AHEAD_PACKETS = 64, AHEAD_BYTES = 4 << 20, STEP_BYTES = 1 << 17, AVIO_BYTES = 1 << 15 };

struct segment_reader {
    struct segment_opts opts;
    int film;
    AVCodecParameters *par; /* owned; only read once there is a thread, as those before */
    bool has_thread;        /* and it is not joined: all up to err is its own */
    pthread_t thread;
    struct store_reader *file; /* borrowed */
    uint64_t at;               /* in file */
    uint32_t crc32c;           /* of all before at */
    AVIOContext *avio;         /* owned */
    AVFormatContext *ctx;      /* owned */
    bool file_failed;          /* file_err says how, and outranks what libav made of it */
    struct err file_err, err;  /* err: this side's when `broken` is seen */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct media_packet *ring[AHEAD_PACKETS]; /* under lock, as all below; owned */
    unsigned head, count;
    size_t bytes; /* of those in the ring */
    bool ended, broken, stop;
};

static int read_file(void *opaque, uint8_t *out, int want)
{
    struct segment_reader *reader = opaque;
    size_t done = 0, got = 1;

    if (reader->file_failed)
        return AVERROR_EXTERNAL;
    if (want <= 0)
        return AVERROR(EINVAL);
    for (; got > 0 && done < (size_t)want; done += got) {
        size_t len = (size_t)want - done < STEP_BYTES ? (size_t)want - done : STEP_BYTES;

        if (store_reader_read(reader->file, reader->at, out + done, len, &got, &reader->file_err) <
            0) {
            reader->file_failed = true;
            return AVERROR_EXTERNAL;
        }
        reader->crc32c = hash_crc32c(reader->crc32c, out + done, got);
        reader->at += got;
    }
    return done ? (int)done : AVERROR_EOF;
}

static int fail(const struct segment_reader *reader, int rc, const char *what, struct err *err)
{
    if (reader->file_failed) {
        *err = reader->file_err;
        return err_wrap(err, "%s", what);
    }
    return media_av_fail(err, ERR_INTERNAL, rc, "%s", what);
}

static int open_avio(struct segment_reader *reader, struct err *err)
{
    uint8_t *buffer = av_malloc(AVIO_BYTES);

    if (buffer)
        reader->avio = avio_alloc_context(buffer, AVIO_BYTES, 0, reader, read_file, NULL, NULL);
    if (reader->avio)
        return 0;
    av_free(buffer);
    return err_set(err, ERR_NOMEM, "no memory for a buffer to read with");
}

/* avformat_open_input frees the context when it fails. */
static int open_input(struct segment_reader *reader, struct err *err)
{
    const AVInputFormat *nut = av_find_input_format("nut");
    const AVCodecParameters *par;
    int rc;

    if (!nut)
        return err_set(err, ERR_INTERNAL, "this build of libavformat cannot read NUT");
    reader->ctx = avformat_alloc_context();
    if (!reader->ctx)
        return err_set(err, ERR_NOMEM, "no memory for a segment");
    reader->ctx->pb = reader->avio;
    reader->ctx->io_open = media_io_refuse;
    reader->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rc = avformat_open_input(&reader->ctx, NULL, nut, NULL);
    if (rc < 0)
        return fail(reader, rc, "not a segment file", err);
    if (reader->ctx->nb_streams != (unsigned)reader->opts.films)
        return err_set(err, ERR_INTERNAL, "not a segment file: it has %u streams, want %d",
                       reader->ctx->nb_streams, reader->opts.films);
    par = reader->ctx->streams[reader->film]->codecpar;
    if (par->codec_type != AVMEDIA_TYPE_VIDEO)
        return err_set(err, ERR_INTERNAL, "not a segment file: stream %d is no video",
                       reader->film);
    reader->par = avcodec_parameters_alloc();
    if (!reader->par || avcodec_parameters_copy(reader->par, par) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a segment");
    return 0;
}

static int set_times(const struct segment_reader *reader, AVPacket *packet, struct err *err)
{
    AVRational tb = reader->ctx->streams[reader->film]->time_base;
    int64_t pts;

    if (packet->pts == AV_NOPTS_VALUE ||
        media_rescale_exactly(&pts, packet->pts, tb, media_rational(reader->opts.time_base)) < 0)
        return err_set(err, ERR_INTERNAL, "a segment's time %lld/%d is not one of the film's",
                       (long long)packet->pts, tb.den);
    packet->pts = reader->opts.base + pts;
    packet->dts = AV_NOPTS_VALUE;
    packet->stream_index = 0; /* of a film there is one */
    return 0;
}

/* The next of this film. */
static int read_own(const struct segment_reader *reader, AVPacket *packet)
{
    int rc;

    for (;;) {
        rc = av_read_frame(reader->ctx, packet);
        if (rc >= 0 && packet->stream_index == reader->film)
            return rc;
        if (rc >= 0)
            av_packet_unref(packet);
        else if (rc != AVERROR(EAGAIN))
            return rc;
    }
}

/* *out NULL: there are no more. */
static int read_packet(struct segment_reader *reader, struct media_packet **out, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    int rc;

    *out = NULL;
    if (!packet)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    rc = read_own(reader, packet);
    if (rc == AVERROR_EOF && !reader->file_failed)
        return 0;
    if (rc < 0)
        return fail(reader, rc, "reading a segment", err);
    if (set_times(reader, packet, err) < 0)
        return -1;
    return media_packet_wrap(out, packet, err);
}

/* What libav left of the file behind the last packet. */
static int read_rest(struct segment_reader *reader, struct err *err)
{
    AUTO_FREE uint8_t *rest = xmalloc(STEP_BYTES);
    int rc;

    do
        rc = read_file(reader, rest, STEP_BYTES);
    while (rc > 0);
    return rc == AVERROR_EOF ? 0 : fail(reader, rc, "reading a segment", err);
}

/* False: told to stop, and there may be no room. */
static bool wait_for_room(struct segment_reader *reader)
{
    bool on;

    pthread_mutex_lock(&reader->lock);
    while ((reader->count == AHEAD_PACKETS || reader->bytes >= AHEAD_BYTES) && !reader->stop)
        pthread_cond_wait(&reader->moved, &reader->lock);
    on = !reader->stop;
    pthread_mutex_unlock(&reader->lock);
    return on;
}

/* packet NULL: the end, or it failed. False: told to stop. */
static bool hand_over(struct segment_reader *reader, struct media_packet *packet, bool broken)
{
    bool on;

    pthread_mutex_lock(&reader->lock);
    on = packet && !reader->stop;
    reader->ended |= !packet;
    reader->broken = broken;
    if (packet) {
        reader->ring[(reader->head + reader->count++) % AHEAD_PACKETS] = packet;
        reader->bytes += media_packet_size(packet);
    }
    pthread_cond_signal(&reader->moved);
    pthread_mutex_unlock(&reader->lock);
    return on;
}

static void *run(void *ctx)
{
    struct segment_reader *reader = ctx;

    while (wait_for_room(reader)) {
        struct media_packet *packet;
        int rc = read_packet(reader, &packet, &reader->err);

        if (rc == 0 && !packet)
            rc = read_rest(reader, &reader->err);
        if (!hand_over(reader, packet, rc < 0))
            break;
    }
    return NULL;
}

int segment_reader_open(struct segment_reader **out, struct store_reader *store, int film,
                        const struct segment_opts *opts, struct err *err)
{
    AUTO(segment_reader) struct segment_reader *reader = xcalloc(1, sizeof(*reader));
    int rc;

    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->moved, NULL);
    reader->file = store;
    reader->opts = *opts;
    reader->film = film;
    if (open_avio(reader, err) < 0 || open_input(reader, err) < 0)
        return -1;
    rc = pthread_create(&reader->thread, NULL, run, reader);
    if (rc != 0)
        return err_errno(err, ERR_INTERNAL, rc, "a thread to read with");
    reader->has_thread = true;
    *out = TAKE(reader);
    return 0;
}

static void join(struct segment_reader *reader)
{
    if (reader->has_thread)
        (void)pthread_join(reader->thread, NULL);
    reader->has_thread = false;
}

void segment_reader_free(struct segment_reader *reader)
{
    if (!reader)
        return;
    pthread_mutex_lock(&reader->lock);
    reader->stop = true;
    pthread_cond_signal(&reader->moved);
    pthread_mutex_unlock(&reader->lock);
    join(reader);
    for (unsigned i = 0; i < reader->count; i++)
        media_packet_free(reader->ring[(reader->head + i) % AHEAD_PACKETS]);
    avformat_close_input(&reader->ctx);
    avcodec_parameters_free(&reader->par);
    if (reader->avio)
        av_freep(&reader->avio->buffer);
    avio_context_free(&reader->avio);
    pthread_cond_destroy(&reader->moved);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

int segment_reader_read(struct segment_reader *reader, struct media_packet **out, struct err *err)
{
    bool broken;

    *out = NULL;
    pthread_mutex_lock(&reader->lock);
    while (reader->count == 0 && !reader->ended)
        pthread_cond_wait(&reader->moved, &reader->lock);
    if (reader->count > 0) {
        *out = reader->ring[reader->head];
        reader->head = (reader->head + 1) % AHEAD_PACKETS;
        reader->count--;
        reader->bytes -= media_packet_size(*out);
        pthread_cond_signal(&reader->moved);
    }
    broken = !*out && reader->broken;
    pthread_mutex_unlock(&reader->lock);
    if (broken)
        *err = reader->err;
    return broken ? -1 : 0;
}

void segment_reader_extradata_sha256(const struct segment_reader *reader, char hex[HASH_HEX_SIZE])
{
    hash_hex(hex, reader->par->extradata, (size_t)reader->par->extradata_size);
}

int segment_reader_crc32c(struct segment_reader *reader, uint32_t *out, struct err *err)
{
    struct media_packet *packet;

    do {
        if (segment_reader_read(reader, &packet, err) < 0)
            return -1;
        media_packet_free(packet);
    } while (packet);
    join(reader);
    *out = reader->crc32c;
    return 0;
}

void *segment_reader_parameters(struct segment_reader *reader)
{
    return reader->par;
}
