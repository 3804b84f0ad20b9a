/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/readback.h"

#include "common/clock.h"
#include "common/mem.h"
#include "worker/media/feed.h"
#include "worker/media/index_io.h"
#include "worker/media/output_parts.h"

#include <string.h>

struct media_readback {
    AVFormatContext *ctx;    /* owned */
    struct media_feed *feed; /* owned; outlives ctx: what Matroska is read by, or NULL */
    struct index_io *index;  /* owned; outlives ctx: what MP4 is read by, or NULL */
    struct media_readback_opts opts;
    AVPacket *packet;         /* owned */
    AVFrame *frame;           /* owned */
    AVCodecContext *decoder;  /* owned; of the window that is open, or NULL */
    size_t window;            /* the one that is open or comes next */
    int64_t sent;             /* packets, to this decoder */
    int64_t frames, last_pts; /* of this decoder */
    int64_t decode_us;
    int64_t last_dts; /* AV_NOPTS_VALUE before the first */
    int64_t packets[PLAN_MAX_STREAMS + 4];
    struct media_output_times times;
};

void media_readback_free(struct media_readback *readback)
{
    if (!readback)
        return;
    avcodec_free_context(&readback->decoder);
    av_packet_free(&readback->packet);
    av_frame_free(&readback->frame);
    avformat_close_input(&readback->ctx);
    media_feed_free(readback->feed);
    index_io_free(readback->index);
    free(readback);
}

static bool failed(const struct media_readback *readback, struct err *err)
{
    return readback->index ? index_io_failed(readback->index, err)
                           : media_feed_failed(readback->feed, err);
}

static int fail(const struct media_readback *readback, int rc, struct err *err)
{
    if (failed(readback, err))
        return err_wrap(err, "reading the output back");
    return media_av_fail(err, ERR_INTERNAL, rc, "the output read back");
}

/* Of an MP4 the media need not be read to see what its index says of them. */
static int open_io(struct media_readback *readback, struct store_writer *writer, struct err *err)
{
    if (strcmp(readback->opts.container, "matroska") == 0)
        return media_feed_open(&readback->feed, writer, err);
    if (index_io_open(&readback->index, writer, err) < 0)
        return err_wrap(err, "the output read back");
    return 0;
}

static int open_ctx(struct media_readback *readback, struct err *err)
{
    const AVInputFormat *format = av_find_input_format(
        strcmp(readback->opts.container, "matroska") == 0 ? "matroska" : "mov");
    int rc;

    readback->ctx = avformat_alloc_context();
    readback->packet = av_packet_alloc();
    readback->frame = av_frame_alloc();
    if (!readback->ctx || !readback->packet || !readback->frame)
        return err_set(err, ERR_NOMEM, "no memory to read the output back");
    readback->ctx->pb =
        readback->index ? index_io_avio(readback->index) : media_feed_avio(readback->feed);
    readback->ctx->io_open = media_io_refuse;
    readback->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rc = avformat_open_input(&readback->ctx, NULL, format, NULL);
    return rc < 0 ? fail(readback, rc, err) : 0;
}

static int check_video(const struct media_readback *readback, struct err *err)
{
    const AVCodecParameters *par;
    bool sized;

    if (readback->ctx->nb_streams == 0 || readback->ctx->nb_streams > PLAN_MAX_STREAMS + 4)
        return err_set(err, ERR_INTERNAL, "the output has %u streams", readback->ctx->nb_streams);
    par = readback->ctx->streams[0]->codecpar;
    sized = par->width > 0 || par->codec_id != AV_CODEC_ID_MPEG4; /* libav asks the decoder */
    if (par->codec_type != AVMEDIA_TYPE_VIDEO ||
        (sized && (par->width != readback->opts.width || par->height != readback->opts.height)))
        return err_set(err, ERR_INTERNAL, "the output's video is %dx%d, want %dx%d", par->width,
                       par->height, readback->opts.width, readback->opts.height);
    if (par->extradata_size <= 0 &&
        (par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC))
        return err_set(err, ERR_INTERNAL, "the output's video has no decoder header");
    return 0;
}

int media_readback_open(struct media_readback **out, struct store_writer *writer,
                        const struct media_readback_opts *opts, struct err *err)
{
    AUTO(media_readback) struct media_readback *readback = xcalloc(1, sizeof(*readback));

    readback->opts = *opts;
    readback->last_dts = AV_NOPTS_VALUE;
    if (open_io(readback, writer, err) < 0 || open_ctx(readback, err) < 0 ||
        check_video(readback, err) < 0)
        return -1;
    *out = TAKE(readback);
    return 0;
}

static int open_decoder(struct media_readback *readback, struct err *err)
{
    const AVStream *stream = readback->ctx->streams[0];
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    int rc;

    if (!(readback->packet->flags & AV_PKT_FLAG_KEY))
        return err_set(err, ERR_INTERNAL, "is no keyframe");
    readback->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!readback->decoder)
        return err_set(err, ERR_GPU, "no decoder for what was encoded");
    rc = avcodec_parameters_to_context(readback->decoder, stream->codecpar);
    readback->decoder->pkt_timebase = stream->time_base;
    readback->decoder->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_EXPLODE;
    readback->decoder->thread_count = 0;
    if (rc >= 0)
        rc = avcodec_open2(readback->decoder, codec, NULL);
    readback->sent = readback->frames = 0;
    readback->last_pts = INT64_MIN;
    return rc < 0 ? media_av_fail(err, ERR_INTERNAL, rc, "opening the decoder") : 0;
}

static int check_frame(struct media_readback *readback, struct err *err)
{
    const AVFrame *frame = readback->frame;

    if (frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags)
        return err_set(err, ERR_INTERNAL, "the frame at %lld decodes with errors",
                       (long long)frame->pts);
    if (frame->width != readback->opts.width || frame->height != readback->opts.height)
        return err_set(err, ERR_INTERNAL, "the frame at %lld is %dx%d", (long long)frame->pts,
                       frame->width, frame->height);
    if (frame->pts < readback->last_pts)
        return err_set(err, ERR_INTERNAL, "the frame at %lld comes after %lld",
                       (long long)frame->pts, (long long)readback->last_pts);
    readback->last_pts = frame->pts;
    readback->frames++;
    return 0;
}

static int decode_one(struct media_readback *readback, const AVPacket *packet, struct err *err)
{
    int rc = avcodec_send_packet(readback->decoder, packet);

    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "does not decode");
    while ((rc = avcodec_receive_frame(readback->decoder, readback->frame)) >= 0) {
        rc = check_frame(readback, err);
        av_frame_unref(readback->frame);
        if (rc < 0)
            return -1;
    }
    if (rc != AVERROR(EAGAIN) && rc != AVERROR_EOF)
        return media_av_fail(err, ERR_INTERNAL, rc, "does not decode");
    readback->sent += packet ? 1 : 0;
    return 0;
}

static int decode(struct media_readback *readback, const AVPacket *packet, struct err *err)
{
    int64_t started_us = clock_mono_us();
    int rc = decode_one(readback, packet, err);

    readback->decode_us += clock_mono_us() - started_us;
    return rc;
}

static int close_decoder(struct media_readback *readback, struct err *err)
{
    int rc = decode(readback, NULL, err);

    avcodec_free_context(&readback->decoder);
    if (rc < 0)
        return -1;
    if (readback->frames != readback->sent)
        return err_set(err, ERR_INTERNAL, "%lld packets gave %lld frames",
                       (long long)readback->sent, (long long)readback->frames);
    return 0;
}

static int step_window(struct media_readback *readback, int64_t index, struct err *err)
{
    const struct media_window *window = &readback->opts.windows[readback->window];
    const struct media_window *end = readback->opts.windows + readback->opts.window_count;
    AVPacket *packet = readback->packet;

    if (window == end || index < window->first)
        return 0;
    if (readback->index &&
        index_io_payload(readback->index, packet->pos, packet->data, (size_t)packet->size, err) < 0)
        return -1;
    if (index == window->first && !window->goes_on && open_decoder(readback, err) < 0)
        return -1;
    if (decode(readback, packet, err) < 0)
        return -1;
    if (index < window->first + window->count - 1)
        return 0;
    readback->window++;
    return window + 1 < end && window[1].goes_on ? 0 : close_decoder(readback, err);
}

static int check_times(struct media_readback *readback, struct err *err)
{
    const AVPacket *packet = readback->packet;

    if (packet->pts == AV_NOPTS_VALUE || packet->size <= 0)
        return err_set(err, ERR_INTERNAL, "has no %s", packet->size > 0 ? "pts" : "bytes");
    if (packet->dts != AV_NOPTS_VALUE) { /* Matroska keeps none */
        if (readback->last_dts != AV_NOPTS_VALUE && packet->dts <= readback->last_dts)
            return err_set(err, ERR_INTERNAL, "has dts %lld after %lld", (long long)packet->dts,
                           (long long)readback->last_dts);
        if (packet->pts < packet->dts)
            return err_set(err, ERR_INTERNAL, "has pts %lld before its dts %lld",
                           (long long)packet->pts, (long long)packet->dts);
        readback->last_dts = packet->dts;
    }
    output_times_note(&readback->times, packet->pts, packet->duration);
    if (readback->index)
        output_times_note_end(&readback->times, packet->pos + packet->size);
    return 0;
}

int media_readback_step(struct media_readback *readback, int64_t *bytes, struct err *err)
{
    AVPacket *packet = readback->packet;
    int64_t index = readback->times.packets;
    int rc = av_read_frame(readback->ctx, packet);

    *bytes = -1;
    if (failed(readback, err))
        return err_wrap(err, "reading the output back");
    if (rc == AVERROR_EOF && readback->window == readback->opts.window_count)
        return 0;
    if (rc == AVERROR_EOF)
        return err_set(err, ERR_INTERNAL, "the output read back ends after %lld frames",
                       (long long)index);
    if (rc < 0)
        return fail(readback, rc, err);
    *bytes = packet->size;
    if ((unsigned)packet->stream_index < sizeof(readback->packets) / sizeof(readback->packets[0]))
        readback->packets[packet->stream_index]++;
    rc = 0;
    if (packet->stream_index == 0) {
        rc = check_times(readback, err);
        if (rc == 0)
            rc = step_window(readback, index, err);
        if (rc < 0)
            (void)err_wrap(err, "the output's video packet %lld", (long long)index);
    }
    av_packet_unref(packet);
    return rc;
}

int64_t media_readback_decode_us(const struct media_readback *readback)
{
    return readback->decode_us;
}

struct media_output_times media_readback_times(const struct media_readback *readback)
{
    return readback->times;
}

int64_t media_readback_packets(const struct media_readback *readback, int stream)
{
    return stream >= 0 && stream < PLAN_MAX_STREAMS + 4 ? readback->packets[stream] : 0;
}
