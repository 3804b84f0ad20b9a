/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/sound.h"

#include "common/mem.h"

#include <libavutil/audio_fifo.h>
#include <libavutil/mathematics.h>
#include <math.h>
#include <string.h>

#define FLAC_SAMPLES 2048
#define PCM_SAMPLES  1024  /* as MOV's reader takes them apart again */
#define AAC_BITRATE  96000 /* of a channel */
#define SLACK_MS     2     /* how far packets' times may be off before they are believed */
#define GAP_MIN_MS   100   /* a shorter one is put right by the next packet's time */
#define GAP_MAX_S    60    /* a longer one is a clock that jumped */

struct media_sound {
    AVCodecContext *decoder, *encoder; /* owned */
    AVAudioFifo *fifo;                 /* owned; in the encoder's format */
    AVFrame *decoded, *block;          /* owned; scratch */
    AVPacket **made;                   /* owned; those from `taken` on are waiting */
    size_t made_count, made_cap, taken;
    AVRational in_tb, tb; /* of the packets sent, and 1 / sample rate */
    int stream;
    int64_t next; /* when the sample after the last one in the fifo is heard */
    bool started;
};

void media_sound_free(struct media_sound *sound)
{
    if (!sound)
        return;
    for (size_t i = sound->taken; i < sound->made_count; i++)
        av_packet_free(&sound->made[i]);
    free(sound->made);
    avcodec_free_context(&sound->decoder);
    avcodec_free_context(&sound->encoder);
    if (sound->fifo)
        av_audio_fifo_free(sound->fifo);
    av_frame_free(&sound->decoded);
    av_frame_free(&sound->block);
    free(sound);
}

/* More than 16 bits a sample, as far as the film's header tells? */
static bool is_deep(const AVCodecParameters *in)
{
    int bits = av_get_exact_bits_per_sample(in->codec_id);

    if (bits == 0)
        bits = in->bits_per_raw_sample;
    if (bits == 0)
        bits = 8 * av_get_bytes_per_sample((enum AVSampleFormat)in->format);
    return bits > 16;
}

/* One that encoders know by name, of as many channels; what is at the sides goes for the back. */
static int set_layout(AVChannelLayout *out, const AVChannelLayout *in)
{
    uint64_t mask = in->order == AV_CHANNEL_ORDER_NATIVE ? in->u.mask : 0;

    if (mask == AV_CH_LAYOUT_5POINT0)
        mask = AV_CH_LAYOUT_5POINT0_BACK;
    if (mask == AV_CH_LAYOUT_5POINT1)
        mask = AV_CH_LAYOUT_5POINT1_BACK;
    if (mask)
        return av_channel_layout_from_mask(out, mask);
    av_channel_layout_default(out, in->nb_channels);
    return 0;
}

static void set_format(AVCodecContext *ctx, const AVCodecParameters *in)
{
    switch (ctx->codec_id) {
    case AV_CODEC_ID_AAC:
        ctx->sample_fmt = AV_SAMPLE_FMT_FLTP;
        ctx->bit_rate = (int64_t)AAC_BITRATE * ctx->ch_layout.nb_channels;
        return;
    case AV_CODEC_ID_FLAC:
        ctx->sample_fmt = is_deep(in) ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16;
        ctx->bits_per_raw_sample = is_deep(in) ? 24 : 16;
        ctx->frame_size = FLAC_SAMPLES;
        return;
    default:
        ctx->sample_fmt =
            ctx->codec_id == AV_CODEC_ID_PCM_S24LE ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16;
    }
}

static int open_encoder(AVCodecContext **out, const AVCodecParameters *in, enum AVCodecID to,
                        struct err *err)
{
    const AVCodec *codec;
    AUTO(av_codec) AVCodecContext *ctx = NULL;
    int rc;

    if (to == AV_CODEC_ID_PCM_S16LE && is_deep(in))
        to = AV_CODEC_ID_PCM_S24LE;
    codec = avcodec_find_encoder(to);
    ctx = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!ctx || set_layout(&ctx->ch_layout, &in->ch_layout) < 0)
        return err_set(err, ERR_INTERNAL, "no encoder for %s sound", avcodec_get_name(to));
    ctx->sample_rate = in->sample_rate;
    ctx->time_base = (AVRational){ 1, in->sample_rate };
    ctx->thread_count = 1;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    set_format(ctx, in);
    rc = avcodec_open2(ctx, codec, NULL);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "%s sound of %d channels at %d Hz",
                             avcodec_get_name(to), in->ch_layout.nb_channels, in->sample_rate);
    *out = TAKE(ctx);
    return 0;
}

int media_sound_parameters(AVCodecParameters *out, const AVCodecParameters *in, enum AVCodecID to,
                           struct err *err)
{
    AUTO(av_codec) AVCodecContext *ctx = NULL;
    int rc;

    if (open_encoder(&ctx, in, to, err) < 0)
        return -1;
    rc = avcodec_parameters_from_context(out, ctx);
    return rc < 0 ? media_av_fail(err, ERR_NOMEM, rc, "sound parameters") : 0;
}

static int open_decoder(struct media_sound *sound, const AVStream *in, struct err *err)
{
    const AVCodec *codec = avcodec_find_decoder(in->codecpar->codec_id);
    int rc;

    sound->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!sound->decoder)
        return err_set(err, ERR_INPUT, "no decoder for %s sound",
                       avcodec_get_name(in->codecpar->codec_id));
    rc = avcodec_parameters_to_context(sound->decoder, in->codecpar);
    sound->decoder->pkt_timebase = in->time_base;
    sound->decoder->thread_count = 1;
    if (rc >= 0)
        rc = avcodec_open2(sound->decoder, codec, NULL);
    return rc < 0 ? media_av_fail(err, ERR_INPUT, rc, "opening the sound's decoder") : 0;
}

int media_sound_open(struct media_sound **out, const AVStream *in, enum AVCodecID to,
                     struct err *err)
{
    AUTO(media_sound) struct media_sound *sound = xcalloc(1, sizeof(*sound));
    const AVCodecContext *encoder;

    sound->stream = in->index;
    sound->in_tb = in->time_base;
    if (open_decoder(sound, in, err) < 0 ||
        open_encoder(&sound->encoder, in->codecpar, to, err) < 0)
        return -1;
    encoder = sound->encoder;
    sound->tb = encoder->time_base;
    sound->fifo =
        av_audio_fifo_alloc(encoder->sample_fmt, encoder->ch_layout.nb_channels, FLAC_SAMPLES);
    sound->decoded = av_frame_alloc();
    sound->block = av_frame_alloc();
    if (!sound->fifo || !sound->decoded || !sound->block)
        return err_set(err, ERR_NOMEM, "no memory for sound");
    *out = TAKE(sound);
    return 0;
}

AVPacket *media_sound_receive(struct media_sound *sound)
{
    if (sound->taken < sound->made_count)
        return sound->made[sound->taken++];
    sound->taken = sound->made_count = 0;
    return NULL;
}

static int keep_made(struct media_sound *sound, AVPacket *packet)
{
    AVPacket *kept = av_packet_alloc();

    if (!kept)
        return AVERROR(ENOMEM);
    if (sound->made_count == sound->made_cap) {
        sound->made_cap = sound->made_cap ? 2 * sound->made_cap : 32;
        sound->made = xrealloc(sound->made, sound->made_cap * sizeof(*sound->made));
    }
    av_packet_move_ref(kept, packet);
    kept->stream_index = sound->stream;
    kept->pos = -1;
    sound->made[sound->made_count++] = kept;
    return 0;
}

/* frame NULL: no more come. */
static int encode(struct media_sound *sound, const AVFrame *frame, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    int rc = packet ? avcodec_send_frame(sound->encoder, frame) : AVERROR(ENOMEM);

    while (rc >= 0) {
        rc = avcodec_receive_packet(sound->encoder, packet);
        if (rc >= 0 && packet->size > 0) /* FLAC's last one holds a new header only */
            rc = keep_made(sound, packet);
        av_packet_unref(packet);
    }
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return 0;
    return media_av_fail(err, ERR_INTERNAL, rc, "encoding sound");
}

static int frame_samples(const struct media_sound *sound)
{
    return sound->encoder->frame_size > 0 ? sound->encoder->frame_size : PCM_SAMPLES;
}

/* Whole frames; with `all` the rest too. */
static int encode_fifo(struct media_sound *sound, bool all, struct err *err)
{
    for (;;) {
        int waiting = av_audio_fifo_size(sound->fifo), count = frame_samples(sound), rc;
        AVFrame *block = sound->block;

        if (waiting == 0 || (waiting < count && !all))
            return 0;
        block->nb_samples = waiting < count ? waiting : count;
        block->format = sound->encoder->sample_fmt;
        block->sample_rate = sound->encoder->sample_rate;
        rc = av_channel_layout_copy(&block->ch_layout, &sound->encoder->ch_layout);
        if (rc >= 0)
            rc = av_frame_get_buffer(block, 0);
        if (rc < 0)
            return media_av_fail(err, ERR_NOMEM, rc, "encoding sound");
        block->pts = sound->next - waiting;
        (void)av_audio_fifo_read(sound->fifo, (void **)block->extended_data, block->nb_samples);
        rc = encode(sound, block, err);
        av_frame_unref(block);
        if (rc < 0)
            return -1;
    }
}

/* Of one channel, -1 to 1. */
static double sample_at(const AVFrame *frame, int channel, int at)
{
    bool planar = av_sample_fmt_is_planar((enum AVSampleFormat)frame->format);
    const void *plane = frame->extended_data[planar ? channel : 0];
    int i = planar ? at : at * frame->ch_layout.nb_channels + channel;

    switch (av_get_packed_sample_fmt((enum AVSampleFormat)frame->format)) {
    case AV_SAMPLE_FMT_U8:
        return (((const uint8_t *)plane)[i] - 128) / 128.0;
    case AV_SAMPLE_FMT_S16:
        return ((const int16_t *)plane)[i] / 32768.0;
    case AV_SAMPLE_FMT_S32:
        return ((const int32_t *)plane)[i] / 2147483648.0;
    case AV_SAMPLE_FMT_S64:
        return (double)((const int64_t *)plane)[i] / 9223372036854775808.0;
    case AV_SAMPLE_FMT_FLT:
        return (double)((const float *)plane)[i];
    case AV_SAMPLE_FMT_DBL:
        return ((const double *)plane)[i];
    default:
        return 0;
    }
}

static int32_t whole(double value, int bits)
{
    double most = (double)(1 << (bits - 1)), scaled = rint(value * most);

    return (int32_t)(isnan(scaled)       ? 0
                     : scaled < -most    ? -most
                     : scaled > most - 1 ? most - 1
                                         : scaled);
}

/* FLAC's 24 bits are the upper ones of 32. */
static void put_sample(AVFrame *to, int channel, int at, double value)
{
    int i = at * to->ch_layout.nb_channels + channel;

    switch (to->format) {
    case AV_SAMPLE_FMT_S16:
        ((int16_t *)(void *)to->data[0])[i] = (int16_t)whole(value, 16);
        return;
    case AV_SAMPLE_FMT_S32:
        ((int32_t *)(void *)to->data[0])[i] = whole(value, 24) * 256;
        return;
    default:
        ((float *)(void *)to->extended_data[channel])[at] =
            isnan(value) ? 0 : (float)fmax(-1, fmin(1, value));
    }
}

/* from NULL: silence. */
static int add_samples(struct media_sound *sound, const AVFrame *from, int count, struct err *err)
{
    const AVCodecContext *encoder = sound->encoder;
    AUTO(av_frame) AVFrame *to = av_frame_alloc();
    int rc = to ? 0 : AVERROR(ENOMEM);

    if (rc >= 0) {
        to->nb_samples = count;
        to->format = encoder->sample_fmt;
        to->sample_rate = encoder->sample_rate;
        rc = av_channel_layout_copy(&to->ch_layout, &encoder->ch_layout);
    }
    if (rc >= 0)
        rc = av_frame_get_buffer(to, 0);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "sound");
    for (int channel = 0; channel < encoder->ch_layout.nb_channels; channel++)
        for (int i = 0; i < count; i++)
            put_sample(to, channel, i, from ? sample_at(from, channel, i) : 0);
    rc = av_audio_fifo_write(sound->fifo, (void **)to->extended_data, count);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "sound");
    sound->next += count;
    return encode_fifo(sound, false, err);
}

static int add_silence(struct media_sound *sound, int64_t count, struct err *err)
{
    while (count > 0) {
        int some = count < FLAC_SAMPLES ? (int)count : FLAC_SAMPLES;

        if (add_samples(sound, NULL, some, err) < 0)
            return -1;
        count -= some;
    }
    return 0;
}

/* Where the film says that the decoded samples belong. Small steps are taken as they come (the
 * packets' times follow the film's, as they do when packets are copied), holes are silent. */
static int place(struct media_sound *sound, struct err *err)
{
    const AVFrame *frame = sound->decoded;
    int64_t rate = sound->tb.den;
    int64_t pts = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    int64_t slack = SLACK_MS * rate / 1000 + av_rescale_q(1, sound->in_tb, sound->tb), at, gap;

    if (pts == AV_NOPTS_VALUE)
        return 0;
    at = av_rescale_q(pts, sound->in_tb, sound->tb);
    gap = at - sound->next;
    if (sound->started && gap >= -slack && gap <= slack)
        return 0;
    if (sound->started && gap > GAP_MIN_MS * rate / 1000 && gap < GAP_MAX_S * rate)
        return add_silence(sound, gap, err);
    sound->next = at;
    return 0;
}

static bool is_alike(const struct media_sound *sound)
{
    const AVFrame *frame = sound->decoded;

    return frame->sample_rate == sound->encoder->sample_rate &&
           frame->ch_layout.nb_channels == sound->encoder->ch_layout.nb_channels &&
           frame->nb_samples > 0;
}

static int take_decoded(struct media_sound *sound, struct err *err)
{
    for (;;) {
        int rc = avcodec_receive_frame(sound->decoder, sound->decoded);

        if (rc == AVERROR(ENOMEM))
            return media_av_fail(err, ERR_NOMEM, rc, "decoding sound");
        if (rc < 0)
            return 0;
        if (!is_alike(sound))
            continue;
        if (place(sound, err) < 0 ||
            add_samples(sound, sound->decoded, sound->decoded->nb_samples, err) < 0)
            return -1;
        sound->started = true;
    }
}

int media_sound_send(struct media_sound *sound, const AVPacket *packet, struct err *err)
{
    int rc = avcodec_send_packet(sound->decoder, packet);

    if (rc == AVERROR(ENOMEM))
        return media_av_fail(err, ERR_NOMEM, rc, "decoding sound");
    if (take_decoded(sound, err) < 0)
        return -1;
    if (packet)
        return 0;
    return encode_fifo(sound, true, err) < 0 ? -1 : encode(sound, NULL, err);
}
