/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/segment.h"

#include "common/hash.h"
#include "common/mem.h"
#include "worker/media/feed.h"

#include <libavutil/mathematics.h>

struct segment_writer {
    struct media_io *io;  /* owned */
    AVFormatContext *ctx; /* owned */
    AVPacket *scratch;    /* owned */
    struct ratio time_base;
    int64_t base;
};

struct segment_reader {
    struct media_feed *feed; /* owned; outlives ctx */
    AVFormatContext *ctx;    /* owned */
    AVPacket *scratch;       /* owned */
    struct ratio time_base;
    int64_t base;
};

static int add_stream(struct segment_writer *writer, const AVCodecParameters *par, struct err *err)
{
    AVStream *stream = avformat_new_stream(writer->ctx, NULL);
    int rc;

    if (!stream)
        return err_set(err, ERR_NOMEM, "no memory for a segment");
    rc = avcodec_parameters_copy(stream->codecpar, par); /* with video_delay */
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "codec parameters");
    stream->codecpar->codec_tag = 0; /* NUT's own */
    stream->time_base = media_rational(writer->time_base);
    stream->sample_aspect_ratio = par->sample_aspect_ratio;
    return 0;
}

int segment_writer_open(struct segment_writer **out, struct store_writer *store,
                        struct media_encoder *encoder, struct ratio time_base, int64_t base,
                        struct err *err)
{
    AUTO(segment_writer) struct segment_writer *writer = xcalloc(1, sizeof(*writer));
    int rc;

    writer->time_base = time_base;
    writer->base = base;
    writer->scratch = av_packet_alloc();
    rc = avformat_alloc_output_context2(&writer->ctx, NULL, "nut", NULL);
    if (rc < 0 || !writer->scratch)
        return media_av_fail(err, ERR_INTERNAL, rc < 0 ? rc : AVERROR(ENOMEM), "opening NUT");
    if (media_io_open_write(&writer->io, store, false, err) < 0 ||
        add_stream(writer, media_encoder_parameters(encoder), err) < 0)
        return -1;
    writer->ctx->pb = writer->io->avio;
    writer->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    writer->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    rc = avformat_write_header(writer->ctx, NULL);
    if (rc < 0 || writer->io->failed)
        return media_io_fail(writer->io, err, ERR_INTERNAL, rc, "writing a segment's header");
    *out = TAKE(writer);
    return 0;
}

void segment_writer_free(struct segment_writer *writer)
{
    if (!writer)
        return;
    avformat_free_context(writer->ctx);
    media_io_free(writer->io);
    av_packet_free(&writer->scratch);
    free(writer);
}

/* From time base `from` to `to`, or -1 when that is not exact. */
static int rescale_exactly(int64_t *out, int64_t time, AVRational from, AVRational to)
{
    int64_t there = av_rescale_q(time, from, to);

    if (there == AV_NOPTS_VALUE || av_rescale_q(there, to, from) != time)
        return -1;
    *out = there;
    return 0;
}

int segment_writer_write(struct segment_writer *writer, const struct media_packet *packet,
                         struct err *err)
{
    const AVPacket *from = media_packet_av(packet);
    const AVStream *stream = writer->ctx->streams[0];
    AVRational tb = media_rational(writer->time_base);
    AVPacket *to = writer->scratch;
    int rc;

    if (from->pts == AV_NOPTS_VALUE || from->dts == AV_NOPTS_VALUE || from->pts < writer->base)
        return err_set(err, ERR_INTERNAL, "a packet at pts %lld, dts %lld of a segment from %lld",
                       (long long)from->pts, (long long)from->dts, (long long)writer->base);
    rc = av_packet_ref(to, from);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "writing a segment");
    to->stream_index = 0;
    to->duration = 0; /* NUT has none */
    if (rescale_exactly(&to->pts, from->pts - writer->base, tb, stream->time_base) < 0 ||
        rescale_exactly(&to->dts, from->dts - writer->base, tb, stream->time_base) < 0) {
        av_packet_unref(to);
        return err_set(err, ERR_INTERNAL, "the time %lld cannot be said exactly in NUT",
                       (long long)from->pts);
    }
    rc = av_write_frame(writer->ctx, to);
    av_packet_unref(to);
    if (rc < 0 || writer->io->failed)
        return media_io_fail(writer->io, err, ERR_INTERNAL, rc, "writing a segment");
    return 0;
}

int segment_writer_finish(struct segment_writer *writer, struct err *err)
{
    int rc = av_write_trailer(writer->ctx);

    avio_flush(writer->ctx->pb);
    if (rc < 0 || writer->io->failed)
        return media_io_fail(writer->io, err, ERR_INTERNAL, rc, "writing a segment's end");
    return 0;
}

static int fail_reading(const struct segment_reader *reader, int rc, const char *what,
                        struct err *err)
{
    if (media_feed_failed(reader->feed, err))
        return err_wrap(err, "%s", what);
    return media_av_fail(err, ERR_INTERNAL, rc, "%s", what);
}

/* avformat_open_input frees the context when it fails. */
static int open_input(struct segment_reader *reader, struct err *err)
{
    const AVInputFormat *nut = av_find_input_format("nut");
    int rc;

    if (!nut)
        return err_set(err, ERR_INTERNAL, "this build of libavformat cannot read NUT");
    reader->ctx = avformat_alloc_context();
    reader->scratch = av_packet_alloc();
    if (!reader->ctx || !reader->scratch)
        return err_set(err, ERR_NOMEM, "no memory for a segment");
    reader->ctx->pb = media_feed_avio(reader->feed);
    reader->ctx->io_open = media_io_refuse;
    reader->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rc = avformat_open_input(&reader->ctx, NULL, nut, NULL);
    if (rc < 0)
        return fail_reading(reader, rc, "not a segment file", err);
    if (reader->ctx->nb_streams != 1 ||
        reader->ctx->streams[0]->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
        return err_set(err, ERR_INTERNAL, "not a segment file: it has %u streams",
                       reader->ctx->nb_streams);
    return 0;
}

int segment_reader_open(struct segment_reader **out, struct store_reader *store,
                        struct ratio time_base, int64_t base, struct err *err)
{
    AUTO(segment_reader) struct segment_reader *reader = xcalloc(1, sizeof(*reader));

    reader->time_base = time_base;
    reader->base = base;
    if (media_feed_open_reader(&reader->feed, store, err) < 0 || open_input(reader, err) < 0)
        return -1;
    *out = TAKE(reader);
    return 0;
}

void segment_reader_free(struct segment_reader *reader)
{
    if (!reader)
        return;
    avformat_close_input(&reader->ctx);
    media_feed_free(reader->feed);
    av_packet_free(&reader->scratch);
    free(reader);
}

int segment_reader_read(struct segment_reader *reader, struct media_packet **out, struct err *err)
{
    const AVStream *stream = reader->ctx->streams[0];
    AVPacket *packet = reader->scratch;
    int64_t pts;
    int rc;

    *out = NULL;
    do
        rc = av_read_frame(reader->ctx, packet);
    while (rc == AVERROR(EAGAIN));
    if (media_feed_failed(reader->feed, err))
        return err_wrap(err, "reading a segment");
    if (rc == AVERROR_EOF)
        return 0;
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "reading a segment");
    if (packet->pts == AV_NOPTS_VALUE || rescale_exactly(&pts, packet->pts, stream->time_base,
                                                         media_rational(reader->time_base)) < 0) {
        pts = packet->pts;
        av_packet_unref(packet);
        return err_set(err, ERR_INTERNAL, "a segment's time %lld/%d is not one of the film's",
                       (long long)pts, stream->time_base.den);
    }
    packet->pts = reader->base + pts;
    packet->dts = AV_NOPTS_VALUE;
    return media_packet_wrap(out, packet, err);
}

void segment_reader_extradata_sha256(const struct segment_reader *reader, char hex[HASH_HEX_SIZE])
{
    const AVCodecParameters *par = reader->ctx->streams[0]->codecpar;

    hash_hex(hex, par->extradata, (size_t)par->extradata_size);
}

int segment_reader_crc32c(struct segment_reader *reader, uint32_t *out, struct err *err)
{
    return media_feed_crc32c(reader->feed, out, err);
}

void *segment_reader_parameters(struct segment_reader *reader)
{
    return reader->ctx->streams[0]->codecpar;
}
