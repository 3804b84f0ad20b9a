/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

/*
 * Anything to 4:2:0 in 8 or 10 bit, in three steps that are left out where they do nothing: scale
 * (format, and size where the stream changes it), crop to even sides, rotate.
 */
struct media_converter {
    struct media_converter_opts opts;
    int width, height;      /* before rotation */
    struct SwsContext *sws; /* owned; for the format below */
    int sws_format, sws_width, sws_height;
    bool sws_full;
};

int media_converter_new(struct media_converter **out, const struct media_converter_opts *opts,
                        struct err *err)
{
    struct media_converter *converter;
    bool turned = opts->rotation % 180 != 0;

    if (opts->rotation % 90 != 0 || opts->rotation < 0 || opts->rotation > 270)
        return err_set(err, ERR_INTERNAL, "a rotation by %d degrees", opts->rotation);
    converter = xcalloc(1, sizeof(*converter));
    converter->opts = *opts;
    converter->width = turned ? opts->height : opts->width;
    converter->height = turned ? opts->width : opts->height;
    *out = converter;
    return 0;
}

void media_converter_free(struct media_converter *converter)
{
    if (!converter)
        return;
    sws_freeContext(converter->sws);
    free(converter);
}

/* Formats that differ from ours in name only: full range has a flag, alpha is a plane more. */
static enum AVPixelFormat plain_format(enum AVPixelFormat format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVA420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVA420P10:
        return AV_PIX_FMT_YUV420P10;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    default:
        return format;
    }
}

static bool is_rgb(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(format);

    return desc && desc->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
}

static bool is_full(const AVFrame *av)
{
    return av->color_range == AVCOL_RANGE_JPEG || av->format == AV_PIX_FMT_YUVJ420P ||
           av->format == AV_PIX_FMT_YUVJ422P || av->format == AV_PIX_FMT_YUVJ440P ||
           av->format == AV_PIX_FMT_YUVJ444P;
}

/* One pixel more at the right or bottom than wanted is the odd column or row: it is cropped. */
static bool fits(const struct media_converter *converter, const AVFrame *av)
{
    return av->width / 2 * 2 == converter->width && av->height / 2 * 2 == converter->height;
}

static int open_sws(struct media_converter *converter, const AVFrame *av, bool full,
                    struct err *err)
{
    enum AVPixelFormat to = media_pix_fmt(converter->opts.bit_depth);
    int width = fits(converter, av) ? converter->width : av->width;
    int height = fits(converter, av) ? converter->height : av->height, rc;
    const int *table = sws_getCoefficients(is_rgb(av->format) ? SWS_CS_ITU709 : av->colorspace);

    if (converter->sws && converter->sws_format == av->format && converter->sws_width == width &&
        converter->sws_height == height && converter->sws_full == full)
        return 0;
    sws_freeContext(converter->sws);
    converter->sws = sws_getContext(
        width, height, av->format, converter->width, converter->height, to,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP, NULL, NULL, NULL);
    if (!converter->sws)
        return err_set(err, ERR_INPUT, "pictures of format %s cannot be converted",
                       av_get_pix_fmt_name(av->format) ? av_get_pix_fmt_name(av->format) : "?");
    rc = sws_setColorspaceDetails(converter->sws, table, full, table, is_rgb(av->format) ? 0 : full,
                                  0, 1 << 16, 1 << 16);
    (void)rc; /* -1 for pairs that need no table */
    converter->sws_format = av->format;
    converter->sws_width = width;
    converter->sws_height = height;
    converter->sws_full = full;
    return 0;
}

static int scale(struct media_converter *converter, struct media_frame **out, AVFrame *av,
                 bool full, struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    AVFrame *to;
    int rc;

    if (open_sws(converter, av, full, err) < 0 ||
        media_frame_new(&frame, converter->width, converter->height, converter->opts.bit_depth,
                        err) < 0)
        return -1;
    to = media_frame_av(frame);
    rc = sws_scale(converter->sws, (const uint8_t *const *)av->data, av->linesize, 0,
                   converter->sws_height, to->data, to->linesize);
    if (rc < 0)
        return media_av_fail(err, ERR_INPUT, rc, "converting a picture");
    rc = av_frame_copy_props(to, av);
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "copying a picture's properties");
    to->pict_type = AV_PICTURE_TYPE_NONE;
    *out = TAKE(frame);
    return 0;
}

/* One plane, turned clockwise; w x h is the size of the result. */
static void turn8(uint8_t *to, ptrdiff_t to_stride, const uint8_t *from, ptrdiff_t stride, int w,
                  int h, int rotation)
{
    for (int y = 0; y < h; y++) {
        uint8_t *row = to + y * to_stride;

        for (int x = 0; x < w; x++) {
            if (rotation == 90)
                row[x] = from[(w - 1 - x) * stride + y];
            else if (rotation == 180)
                row[x] = from[(h - 1 - y) * stride + (w - 1 - x)];
            else
                row[x] = from[x * stride + (h - 1 - y)];
        }
    }
}

static uint16_t at16(const uint8_t *from, ptrdiff_t stride, int x, int y)
{
    uint16_t v;

    memcpy(&v, from + y * stride + 2 * (ptrdiff_t)x, sizeof(v));
    return v;
}

static void turn16(uint8_t *to, ptrdiff_t to_stride, const uint8_t *from, ptrdiff_t stride, int w,
                   int h, int rotation)
{
    for (int y = 0; y < h; y++) {
        uint16_t *row = (uint16_t *)(to + y * to_stride);

        for (int x = 0; x < w; x++) {
            if (rotation == 90)
                row[x] = at16(from, stride, y, w - 1 - x);
            else if (rotation == 180)
                row[x] = at16(from, stride, w - 1 - x, h - 1 - y);
            else
                row[x] = at16(from, stride, h - 1 - y, x);
        }
    }
}

static int rotate(const struct media_converter *converter, struct media_frame **frame,
                  struct err *err)
{
    AUTO(media_frame) struct media_frame *turned = NULL;
    struct image from = media_frame_image(*frame), to;
    int rc;

    if (media_frame_new(&turned, converter->opts.width, converter->opts.height, from.bit_depth,
                        err) < 0)
        return -1;
    to = media_frame_image(turned);
    for (int i = 0; i < 3; i++) {
        int w = i ? to.width / 2 : to.width, h = i ? to.height / 2 : to.height;

        (from.bit_depth > 8 ? turn16 : turn8)(to.plane[i], to.stride[i], from.plane[i],
                                              from.stride[i], w, h, converter->opts.rotation);
    }
    rc = av_frame_copy_props(media_frame_av(turned), media_frame_av(*frame));
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "copying a picture's properties");
    media_frame_unref(frame);
    *frame = TAKE(turned);
    return 0;
}

int media_converter_run(struct media_converter *converter, struct media_frame **out, AVFrame *av,
                        struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    bool full = is_full(av);

    av->format = plain_format(av->format);
    if (av->format == media_pix_fmt(converter->opts.bit_depth) && fits(converter, av)) {
        if (media_frame_wrap(&frame, av, converter->width, converter->height, err) < 0)
            return -1;
    } else if (scale(converter, &frame, av, full, err) < 0) {
        return -1;
    }
    if (converter->opts.rotation && rotate(converter, &frame, err) < 0)
        return -1;
    *out = TAKE(frame);
    return 0;
}
