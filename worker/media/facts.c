/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <libavutil/dovi_meta.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static char type_of(const AVStream *stream)
{
    if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return 'c';
    switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_VIDEO:
        return 'v';
    case AVMEDIA_TYPE_AUDIO:
        return 'a';
    case AVMEDIA_TYPE_SUBTITLE:
        return 's';
    case AVMEDIA_TYPE_ATTACHMENT:
        return 't';
    default:
        return 'd';
    }
}

static void copy_tag(char *out, size_t size, const AVStream *stream, const char *key)
{
    const AVDictionaryEntry *tag = av_dict_get(stream->metadata, key, NULL, 0);

    (void)snprintf(out, size, "%s", tag ? tag->value : "");
}

/* A display matrix says where the axes of the coded picture point on the screen. Down tells the
 * rotation, to the nearest quarter; a negative determinant that the picture is mirrored as well. */
static void orientation(struct media_stream *out, const AVStream *stream)
{
    size_t size;
    const uint8_t *data = compat_stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    int32_t m[9];
    double across_x, across_y, down_x, down_y;

    if (!data || size < sizeof(m))
        return;
    memcpy(m, data, sizeof(m));
    across_x = m[0];
    across_y = m[1];
    down_x = m[3];
    down_y = m[4];
    if (hypot(across_x, across_y) < 1 || hypot(down_x, down_y) < 1)
        return; /* not a matrix of anything */
    out->rotation = (int)((lrint(atan2(-down_x, down_y) / M_PI_2) % 4 + 4) % 4) * 90;
    out->flipped = across_x * down_y - across_y * down_x < 0;
}

static void dolby_facts(struct media_stream *out, const AVStream *stream)
{
    size_t size;
    const uint8_t *data = compat_stream_side_data(stream, AV_PKT_DATA_DOVI_CONF, &size);
    AVDOVIDecoderConfigurationRecord record;

    if (!data || size < sizeof(record))
        return;
    memcpy(&record, data, sizeof(record));
    out->dolby_profile = record.dv_profile;
    out->dolby_only = record.dv_bl_signal_compatibility_id == 0 && record.dv_profile != 7;
}

static void format_facts(struct media_stream *out, int format)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(format);

    if (!desc)
        return;
    out->bit_depth = desc->flags & AV_PIX_FMT_FLAG_PAL ? 8 : desc->comp[0].depth;
    (void)snprintf(out->pix_fmt, sizeof(out->pix_fmt), "%s", desc->name);
}

static void name_format(struct media_stream *out, int chroma)
{
    static const char *const names[] = { "gray", "yuv420p", "yuv422p", "yuv444p" };

    (void)snprintf(out->pix_fmt, sizeof(out->pix_fmt), out->bit_depth > 8 ? "%s%dle" : "%s",
                   names[chroma & 3], out->bit_depth);
}

static void prefer(int *value, int other, int unspecified)
{
    if (*value == unspecified || *value == 0)
        *value = other;
}

static void h264_facts(struct media_stream *out, const AVCodecParameters *par)
{
    struct media_sps sps;

    if (media_sps_parse(&sps, par->extradata, (size_t)par->extradata_size) < 0)
        return;
    out->width = sps.width;
    out->height = sps.height;
    out->bit_depth = sps.bit_depth;
    name_format(out, sps.chroma);
    if (sps.sar_num > 0 && sps.sar_den > 0 && out->sar.num == 0)
        out->sar = (struct ratio){ sps.sar_num, sps.sar_den };
    prefer(&out->color_range, sps.range, AVCOL_RANGE_UNSPECIFIED);
    prefer(&out->color_primaries, sps.primaries, AVCOL_PRI_UNSPECIFIED);
    prefer(&out->color_trc, sps.trc, AVCOL_TRC_UNSPECIFIED);
    prefer(&out->color_space, sps.space, AVCOL_SPC_UNSPECIFIED);
    prefer(&out->chroma_location, sps.chroma_location, AVCHROMA_LOC_UNSPECIFIED);
}

/* The sequence extension behind the sequence header: progressive_sequence and chroma_format. */
static void mpeg2_facts(struct media_stream *out, const AVCodecParameters *par)
{
    const uint8_t *at = par->extradata;

    for (int left = par->extradata_size; left >= 6; left--, at++) {
        if (at[0] || at[1] || at[2] != 1 || at[3] != 0xb5 || at[4] >> 4 != 1)
            continue;
        out->interlaced = !(at[5] & 8);
        out->scan_known = true;
        name_format(out, at[5] >> 1);
        return;
    }
}

/* Whether it may be interlaced: nothing less than the sequence header says that of all pictures. */
static void scan_facts(struct media_stream *out, const AVCodecParameters *par)
{
    struct media_sps sps;

    out->interlaced = par->field_order >= AV_FIELD_TT;
    out->scan_known = par->field_order != AV_FIELD_UNKNOWN;
    switch (par->codec_id) {
    case AV_CODEC_ID_H264:
        if (media_sps_parse(&sps, par->extradata, (size_t)par->extradata_size) == 0)
            out->interlaced = !sps.progressive;
        out->scan_known = true;
        break;
    case AV_CODEC_ID_MPEG2VIDEO:
        mpeg2_facts(out, par);
        break;
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
        out->scan_known = true;
        break;
    default:
        break;
    }
}

/* HEVC's and AV1's decoders read the sequence header out of the extradata when they are opened. */
static void decoder_facts(struct media_stream *out, const AVCodecParameters *par)
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AUTO(av_codec) AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;

    if (!ctx || avcodec_parameters_to_context(ctx, par) < 0)
        return;
    ctx->thread_count = 1;
    if (avcodec_open2(ctx, codec, NULL) < 0)
        return;
    if (ctx->width > 0 && ctx->height > 0) {
        out->width = ctx->width;
        out->height = ctx->height;
    }
    if (ctx->pix_fmt != AV_PIX_FMT_NONE)
        format_facts(out, ctx->pix_fmt);
    if (ctx->sample_aspect_ratio.num > 0 && out->sar.num == 0)
        out->sar = media_ratio(ctx->sample_aspect_ratio);
    prefer(&out->color_range, ctx->color_range, AVCOL_RANGE_UNSPECIFIED);
    prefer(&out->color_primaries, ctx->color_primaries, AVCOL_PRI_UNSPECIFIED);
    prefer(&out->color_trc, ctx->color_trc, AVCOL_TRC_UNSPECIFIED);
    prefer(&out->color_space, ctx->colorspace, AVCOL_SPC_UNSPECIFIED);
    prefer(&out->chroma_location, ctx->chroma_sample_location, AVCHROMA_LOC_UNSPECIFIED);
}

/* What a container's header and the extradata in it say of the pictures. bit_depth stays 0 where
 * they do not say it: then a packet has to be looked at. */
static void header_facts(struct media_stream *out, const AVCodecParameters *par)
{
    const uint8_t *extra = par->extradata;

    switch (par->codec_id) {
    case AV_CODEC_ID_H264:
        h264_facts(out, par);
        break;
    case AV_CODEC_ID_HEVC:
        if (par->extradata_size < 23 || extra[0] != 1)
            break;
        out->bit_depth = 8 + (extra[17] & 7);
        name_format(out, extra[16]);
        decoder_facts(out, par);
        break;
    case AV_CODEC_ID_AV1:
        if (par->extradata_size < 4 || extra[0] != 0x81)
            break;
        out->bit_depth = !(extra[2] & 0x40) ? 8 : extra[2] & 0x20 ? 12 : 10;
        name_format(out, extra[2] & 0x10 ? 0 : extra[2] & 4 ? 1 : extra[2] & 8 ? 2 : 3);
        decoder_facts(out, par);
        break;
    case AV_CODEC_ID_PRORES:
        out->bit_depth = 10;
        name_format(out, 2);
        break;
    case AV_CODEC_ID_VP9:
        if (par->profile < 0)
            break;
        out->bit_depth = par->profile >= 2 ? 10 : 8; /* 12 is handled as 10 */
        name_format(out, 1);
        break;
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_H263:
        out->bit_depth = 8;
        name_format(out, 1);
        break;
    default:
        break;
    }
}

static void video_facts(struct media_stream *out, AVFormatContext *ctx, const AVStream *stream,
                        bool header_only)
{
    const AVCodecParameters *par = stream->codecpar;
    AVRational rate = av_guess_frame_rate(ctx, (AVStream *)stream, NULL);

    out->width = par->width;
    out->height = par->height;
    orientation(out, stream);
    dolby_facts(out, stream);
    media_hdr_of_stream(&out->hdr, stream);
    out->sar = media_ratio(stream->sample_aspect_ratio.num ? stream->sample_aspect_ratio
                                                           : par->sample_aspect_ratio);
    out->frame_rate = rate.num > 0 && rate.den > 0 ? media_ratio(rate) : (struct ratio){ 0, 1 };
    out->color_range = par->color_range;
    out->color_primaries = par->color_primaries;
    out->color_trc = par->color_trc;
    out->color_space = par->color_space;
    out->chroma_location = par->chroma_location;
    out->interlaced = par->field_order >= AV_FIELD_TT;
    format_facts(out, par->format);
    if (header_only && out->bit_depth == 0)
        header_facts(out, par);
    scan_facts(out, par);
}

void media_facts(struct media_stream *out, AVFormatContext *ctx, const AVStream *stream,
                 bool header_only)
{
    const AVCodecParameters *par = stream->codecpar;

    *out = (struct media_stream){ .index = stream->index, .type = type_of(stream) };
    (void)snprintf(out->codec, sizeof(out->codec), "%s", avcodec_get_name(par->codec_id));
    copy_tag(out->language, sizeof(out->language), stream, "language");
    copy_tag(out->title, sizeof(out->title), stream, "title");
    out->tag = par->codec_tag;
    out->disposition = stream->disposition;
    out->is_default = stream->disposition & AV_DISPOSITION_DEFAULT;
    out->time_base = media_ratio(stream->time_base);
    out->start_pts = stream->start_time;
    out->duration = stream->duration == AV_NOPTS_VALUE ? 0 : stream->duration;
    if (par->codec_type == AVMEDIA_TYPE_VIDEO)
        video_facts(out, ctx, stream, header_only);
    if (par->codec_type == AVMEDIA_TYPE_AUDIO) {
        out->sample_rate = par->sample_rate;
        out->channels = par->ch_layout.nb_channels;
    }
}
