/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

/*
 * Anything to 4:2:0 in 8 or 10 bit, in three steps that are left out where they do nothing: scale
 * (format, and size where the stream changes it), crop to even sides, flip and turn.
 */
struct media_converter {
    struct media_converter_opts opts;
    int width, height;      /* before rotation */
    struct SwsContext *sws; /* owned; for the format below */
    int sws_format, sws_width, sws_height;
    bool sws_full;
    int64_t scaled; /* pictures of another size so far */
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

/* Where a sample of the turned plane comes from: from[y * row + x * column] in samples. */
struct turn {
    const uint8_t *from; /* of the sample at 0, 0 */
    ptrdiff_t row, column;
};

/* w x h is the size of the result; stride and size of a sample are in bytes. */
static struct turn turn_of(const uint8_t *from, ptrdiff_t stride, int w, int h, int bytes,
                           const struct media_converter_opts *opts)
{
    ptrdiff_t last_x = (ptrdiff_t)(opts->rotation % 180 ? h - 1 : w - 1) * bytes;
    ptrdiff_t last_y = (opts->rotation % 180 ? w - 1 : h - 1) * stride;
    ptrdiff_t step = opts->flipped ? -bytes : bytes; /* to the right, in the source */
    const uint8_t *left = opts->flipped ? from + last_x : from;
    const uint8_t *right = opts->flipped ? from : from + last_x;

    switch (opts->rotation) {
    case 90:
        return (struct turn){ left + last_y, step, -stride };
    case 180:
        return (struct turn){ right + last_y, -stride, -step };
    case 270:
        return (struct turn){ right, -step, stride };
    default:
        return (struct turn){ left, stride, step };
    }
}

static inline void turn_plane(uint8_t *to, ptrdiff_t to_stride, const struct turn *turn, int w,
                              int h, int bytes)
{
    for (int y = 0; y < h; y++) {
        const uint8_t *from = turn->from + y * turn->row;
        uint8_t *row = to + y * to_stride;

        for (int x = 0; x < w; x++)
            memcpy(row + x * bytes, from + x * turn->column, (size_t)bytes);
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
        int bytes = from.bit_depth > 8 ? 2 : 1;
        struct turn turn = turn_of(from.plane[i], from.stride[i], w, h, bytes, &converter->opts);

        if (bytes == 2)
            turn_plane(to.plane[i], to.stride[i], &turn, w, h, 2);
        else
            turn_plane(to.plane[i], to.stride[i], &turn, w, h, 1);
    }
    rc = av_frame_copy_props(media_frame_av(turned), media_frame_av(*frame));
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "copying a picture's properties");
    media_frame_unref(frame);
    *frame = TAKE(turned);
    return 0;
}

int64_t media_converter_scaled(const struct media_converter *converter)
{
    return converter->scaled;
}

int media_converter_run(struct media_converter *converter, struct media_frame **out, AVFrame *av,
                        struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    bool full = is_full(av);

    converter->scaled += !fits(converter, av);
    av->format = plain_format(av->format);
    if (av->format == media_pix_fmt(converter->opts.bit_depth) && fits(converter, av)) {
        if (media_frame_wrap(&frame, av, converter->width, converter->height, err) < 0)
            return -1;
    } else if (scale(converter, &frame, av, full, err) < 0) {
        return -1;
    }
    if ((converter->opts.rotation || converter->opts.flipped) && rotate(converter, &frame, err) < 0)
        return -1;
    *out = TAKE(frame);
    return 0;
}
