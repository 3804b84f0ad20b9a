/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output_sub.h"

#include "common/mem.h"

#include <string.h>

#define TEXT_MAX 65536

struct output_sub {
    AVCodecContext *decoder, *encoder; /* owned */
    AVRational tb;                     /* of the packets */
};

void output_sub_free(struct output_sub *sub)
{
    if (!sub)
        return;
    avcodec_free_context(&sub->decoder);
    avcodec_free_context(&sub->encoder);
    free(sub);
}
AUTO_DEFINE(output_sub, struct output_sub *, output_sub_free)

static int open_decoder(struct output_sub *sub, const AVStream *in, struct err *err)
{
    const AVCodec *codec = avcodec_find_decoder(in->codecpar->codec_id);
    int rc;

    sub->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!sub->decoder)
        return err_set(err, ERR_INPUT, "no decoder for %s subtitles",
                       avcodec_get_name(in->codecpar->codec_id));
    rc = avcodec_parameters_to_context(sub->decoder, in->codecpar);
    sub->decoder->pkt_timebase = in->time_base;
    if (rc >= 0)
        rc = avcodec_open2(sub->decoder, codec, NULL);
    return rc < 0 ? media_av_fail(err, ERR_INPUT, rc, "opening the subtitle decoder") : 0;
}

static int open_encoder(struct output_sub *sub, enum AVCodecID to, struct err *err)
{
    const AVCodec *codec = avcodec_find_encoder(to);
    const AVCodecContext *decoder = sub->decoder;
    int rc;

    sub->encoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!sub->encoder)
        return err_set(err, ERR_INTERNAL, "this build has no encoder for text subtitles");
    sub->encoder->time_base = (AVRational){ 1, 1000 };
    if (decoder->subtitle_header_size > 0) {
        sub->encoder->subtitle_header = av_mallocz((size_t)decoder->subtitle_header_size + 1);
        if (!sub->encoder->subtitle_header)
            return err_set(err, ERR_NOMEM, "no memory for a subtitle header");
        memcpy(sub->encoder->subtitle_header, decoder->subtitle_header,
               (size_t)decoder->subtitle_header_size);
        sub->encoder->subtitle_header_size = decoder->subtitle_header_size;
    }
    rc = avcodec_open2(sub->encoder, codec, NULL);
    return rc < 0 ? media_av_fail(err, ERR_INTERNAL, rc, "opening the subtitle encoder") : 0;
}

int output_sub_open(struct output_sub **out, const AVStream *in, enum AVCodecID to, struct err *err)
{
    AUTO(output_sub) struct output_sub *sub = xcalloc(1, sizeof(*sub));

    sub->tb = in->time_base;
    if (open_decoder(sub, in, err) < 0 || open_encoder(sub, to, err) < 0)
        return -1;
    *out = TAKE(sub);
    return 0;
}

int output_sub_parameters(const struct output_sub *sub, AVCodecParameters *out, struct err *err)
{
    int rc = avcodec_parameters_from_context(out, sub->encoder);

    return rc < 0 ? media_av_fail(err, ERR_INTERNAL, rc, "subtitle parameters") : 0;
}

static int encode(struct output_sub *sub, AVPacket *packet, AVSubtitle *text, struct err *err)
{
    AUTO(av_packet) AVPacket *made = av_packet_alloc();
    AVRational ms = { 1, 1000 };
    int rc = made ? av_new_packet(made, TEXT_MAX) : AVERROR(ENOMEM);

    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "a subtitle");
    text->pts += (int64_t)text->start_display_time * 1000;
    text->end_display_time -= text->start_display_time;
    text->start_display_time = 0;
    rc = avcodec_encode_subtitle(sub->encoder, made->data, TEXT_MAX, text);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "a subtitle cannot be written in this container");
    av_shrink_packet(made, rc);
    made->pts = packet->pts;
    made->dts = packet->dts;
    made->duration =
        packet->duration > 0 ? packet->duration : av_rescale_q(text->end_display_time, ms, sub->tb);
    made->stream_index = packet->stream_index;
    made->flags = AV_PKT_FLAG_KEY;
    av_packet_unref(packet);
    av_packet_move_ref(packet, made);
    return 0;
}

int output_sub_convert(struct output_sub *sub, AVPacket *packet, bool *some, struct err *err)
{
    AVSubtitle text = { 0 };
    int got = 0, rc;

    *some = false;
    if (packet->size == 0)
        return 0;
    rc = avcodec_decode_subtitle2(sub->decoder, &text, &got, packet);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "a subtitle at %lld cannot be read",
                             (long long)packet->pts);
    rc = 0;
    if (got && text.num_rects > 0) {
        *some = true;
        rc = encode(sub, packet, &text, err);
    }
    if (got)
        avsubtitle_free(&text);
    return rc;
}
