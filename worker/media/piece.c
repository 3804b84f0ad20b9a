/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/piece.h"

#include "common/mem.h"
#include "worker/media/av.h"

#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <stdio.h>

#define TAG_TIME_BASE "stereojob_time_base"
#define TAG_BASE      "stereojob_base"
#define TAG_CODEC     "stereojob_codec" /* name and the film's tag for it, "prores 1852009571" */
#define SURROGATE     AV_CODEC_ID_MPEG4 /* for codecs that NUT has no letters for */
/* NUT wants 0 <= dts <= pts, dts ascending. Ours are the packets' ordinals, and every pts stands
 * this many ticks above its place; nobody reads the dts. */
#define LIFT (1 << 24)

struct media_piece_writer {
    struct media_io *io;  /* owned */
    AVFormatContext *ctx; /* owned */
    struct ratio time_base;
    int64_t base, packets;
};

static int add_tags(struct media_piece_writer *piece, const AVCodecParameters *par)
{
    char text[96];

    (void)snprintf(text, sizeof(text), "%s %u", avcodec_get_name(par->codec_id), par->codec_tag);
    if (av_dict_set(&piece->ctx->metadata, TAG_CODEC, text, 0) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "%" PRId64 "/%" PRId64, piece->time_base.num,
                   piece->time_base.den);
    if (av_dict_set(&piece->ctx->metadata, TAG_TIME_BASE, text, 0) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "%" PRId64, piece->base);
    return av_dict_set(&piece->ctx->metadata, TAG_BASE, text, 0) < 0 ? -1 : 0;
}

static int add_stream(struct media_piece_writer *piece, const AVStream *from, struct err *err)
{
    AVStream *to = avformat_new_stream(piece->ctx, NULL);
    int rc;

    if (!to)
        return err_set(err, ERR_NOMEM, "no memory for a stream");
    rc = avcodec_parameters_copy(to->codecpar, from->codecpar);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "copying codec parameters");
    to->codecpar->codec_tag = 0; /* NUT's own */
    if (av_codec_get_tag(piece->ctx->oformat->codec_tag, to->codecpar->codec_id) == 0)
        to->codecpar->codec_id = SURROGATE;
    to->time_base = media_rational(piece->time_base);
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    return 0;
}

int media_piece_open(struct media_piece_writer **out, struct store_writer *writer,
                     struct media_source *source, int stream, int64_t base, struct err *err)
{
    AUTO(media_piece) struct media_piece_writer *piece = xcalloc(1, sizeof(*piece));
    const AVFormatContext *film = media_source_context(source);
    int rc;

    piece->time_base = media_source_stream(source, stream)->time_base;
    piece->base = base;
    rc = avformat_alloc_output_context2(&piece->ctx, NULL, "nut", NULL);
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "opening NUT");
    if (media_io_open_write(&piece->io, writer, false, err) < 0 ||
        add_stream(piece, film->streams[stream], err) < 0)
        return -1;
    if (add_tags(piece, film->streams[stream]->codecpar) < 0)
        return err_set(err, ERR_NOMEM, "no memory for tags");
    piece->ctx->pb = piece->io->avio;
    piece->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    piece->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    rc = avformat_write_header(piece->ctx, NULL);
    if (rc < 0)
        return media_io_fail(piece->io, err, ERR_INPUT, rc, "the film cannot be cut into pieces");
    *out = TAKE(piece);
    return 0;
}

void media_piece_free(struct media_piece_writer *piece)
{
    if (!piece)
        return;
    avformat_free_context(piece->ctx);
    media_io_free(piece->io);
    free(piece);
}

int media_piece_write(struct media_piece_writer *piece, const struct media_packet *packet,
                      struct err *err)
{
    const AVStream *stream = piece->ctx->streams[0];
    AUTO(av_packet) AVPacket *av = av_packet_clone(media_packet_av(packet));
    int rc;

    if (!av)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    if (av->pts == AV_NOPTS_VALUE || av->pts < piece->base || piece->packets >= LIFT)
        return err_set(err, ERR_INTERNAL, "packet %lld of a piece at %lld",
                       (long long)piece->packets, (long long)av->pts);
    av->stream_index = 0;
    av->pts = LIFT + av_rescale_q(av->pts - piece->base, media_rational(piece->time_base),
                                  stream->time_base);
    av->dts = piece->packets++;
    av->duration = 0;
    rc = av_write_frame(piece->ctx, av);
    if (rc < 0)
        return media_io_fail(piece->io, err, ERR_INTERNAL, rc, "writing a piece");
    return 0;
}

int media_piece_finish(struct media_piece_writer *piece, struct err *err)
{
    int rc = av_write_trailer(piece->ctx);

    avio_flush(piece->ctx->pb);
    if (rc < 0 || piece->io->failed)
        return media_io_fail(piece->io, err, ERR_INTERNAL, rc, "writing a piece");
    return 0;
}

static int read_codec(struct media_piece *out, const char *text)
{
    const AVCodecDescriptor *descriptor;
    char name[64];

    if (sscanf(text, "%63s %u", name, &out->codec_tag) != 2)
        return -1;
    descriptor = avcodec_descriptor_get_by_name(name);
    if (!descriptor)
        return -1;
    out->codec_id = (int)descriptor->id;
    return 0;
}

int media_piece_facts(struct media_piece *out, const AVFormatContext *ctx)
{
    const AVDictionaryEntry *tb = av_dict_get(ctx->metadata, TAG_TIME_BASE, NULL, 0);
    const AVDictionaryEntry *base = av_dict_get(ctx->metadata, TAG_BASE, NULL, 0);
    const AVDictionaryEntry *codec = av_dict_get(ctx->metadata, TAG_CODEC, NULL, 0);
    struct media_piece piece;

    if (!tb || !base || !codec || read_codec(&piece, codec->value) < 0 ||
        sscanf(tb->value, "%" SCNd64 "/%" SCNd64, &piece.time_base.num, &piece.time_base.den) !=
            2 ||
        sscanf(base->value, "%" SCNd64, &piece.base) != 1 || piece.time_base.num < 1 ||
        piece.time_base.den < 1)
        return -1;
    *out = piece;
    return 0;
}

void media_piece_times(const struct media_piece *piece, const AVStream *stream, AVPacket *packet)
{
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts = piece->base + av_rescale_q(packet->pts - LIFT, stream->time_base,
                                                 media_rational(piece->time_base));
    packet->dts = AV_NOPTS_VALUE;
}
