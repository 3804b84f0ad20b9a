/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/encoder.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/suggest.h"
#include "worker/media/av.h"
#include "worker/media/nals.h"
#include "worker/media/sei.h"

#include <libavutil/dict.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define THREADS       4
#define MAX_RATE      300   /* frames a second; what says more is a clock, not a rate */
#define RATE_TERMS    60000 /* largest number in a rate that we work out ourselves */
#define HLS_KEY_S     2
#define PLAIN_QUALITY 3 /* qscale of encoders that have no crf */
#define MPEG4_TICKS   65535

struct media_encoder {
    AVCodecContext *ctx;    /* owned */
    AVCodecParameters *par; /* owned */
    AVPacket *scratch;      /* owned */
    AVFrame *picture;       /* owned; scratch */
    struct encoder_facts facts;
    bool hevc_sei; /* libx265 writes no frame packing message: we do */
    bool top_bottom;
    bool start_codes; /* of the encoder; what is given out has lengths */
    bool started;
    int64_t first; /* pts of the first frame: encoders count from 0 */
    bool writes_captions;
    struct captions *captions; /* owned; else: of frames whose packets are still to come */
};

struct captions {
    struct captions *next;
    int64_t pts; /* as the encoder counts */
    size_t len;
    uint8_t data[MEDIA_CAPTIONS_MAX];
};

struct settings {       /* options for libav, and the same as text for encoder.json */
    AVDictionary *dict; /* owned */
    char *text;         /* of the facts */
    size_t size;
    bool full; /* text was too short */
};

static void note(struct settings *set, const char *key, const char *value)
{
    size_t len = strlen(set->text);
    int need = snprintf(set->text + len, set->size - len, "%s%s=%s", len ? ":" : "", key, value);

    set->full |= need < 0 || (size_t)need >= set->size - len;
}

static void put(struct settings *set, const char *key, const char *value)
{
    (void)av_dict_set(&set->dict, key, value, 0);
    note(set, key, value);
}

static bool has_option(const AVCodec *codec, const char *name)
{
    /* A class without an object: libav asks for the class by a pointer to it. */
    return codec->priv_class && av_opt_find((void *)(uintptr_t)&codec->priv_class, name, NULL, 0,
                                            AV_OPT_SEARCH_FAKE_OBJ);
}

/* 3 and 4 are H.264's and HEVC's frame_packing_arrangement_type; 0: one view only. */
static int packing_of(enum layout layout)
{
    switch (layout) {
    case LAYOUT_FULL_SBS:
    case LAYOUT_HALF_SBS:
        return 3;
    case LAYOUT_FULL_TB:
    case LAYOUT_HALF_TB:
        return 4;
    case LAYOUT_LEFT:
    case LAYOUT_RIGHT:
    case LAYOUT_DEPTH:
    case LAYOUT_CROSS_SBS: /* libx264 cannot say that the right eye comes first */
    case LAYOUT_ANAGLYPH_DUBOIS:
    case LAYOUT_ANAGLYPH_COLOR:
    case LAYOUT_ANAGLYPH_HALF_COLOR:
    case LAYOUT_ANAGLYPH_GRAY:
    case LAYOUT_RGBD:
    case LAYOUT_LEFT_RIGHT: /* two films of one view each */
        break;
    }
    return 0;
}

static int put_preset(struct settings *set, const AVCodec *codec, const char *preset,
                      struct err *err)
{
    static const char *const x26x[] = {
        "ultrafast", "superfast", "veryfast", "faster",   "fast",
        "medium",    "slow",      "slower",   "veryslow", "placebo"
    };
    const size_t count = sizeof(x26x) / sizeof(x26x[0]);
    bool ours = !strcmp(codec->name, "libx264") || !strcmp(codec->name, "libx265");
    const char *near;

    if (!*preset && !ours)
        return 0;
    if (!*preset)
        preset = "medium";
    if (!has_option(codec, "preset"))
        return err_set(err, ERR_CONFIG, "spec.encode.preset: the encoder %s has no presets",
                       codec->name);
    for (size_t i = 0; ours && i < count; i++) {
        if (strcmp(preset, x26x[i]) != 0)
            continue;
        put(set, "preset", preset);
        return 0;
    }
    near = ours ? suggest_nearest(preset, x26x, count) : NULL;
    if (ours)
        return err_set(err, ERR_CONFIG, "spec.encode.preset: '%s' is not a preset of %s%s%s%s",
                       preset, codec->name, near ? "; did you mean " : "", near ? near : "",
                       near ? "?" : "");
    put(set, "preset", preset);
    return 0;
}

static int put_quality(struct settings *set, AVCodecContext *ctx, int crf, struct err *err)
{
    const char *name = ctx->codec->name;
    char text[16];

    if (crf < 0 && !strcmp(name, "libx264"))
        crf = 20;
    if (crf < 0 && !strcmp(name, "libx265"))
        crf = 22;
    if (crf >= 0 && !has_option(ctx->codec, "crf"))
        return err_set(err, ERR_CONFIG, "spec.encode.crf: the encoder %s has no option crf", name);
    (void)snprintf(text, sizeof(text), "%d", crf >= 0 ? crf : PLAIN_QUALITY);
    if (crf >= 0) {
        put(set, "crf", text);
    } else if (!has_option(ctx->codec, "crf")) {
        ctx->flags |= AV_CODEC_FLAG_QSCALE;
        ctx->global_quality = PLAIN_QUALITY * FF_QP2LAMBDA;
        note(set, "qscale", text);
    }
    return 0;
}

/* What only libx264 and libx265 know. Their headers must not depend on the film's content. */
static void put_private(struct settings *set, const AVCodec *codec, int packing,
                        const struct plan_hdr *hdr)
{
    const bool is_x264 = !strcmp(codec->name, "libx264");
    const char *display = is_x264 ? ":mastering-display=" : ":master-display=";
    const char *light = is_x264 ? ":cll=" : ":max-cll=";
    char packed[32] = "", text[384];

    if (packing)
        (void)snprintf(packed, sizeof(packed), ":frame-packing=%d", packing);
    (void)snprintf(text, sizeof(text), "%s%s%s%s%s%s",
                   is_x264 ? "open-gop=0:stitchable=1"
                           : "pools=4:frame-threads=1:open-gop=0:info=0:log-level=error",
                   is_x264 ? packed : "", *hdr->mastering ? display : "", hdr->mastering,
                   *hdr->light ? light : "", hdr->light);

    if (is_x264) {
        put(set, "x264-params", text);
    } else if (!strcmp(codec->name, "libx265")) {
        put(set, "x265-params", text);
    } else if (has_option(codec, "sc_threshold")) { /* MPEG-1, -2, -4: else no closed GOP */
        put(set, "sc_threshold", "1000000000");
    }
}

/* A hint for levels and rate control; times are what the frames say. */
static AVRational rate_of(const struct plan_video *video)
{
    const struct ratio *told = &video->frame_rate, *tb = &video->time_base;
    int64_t ticks = video->end_pts - video->start_pts;
    AVRational rate = { 0, 1 };

    if (told->num > 0 && told->den > 0 && told->num / told->den <= MAX_RATE)
        return media_rational(*told);
    if (video->frames > 0 && ticks > 0)
        (void)av_reduce(&rate.num, &rate.den, av_rescale(video->frames, tb->den, tb->num), ticks,
                        RATE_TERMS);
    if (rate.num <= 0 || rate.num / rate.den > MAX_RATE)
        rate = (AVRational){ 25, 1 };
    return rate;
}

static void set_picture(AVCodecContext *ctx, const struct media_encoder_opts *opts)
{
    const struct plan_video *video = opts->video;

    ctx->width = opts->width;
    ctx->height = opts->height;
    ctx->pix_fmt = media_pix_fmt_packed(opts->bit_depth, opts->full_chroma);
    ctx->sample_aspect_ratio = media_rational(opts->sar);
    ctx->time_base = media_rational(video->time_base);
    ctx->framerate = rate_of(video);
    ctx->color_range = (enum AVColorRange)video->color_range;
    ctx->color_primaries = (enum AVColorPrimaries)video->color_primaries;
    ctx->color_trc = (enum AVColorTransferCharacteristic)video->color_trc;
    ctx->colorspace = (enum AVColorSpace)video->color_space;
    ctx->chroma_sample_location = (enum AVChromaLocation)video->chroma_location;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;
    ctx->thread_count = THREADS;
    ctx->thread_type = FF_THREAD_FRAME;
}

/* A player of HLS begins and seeks at keyframes only. */
static void put_keys(struct settings *set, AVCodecContext *ctx, int seconds)
{
    char frames[16];

    if (seconds == 0)
        return;
    ctx->gop_size = (int)lrint(av_q2d(ctx->framerate) * seconds);
    ctx->gop_size = ctx->gop_size < 1 ? 1 : ctx->gop_size;
    (void)snprintf(frames, sizeof(frames), "%d", ctx->gop_size);
    note(set, "g", frames);
}

static int fill_settings(struct settings *set, struct media_encoder *encoder,
                         const struct media_encoder_opts *opts, struct err *err)
{
    const AVCodec *codec = encoder->ctx->codec;
    int packing = packing_of(opts->layout);
    char threads[16], films[16];

    if (put_preset(set, codec, opts->preset, err) < 0 ||
        put_quality(set, encoder->ctx, opts->crf, err) < 0)
        return -1;
    (void)snprintf(threads, sizeof(threads), "%d", THREADS);
    note(set, "threads", threads);
    if (opts->films > 1) {
        (void)snprintf(films, sizeof(films), "%d", opts->films);
        note(set, "films", films);
    }
    put_keys(set, encoder->ctx, opts->key_seconds);
    put_private(set, codec, packing, &opts->video->hdr);
    encoder->hevc_sei = packing && codec->id == AV_CODEC_ID_HEVC;
    encoder->top_bottom = packing == 4;
    if (set->full)
        return err_set(err, ERR_CONFIG, "spec.encode: the options are too long");
    return 0;
}

/*
 * libx265 does not tell libav how many frames it reorders; its headers do, and libav's decoder
 * reads them when it is opened.
 */
static int reorder_of_headers(const AVCodecParameters *par)
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AUTO(av_codec) AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;

    if (!ctx || avcodec_parameters_to_context(ctx, par) < 0)
        return 0;
    ctx->thread_count = 1;
    return avcodec_open2(ctx, codec, NULL) < 0 ? 0 : ctx->has_b_frames;
}

static int fill_parameters(struct media_encoder *encoder, struct err *err)
{
    AVCodecContext *ctx = encoder->ctx;
    int rc, reorder;

    encoder->par = avcodec_parameters_alloc();
    encoder->scratch = av_packet_alloc();
    encoder->picture = av_frame_alloc();
    if (!encoder->par || !encoder->scratch || !encoder->picture)
        return err_set(err, ERR_NOMEM, "no memory for an encoder");
    rc = avcodec_parameters_from_context(encoder->par, ctx);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "codec parameters");
    reorder = ctx->codec_id == AV_CODEC_ID_HEVC ? reorder_of_headers(encoder->par) : 0;
    if (encoder->par->video_delay < reorder)
        encoder->par->video_delay = reorder;
    encoder->start_codes = nals_has_start_codes(encoder->par);
    encoder->writes_captions = has_option(ctx->codec, "a53cc");
    return encoder->start_codes ? nals_convert_header(encoder->par, err) : 0;
}

/* Hardware may be away for a while; what a program does not take, it never does. */
static int refused(const struct media_encoder *encoder, const AVCodec *codec, int rc,
                   struct err *err)
{
    const AVCodecContext *ctx = encoder->ctx;
    bool hardware = codec->capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID);

    if (codec->id == AV_CODEC_ID_MPEG4 && ctx->time_base.den > MPEG4_TICKS)
        return err_set(err, ERR_CONFIG,
                       "spec.encode.codec: %s counts time in at most %d parts of a second, the "
                       "film in %d: libx264 and libx265 take it",
                       codec->name, MPEG4_TICKS, ctx->time_base.den);
    return media_av_fail(err, !hardware && rc == AVERROR(EINVAL) ? ERR_CONFIG : ERR_GPU, rc,
                         "spec.encode: the encoder %s refused %dx%d %s with %s", codec->name,
                         ctx->width, ctx->height, av_get_pix_fmt_name(ctx->pix_fmt),
                         encoder->facts.options);
}

/* encoder->ctx is opened; dict holds what the encoder left over. */
static int open_codec(struct media_encoder *encoder, AVDictionary **dict, struct err *err)
{
    AVCodecContext *ctx = encoder->ctx;
    const AVCodec *codec = ctx->codec; /* closing forgets it */
    const AVDictionaryEntry *left;
    int rc = avcodec_open2(ctx, codec, dict);

    if (rc < 0)
        return refused(encoder, codec, rc, err);
    left = av_dict_get(*dict, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (left)
        return err_set(err, ERR_CONFIG, "spec.encode: the encoder %s has no option %s", codec->name,
                       left->key);
    return fill_parameters(encoder, err);
}

static void fill_facts(struct media_encoder *encoder)
{
    struct encoder_facts *facts = &encoder->facts;
    const AVCodecParameters *par = encoder->par;

    (void)snprintf(facts->codec, sizeof(facts->codec), "%s", encoder->ctx->codec->name);
    (void)snprintf(facts->pix_fmt, sizeof(facts->pix_fmt), "%s",
                   av_get_pix_fmt_name(encoder->ctx->pix_fmt));
    (void)snprintf(facts->build, sizeof(facts->build), "%s", media_build());
    facts->threads = THREADS;
    facts->width = par->width;
    facts->height = par->height;
    hash_hex(facts->extradata_sha256, par->extradata, (size_t)par->extradata_size);
}

static const AVCodec *find_encoder(const char *name)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);

    return codec && codec->type == AVMEDIA_TYPE_VIDEO ? codec : NULL;
}

/* libx265 learned it late: for codecs whose messages we can write, we do. */
bool media_encoder_keeps_captions(const char *name)
{
    const AVCodec *codec = find_encoder(name);

    return !codec || (has_option(codec, "a53cc") || codec->id == AV_CODEC_ID_H264 ||
                      codec->id == AV_CODEC_ID_HEVC);
}

bool media_encoder_takes_full_chroma(const char *codec)
{
    return strcmp(codec, "libx264") == 0 || strcmp(codec, "libx265") == 0;
}

bool media_encoder_full_chroma(const struct plan *plan, const struct job_spec *spec)
{
    return layout_is_anaglyph(spec->layout) && strncmp(spec->pix_fmt, "yuv420", 6) != 0 &&
           media_encoder_takes_full_chroma(plan->codec);
}

struct media_encoder_opts media_encoder_opts_for(const struct plan *plan,
                                                 const struct job_spec *spec)
{
    const char *container = output_container(spec->output_uri);

    return (struct media_encoder_opts){
        .codec = plan->codec,
        .preset = spec->preset,
        .crf = spec->crf,
        .bit_depth = plan->video.bit_depth,
        .full_chroma = media_encoder_full_chroma(plan, spec),
        .width = plan->packed_width,
        .height = plan->packed_height / layout_films(spec->layout),
        .films = layout_films(spec->layout),
        .sar = media_packed_sar(spec->layout, plan->video.sar),
        .video = &plan->video,
        .layout = spec->layout,
        .key_seconds = container_is_hls(container) ? HLS_KEY_S : 0,
    };
}

bool media_encoder_is_known(const char *codec)
{
    return find_encoder(codec) != NULL;
}

int media_encoder_open(struct media_encoder **out, const struct media_encoder_opts *opts,
                       struct err *err)
{
    AUTO(media_encoder) struct media_encoder *encoder = xcalloc(1, sizeof(*encoder));
    struct settings set = { .text = encoder->facts.options,
                            .size = sizeof(encoder->facts.options) };
    const AVCodec *codec = find_encoder(opts->codec);
    int rc;

    if (!codec)
        return err_set(err, ERR_GPU, "the encoder %s is not in this build of libavcodec",
                       opts->codec);
    encoder->ctx = avcodec_alloc_context3(codec);
    if (!encoder->ctx)
        return err_set(err, ERR_NOMEM, "no memory for an encoder");
    set_picture(encoder->ctx, opts);
    rc = fill_settings(&set, encoder, opts, err);
    if (rc == 0)
        rc = open_codec(encoder, &set.dict, err);
    av_dict_free(&set.dict);
    if (rc < 0)
        return -1;
    fill_facts(encoder);
    *out = TAKE(encoder);
    return 0;
}

static struct captions *captions_pop(struct captions **at)
{
    struct captions *first = *at;

    *at = first->next;
    return first;
}

static void captions_keep(struct media_encoder *encoder, const AVFrame *picture)
{
    struct captions *kept = xcalloc(1, sizeof(*kept)), **end = &encoder->captions;

    kept->pts = picture->pts;
    kept->len = media_captions_get(kept->data, picture);
    while (*end)
        end = &(*end)->next;
    *end = kept;
}

/* Those of this packet's frame. */
static int captions_write(struct media_encoder *encoder, AVPacket *packet)
{
    struct captions **at = &encoder->captions, *found;
    int rc;

    while (*at && (*at)->pts != packet->pts)
        at = &(*at)->next;
    if (!*at)
        return 0;
    found = captions_pop(at);
    rc = sei_prepend_captions(packet, encoder->ctx->codec_id, found->data, found->len);
    free(found);
    return rc;
}

void media_encoder_free(struct media_encoder *encoder)
{
    if (!encoder)
        return;
    avcodec_free_context(&encoder->ctx);
    avcodec_parameters_free(&encoder->par);
    av_packet_free(&encoder->scratch);
    av_frame_free(&encoder->picture);
    while (encoder->captions)
        free(captions_pop(&encoder->captions));
    free(encoder);
}

void media_encoder_facts(const struct media_encoder *encoder, struct encoder_facts *out)
{
    *out = encoder->facts;
}

int media_encoder_reorder(const struct media_encoder *encoder)
{
    return encoder->par->video_delay;
}

int media_encoder_send(struct media_encoder *encoder, struct media_frame *frame, struct err *err)
{
    AVFrame *picture = encoder->picture;
    int rc;

    if (frame && !encoder->started) {
        encoder->started = true;
        encoder->first = media_frame_pts(frame);
    }
    if (!frame) {
        rc = avcodec_send_frame(encoder->ctx, NULL);
    } else {
        rc = av_frame_ref(picture, media_frame_av(frame)); /* the frame itself is read-only */
        if (rc < 0)
            return media_av_fail(err, ERR_NOMEM, rc, "encoding");
        picture->pts -= encoder->first;
        if (!encoder->writes_captions && encoder->start_codes &&
            av_frame_get_side_data(picture, AV_FRAME_DATA_A53_CC))
            captions_keep(encoder, picture);
        rc = avcodec_send_frame(encoder->ctx, picture);
        av_frame_unref(picture);
    }
    if (rc < 0)
        return media_av_fail(err, rc == AVERROR(EAGAIN) ? ERR_INTERNAL : ERR_GPU, rc,
                             "encoding the frame at %lld",
                             frame ? (long long)media_frame_pts(frame) : -1LL);
    return 0;
}

int media_encoder_receive(struct media_encoder *encoder, struct media_packet **out, struct err *err)
{
    int rc = avcodec_receive_packet(encoder->ctx, encoder->scratch);

    *out = NULL;
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return 0;
    if (rc < 0)
        return media_av_fail(err, ERR_GPU, rc, "encoding");
    rc = captions_write(encoder, encoder->scratch);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "encoding");
    if (encoder->scratch->pts != AV_NOPTS_VALUE)
        encoder->scratch->pts += encoder->first;
    if (encoder->scratch->dts != AV_NOPTS_VALUE)
        encoder->scratch->dts += encoder->first;
    if (encoder->hevc_sei && encoder->scratch->flags & AV_PKT_FLAG_KEY) {
        rc = sei_prepend_hevc_packing(encoder->scratch, encoder->top_bottom);
        if (rc < 0)
            return media_av_fail(err, ERR_NOMEM, rc, "encoding");
    }
    if (encoder->start_codes && nals_convert_packet(encoder->scratch, err) < 0)
        return -1;
    return media_packet_wrap(out, encoder->scratch, err);
}

static int64_t divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

struct ratio media_packed_sar(enum layout layout, struct ratio view)
{
    bool half = layout == LAYOUT_HALF_SBS || layout == LAYOUT_HALF_TB;
    struct ratio sar = view;
    int64_t common;

    if (half && sar.num <= 0)
        sar = (struct ratio){ 1, 1 };
    if (layout == LAYOUT_HALF_SBS)
        sar.num *= 2;
    if (layout == LAYOUT_HALF_TB)
        sar.den *= 2;
    common = sar.num > 0 ? divisor(sar.num, sar.den) : 1;
    return (struct ratio){ sar.num / common, sar.den / common };
}

void *media_encoder_parameters(struct media_encoder *encoder)
{
    return encoder->par;
}
