/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/segment.h"

#include "common/mem.h"
#include "worker/media/av.h"

struct segment_writer {
    struct media_io *io;  /* owned */
    AVFormatContext *ctx; /* owned */
    AVPacket *scratch;    /* owned */
    struct segment_opts opts;
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
    stream->time_base = media_rational(writer->opts.time_base);
    stream->sample_aspect_ratio = par->sample_aspect_ratio;
    return 0;
}

int segment_writer_open(struct segment_writer **out, struct store_writer *store,
                        struct media_encoder *const *encoders, const struct segment_opts *opts,
                        struct err *err)
{
    AUTO(segment_writer) struct segment_writer *writer = xcalloc(1, sizeof(*writer));
    int rc;

    writer->opts = *opts;
    writer->scratch = av_packet_alloc();
    rc = avformat_alloc_output_context2(&writer->ctx, NULL, "nut", NULL);
    if (rc < 0 || !writer->scratch)
        return media_av_fail(err, ERR_INTERNAL, rc < 0 ? rc : AVERROR(ENOMEM), "opening NUT");
    if (media_io_open_write(&writer->io, store, false, err) < 0)
        return -1;
    for (int i = 0; i < opts->films; i++)
        if (add_stream(writer, media_encoder_parameters(encoders[i]), err) < 0)
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

int segment_writer_write(struct segment_writer *writer, int film, const struct media_packet *packet,
                         struct err *err)
{
    const AVPacket *from = media_packet_av(packet);
    const AVStream *stream = writer->ctx->streams[film];
    AVRational tb = media_rational(writer->opts.time_base);
    int64_t base = writer->opts.base;
    AVPacket *to = writer->scratch;
    int rc;

    if (from->pts == AV_NOPTS_VALUE || from->dts == AV_NOPTS_VALUE || from->pts < base)
        return err_set(err, ERR_INTERNAL, "a packet at pts %lld, dts %lld of a segment from %lld",
                       (long long)from->pts, (long long)from->dts, (long long)base);
    rc = av_packet_ref(to, from);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "writing a segment");
    to->stream_index = film;
    to->duration = 0; /* NUT has none */
    if (media_rescale_exactly(&to->pts, from->pts - base, tb, stream->time_base) < 0 ||
        media_rescale_exactly(&to->dts, from->dts - base, tb, stream->time_base) < 0) {
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
