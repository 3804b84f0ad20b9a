/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/decoder.h"

#include "common/mem.h"
#include "worker/media/av.h"
#include "worker/media/remote_parts.h"

#include <stdatomic.h>
#include <string.h>

#define BARREN_MAX  50000 /* packets without a picture: half an hour of them */
#define PIXEL_BYTES 4     /* the most that a pixel takes */
#define NEAR_TRIES  4     /* 2, 8 and 32 seconds before the keyframe, then the film's start */

struct media_decoder {
    struct media_source *source;       /* borrowed */
    struct media_remote *remote;       /* borrowed; decodes; or NULL, then what follows does */
    struct media_converter *converter; /* owned */
    struct media_deinterlacer *fields; /* owned; NULL when not asked for */
    AVCodecContext *ctx;               /* owned */
    AVFrame *picture;                  /* owned; scratch */
    int stream;
    bool draining;
    int64_t last;   /* pts of the last frame given */
    int64_t from;   /* of the keyframe sought; AV_NOPTS_VALUE once a frame came */
    int64_t second; /* in the stream's time base */
    int near_tries;
    bool clean; /* a whole picture came since the film's start or the seek */
    bool at_start, ordinals;
    bool ended; /* the deinterlacer was told */
    struct media_seen seen;
    int64_t packets;
    int64_t damaged;
    int barren;            /* packets since the last picture */
    atomic_int complaints; /* of libav, by any of the decoder's threads */
    int complaints_seen;
    bool complains; /* these tell of damage */
};

static int open_codec(struct media_decoder *decoder, const struct media_decoder_opts *opts,
                      struct err *err)
{
    const AVFormatContext *format = media_source_context(decoder->source);
    const AVCodecParameters *par = format->streams[opts->stream]->codecpar;
    const struct media_stream *facts = media_source_stream(decoder->source, opts->stream);
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    int rc;

    if (!codec)
        return err_set(err, ERR_INPUT, "this build has no decoder for %s", facts->codec);
    decoder->ctx = avcodec_alloc_context3(codec);
    decoder->picture = av_frame_alloc();
    if (!decoder->ctx || !decoder->picture)
        return err_set(err, ERR_NOMEM, "no memory for a decoder");
    rc = avcodec_parameters_to_context(decoder->ctx, par);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "%s decoder", facts->codec);
    decoder->ctx->pkt_timebase = media_rational(facts->time_base);
    decoder->ctx->thread_count = opts->threads;
    decoder->ctx->max_pixels = MEDIA_MAX_PIXELS;
    decoder->ctx->flags |= AV_CODEC_FLAG_UNALIGNED; /* crop exactly */
    decoder->ctx->opaque = &decoder->complaints;    /* see media_quiet */
    decoder->complains = par->codec_id == AV_CODEC_ID_HEVC || par->codec_id == AV_CODEC_ID_PRORES ||
                         par->codec_id == AV_CODEC_ID_MJPEG || par->codec_id == AV_CODEC_ID_DNXHD;
    if (par->codec_id == AV_CODEC_ID_H264)
        decoder->ctx->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT; /* judged here: see is_broken */
    rc = avcodec_open2(decoder->ctx, codec, NULL);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "%s decoder", facts->codec);
    return 0;
}

static int open_converter(struct media_decoder *decoder, const struct media_decoder_opts *opts,
                          struct err *err)
{
    const struct media_stream *facts = media_source_stream(decoder->source, opts->stream);
    bool turned = opts->rotation % 180 != 0;
    struct media_converter_opts to = {
        .width = opts->width ? opts->width : (turned ? facts->height : facts->width) / 2 * 2,
        .height = opts->height ? opts->height : (turned ? facts->width : facts->height) / 2 * 2,
        .bit_depth = opts->bit_depth,
        .rotation = opts->rotation,
        .flipped = opts->flipped,
    };

    if (to.width < 2 || to.height < 2 || (int64_t)facts->width * facts->height > MEDIA_MAX_PIXELS)
        return err_set(err, ERR_INPUT, "pictures of %dx%d", facts->width, facts->height);
    return media_converter_new(&decoder->converter, &to, err);
}

int media_decoder_open(struct media_decoder **out, struct media_source *source,
                       const struct media_decoder_opts *opts, struct err *err)
{
    AUTO(media_decoder) struct media_decoder *decoder = xcalloc(1, sizeof(*decoder));
    const struct media_stream *facts = media_source_stream(source, opts->stream);

    decoder->remote = media_source_remote(source);
    if (decoder->remote) {
        if (media_remote_decoder(decoder->remote, facts, opts, err) < 0)
            return -1;
        *out = TAKE(decoder);
        return 0;
    }
    decoder->source = source;
    decoder->stream = opts->stream;
    decoder->ordinals = opts->ordinals;
    decoder->last = decoder->from = AV_NOPTS_VALUE;
    decoder->second = facts->time_base.den / facts->time_base.num + 1;
    if (open_codec(decoder, opts, err) < 0 || open_converter(decoder, opts, err) < 0 ||
        (opts->deinterlace && media_deinterlacer_new(&decoder->fields, err) < 0))
        return -1;
    media_source_want(source, opts->stream);
    *out = TAKE(decoder);
    return 0;
}

void media_decoder_free(struct media_decoder *decoder)
{
    if (!decoder)
        return;
    media_converter_free(decoder->converter);
    media_deinterlacer_free(decoder->fields);
    av_frame_free(&decoder->picture);
    avcodec_free_context(&decoder->ctx);
    free(decoder);
}

static void restart(struct media_decoder *decoder)
{
    avcodec_flush_buffers(decoder->ctx);
    if (decoder->fields)
        media_deinterlacer_reset(decoder->fields);
    decoder->draining = decoder->ended = false;
}

int media_decoder_seek(struct media_decoder *decoder, int64_t pts, int64_t dts, struct err *err)
{
    if (decoder->remote)
        return media_remote_decoder_seek(decoder->remote, pts, dts, err);
    restart(decoder);
    decoder->last = AV_NOPTS_VALUE;
    decoder->from = pts;
    decoder->near_tries = 0;
    decoder->at_start = decoder->clean = false;
    if (media_source_seek(decoder->source, decoder->stream, pts, dts, err) < 0)
        return -1;
    if (media_source_found_hidden(decoder->source))
        decoder->at_start = true; /* it is not shown: do not wait for it */
    return 0;
}

/* The keyframe did not come out as a frame of its own: begin further back. */
static int seek_further_back(struct media_decoder *decoder, struct err *err)
{
    int64_t back = decoder->second << (1 + 2 * decoder->near_tries);

    restart(decoder);
    decoder->near_tries++;
    decoder->at_start = decoder->near_tries == NEAR_TRIES;
    return media_source_seek_near(decoder->source, decoder->stream, decoder->from - back,
                                  &decoder->at_start, err);
}

/* Something did not decode. Decoders that cannot have memory may say that of the film: whether
 * there is any for a picture tells one from the other. */
static int note_damage(struct media_decoder *decoder, struct err *err)
{
    const AVCodecContext *ctx = decoder->ctx;
    size_t pixels = (size_t)(ctx->width > 0 && ctx->height > 0 ? ctx->width : 1) *
                    (size_t)(ctx->height > 0 ? ctx->height : 1);
    void *picture = av_malloc(PIXEL_BYTES * pixels);

    if (!picture)
        return err_set(err, ERR_NOMEM, "no memory for pictures of %dx%d", ctx->width, ctx->height);
    av_free(picture);
    decoder->damaged++;
    return 0;
}

static int feed(struct media_decoder *decoder, struct err *err)
{
    AUTO(media_packet) struct media_packet *packet = NULL;
    int rc;

    if (media_source_read(decoder->source, &packet, err) < 0)
        return -1;
    if (packet && media_packet_stream(packet) != decoder->stream)
        return 0;
    decoder->draining = !packet;
    if (packet && ++decoder->barren > BARREN_MAX)
        return err_set(err, ERR_INPUT, "%d packets in a row gave no picture", BARREN_MAX);
    if (packet && decoder->ordinals) {
        media_packet_set_times(packet, decoder->packets, decoder->packets);
        decoder->packets++;
    }
    rc = avcodec_send_packet(decoder->ctx, packet ? media_packet_av(packet) : NULL);
    if (rc == AVERROR(ENOMEM))
        return media_av_fail(err, ERR_NOMEM, rc, "decoding");
    return rc < 0 && packet ? note_damage(decoder, err) : 0;
}

/* 1 and decoder->picture, 0 at the end, -1. */
static int next_picture(struct media_decoder *decoder, struct err *err)
{
    for (;;) {
        int rc = avcodec_receive_frame(decoder->ctx, decoder->picture);

        if (rc == 0) {
            decoder->barren = 0;
            return 1;
        }
        if (rc == AVERROR(ENOMEM))
            return media_av_fail(err, ERR_NOMEM, rc, "decoding");
        if (rc == AVERROR_EOF)
            return 0;
        if (rc != AVERROR(EAGAIN)) {
            if (note_damage(decoder, err) < 0)
                return -1;
            continue;
        }
        if (decoder->draining)
            return 0;
        if (feed(decoder, err) < 0)
            return -1;
    }
}

static int64_t pts_of(const struct media_decoder *decoder)
{
    const AVFrame *picture = decoder->picture;

    if (picture->pts != AV_NOPTS_VALUE)
        return picture->pts;
    if (picture->best_effort_timestamp != AV_NOPTS_VALUE)
        return picture->best_effort_timestamp;
    return decoder->last == AV_NOPTS_VALUE ? 0 : decoder->last + 1;
}

/* H.264's decoder marks what it began without all references: leading pictures, pictures within an
 * intra refresh. It also marks the last ones of a film behind an open GOP's keyframe, though these
 * are whole: so the mark only counts until a first clean picture. And what it gives when there are
 * no more packets it does not mark at all. */
static bool is_broken(const struct media_decoder *decoder)
{
    bool doubtful = decoder->ctx->codec_id == AV_CODEC_ID_H264 && decoder->draining &&
                    decoder->from != AV_NOPTS_VALUE;

    return !decoder->clean && (doubtful || decoder->picture->flags & AV_FRAME_FLAG_CORRUPT);
}

/* May this frame be given? *again: decoding starts anew further back. */
static int judge(struct media_decoder *decoder, int64_t pts, bool *give, bool *again,
                 struct err *err)
{
    bool sought = decoder->from != AV_NOPTS_VALUE;

    *again = *give = false;
    if (sought && pts < decoder->from)
        return 0;
    if (sought && (pts > decoder->from || is_broken(decoder)) && !decoder->at_start) {
        *again = true;
        return seek_further_back(decoder, err);
    }
    if (!sought && is_broken(decoder))
        return 0;
    decoder->clean = true;
    decoder->from = AV_NOPTS_VALUE;
    *give = decoder->ordinals || decoder->last == AV_NOPTS_VALUE || pts > decoder->last;
    return 0;
}

/* AV_FRAME_FLAG_CORRUPT would also mark whole pictures: see is_broken. Decoders that mend without
 * marking are caught by what they log. */
static int count_mended(struct media_decoder *decoder, struct err *err)
{
    int complaints = atomic_load(&decoder->complaints);
    bool mended = decoder->picture->decode_error_flags ||
                  (decoder->complains && complaints != decoder->complaints_seen);

    decoder->complaints_seen = complaints;
    return mended ? note_damage(decoder, err) : 0;
}

/* 1: decoder->picture is the film's next, with its pts; 0 at the end. */
static int next_given(struct media_decoder *decoder, struct err *err)
{
    for (;;) {
        int found = next_picture(decoder, err);
        bool give, again;
        int64_t pts;

        if (found < 0)
            return -1;
        if (!found && decoder->from != AV_NOPTS_VALUE && !decoder->at_start) {
            if (seek_further_back(decoder, err) < 0)
                return -1;
            continue;
        }
        if (!found)
            return 0;
        pts = pts_of(decoder);
        if (judge(decoder, pts, &give, &again, err) < 0)
            return -1;
        if (!give) {
            av_frame_unref(decoder->picture);
            continue;
        }
        if (count_mended(decoder, err) < 0)
            return -1;
        decoder->picture->pts = decoder->last = pts;
        return 1;
    }
}

static void look(struct media_decoder *decoder)
{
    decoder->seen.fields |= compat_frame_interlaced(decoder->picture);
    decoder->seen.captions |=
        av_frame_get_side_data(decoder->picture, AV_FRAME_DATA_A53_CC) != NULL;
    media_hdr_of_frame(&decoder->seen.hdr, decoder->picture);
}

/* The same, made progressive. */
static int next_whole(struct media_decoder *decoder, struct err *err)
{
    bool ready = false;

    while (!ready && !decoder->ended) {
        int found = next_given(decoder, err);

        if (found < 0)
            return -1;
        if (found)
            look(decoder);
        if (!decoder->fields)
            return found;
        decoder->ended = !found;
        if (media_deinterlacer_run(decoder->fields, decoder->picture, &ready, err) < 0)
            return -1;
    }
    return ready;
}

int media_decoder_next(struct media_decoder *decoder, struct media_frame **out, struct err *err)
{
    int64_t pts;
    int found;

    *out = NULL;
    if (decoder->remote)
        return media_remote_next(decoder->remote, out, err);
    found = next_whole(decoder, err);
    if (found < 1)
        return found;
    pts = decoder->picture->pts;
    av_frame_remove_side_data(decoder->picture, AV_FRAME_DATA_DISPLAYMATRIX);
    if (media_converter_run(decoder->converter, out, decoder->picture, err) < 0)
        return -1;
    av_frame_unref(decoder->picture);
    media_frame_set_pts(*out, pts);
    return 0;
}

int64_t media_decoder_damaged(const struct media_decoder *decoder)
{
    return decoder->remote ? media_remote_seen(decoder->remote, NULL) : decoder->damaged;
}

void media_decoder_seen(const struct media_decoder *decoder, struct media_seen *out)
{
    if (decoder->remote) {
        (void)media_remote_seen(decoder->remote, out);
        return;
    }
    *out = decoder->seen;
    out->scaled = media_converter_scaled(decoder->converter);
}
