/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/subtitle.h"

#include "common/mem.h"

#include <string.h>

#define TEXT_MAX 65536

struct media_subtitle {
    AVCodecContext *decoder, *encoder; /* owned */
    AVRational tb;                     /* of the packets */
};

void media_subtitle_free(struct media_subtitle *subtitle)
{
    if (!subtitle)
        return;
    avcodec_free_context(&subtitle->decoder);
    avcodec_free_context(&subtitle->encoder);
    free(subtitle);
}

static int open_decoder(struct media_subtitle *subtitle, const AVStream *in, struct err *err)
{
    const AVCodec *codec = avcodec_find_decoder(in->codecpar->codec_id);
    int rc;

    subtitle->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!subtitle->decoder)
        return err_set(err, ERR_INPUT, "no decoder for %s subtitles",
                       avcodec_get_name(in->codecpar->codec_id));
    rc = avcodec_parameters_to_context(subtitle->decoder, in->codecpar);
    subtitle->decoder->pkt_timebase = in->time_base;
    if (rc >= 0)
        rc = avcodec_open2(subtitle->decoder, codec, NULL);
    return rc < 0 ? media_av_fail(err, ERR_INPUT, rc, "opening the subtitle decoder") : 0;
}

static int open_encoder(struct media_subtitle *subtitle, enum AVCodecID to, struct err *err)
{
    const AVCodec *codec = avcodec_find_encoder(to);
    const AVCodecContext *decoder = subtitle->decoder;
    int rc;

    subtitle->encoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!subtitle->encoder)
        return err_set(err, ERR_INTERNAL, "this build has no encoder for text subtitles");
    subtitle->encoder->time_base = (AVRational){ 1, 1000 };
    if (decoder->subtitle_header_size > 0) {
        subtitle->encoder->subtitle_header = av_mallocz((size_t)decoder->subtitle_header_size + 1);
        if (!subtitle->encoder->subtitle_header)
            return err_set(err, ERR_NOMEM, "no memory for a subtitle header");
        memcpy(subtitle->encoder->subtitle_header, decoder->subtitle_header,
               (size_t)decoder->subtitle_header_size);
        subtitle->encoder->subtitle_header_size = decoder->subtitle_header_size;
    }
    rc = avcodec_open2(subtitle->encoder, codec, NULL);
    return rc < 0 ? media_av_fail(err, ERR_INTERNAL, rc, "opening the subtitle encoder") : 0;
}

int media_subtitle_open(struct media_subtitle **out, const AVStream *in, enum AVCodecID to,
                        struct err *err)
{
    AUTO(media_subtitle) struct media_subtitle *subtitle = xcalloc(1, sizeof(*subtitle));

    subtitle->tb = in->time_base;
    if (open_decoder(subtitle, in, err) < 0 || open_encoder(subtitle, to, err) < 0)
        return -1;
    *out = TAKE(subtitle);
    return 0;
}

const uint8_t *media_subtitle_extradata(const struct media_subtitle *subtitle, size_t *len)
{
    *len = subtitle->encoder->extradata_size > 0 ? (size_t)subtitle->encoder->extradata_size : 0;
    return *len ? subtitle->encoder->extradata : NULL;
}

static int encode(struct media_subtitle *subtitle, AVPacket *packet, AVSubtitle *text,
                  struct err *err)
{
    AUTO(av_packet) AVPacket *made = av_packet_alloc();
    AVRational ms = { 1, 1000 };
    int rc = made ? av_new_packet(made, TEXT_MAX) : AVERROR(ENOMEM);

    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "a subtitle");
    text->pts += (int64_t)text->start_display_time * 1000;
    text->end_display_time -= text->start_display_time;
    text->start_display_time = 0;
    rc = avcodec_encode_subtitle(subtitle->encoder, made->data, TEXT_MAX, text);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "a subtitle cannot be written in this container");
    av_shrink_packet(made, rc);
    made->pts = packet->pts;
    made->dts = packet->dts;
    made->duration = packet->duration > 0 ? packet->duration
                                          : av_rescale_q(text->end_display_time, ms, subtitle->tb);
    made->stream_index = packet->stream_index;
    made->flags = AV_PKT_FLAG_KEY;
    av_packet_unref(packet);
    av_packet_move_ref(packet, made);
    return 0;
}

int media_subtitle_convert(struct media_subtitle *subtitle, AVPacket *packet, bool *some,
                           struct err *err)
{
    AVSubtitle text = { 0 };
    int got = 0, rc;

    *some = false;
    if (packet->size == 0)
        return 0;
    rc = avcodec_decode_subtitle2(subtitle->decoder, &text, &got, packet);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "a subtitle at %lld cannot be read",
                             (long long)packet->pts);
    rc = 0;
    if (got && text.num_rects > 0) {
        *some = true;
        rc = encode(subtitle, packet, &text, err);
    }
    if (got)
        avsubtitle_free(&text);
    return rc;
}
