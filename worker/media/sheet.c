/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/sheet.h"

#include "common/mem.h"
#include "worker/media/av.h"

#include <libswscale/swscale.h>
#include <string.h>

#define HD_HEIGHT 720 /* from here on unmarked colour is BT.709's */
#define ROW_ALIGN 64
#define ROW_SLACK 64 /* swscale writes whole vectors */

struct media_sheet {
    AVFrame *av; /* owned */
};

int media_sheet_new(struct media_sheet **out, int width, int height, struct err *err)
{
    AUTO(media_sheet) struct media_sheet *sheet = xcalloc(1, sizeof(*sheet));

    if (width < 1 || height < 1 || width > MEDIA_SHEET_MAX || height > MEDIA_SHEET_MAX)
        return err_set(err, ERR_CONFIG, "a sheet of %dx%d samples: at most %d a side", width,
                       height, MEDIA_SHEET_MAX);
    sheet->av = av_frame_alloc();
    if (!sheet->av)
        return err_set(err, ERR_NOMEM, "no memory for a sheet");
    sheet->av->format = AV_PIX_FMT_RGB24;
    sheet->av->width = width;
    sheet->av->height = height;
    if (av_frame_get_buffer(sheet->av, 0) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a sheet of %dx%d samples", width, height);
    for (int y = 0; y < height; y++)
        memset(sheet->av->data[0] + (ptrdiff_t)y * sheet->av->linesize[0], 0, (size_t)width * 3);
    *out = TAKE(sheet);
    return 0;
}

void media_sheet_free(struct media_sheet *sheet)
{
    if (!sheet)
        return;
    av_frame_free(&sheet->av);
    free(sheet);
}

struct media_pixels media_sheet_pixels(struct media_sheet *sheet)
{
    return (struct media_pixels){ sheet->av->data[0], sheet->av->linesize[0], sheet->av->width,
                                  sheet->av->height };
}

static int coefficients(struct media_colour colour, int height)
{
    if (colour.space == AVCOL_SPC_UNSPECIFIED || colour.space == AVCOL_SPC_RGB)
        return height >= HD_HEIGHT ? SWS_CS_ITU709 : SWS_CS_ITU601;
    return colour.space;
}

static int scaler(struct SwsContext **out, const struct image *picture, struct media_colour colour,
                  struct media_place place, struct err *err)
{
    enum AVPixelFormat from = media_pix_fmt_packed(picture->bit_depth, picture->full_chroma);
    const int *in = sws_getCoefficients(coefficients(colour, picture->height));

    *out = sws_getContext(picture->width, picture->height, from, place.width, place.height,
                          AV_PIX_FMT_RGB24, SWS_AREA | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL,
                          NULL, NULL);
    if (!*out)
        return err_set(err, ERR_NOMEM, "no scaler from %dx%d to %dx%d", picture->width,
                       picture->height, place.width, place.height);
    (void)sws_setColorspaceDetails(*out, in, colour.range == AVCOL_RANGE_JPEG,
                                   sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    return 0;
}

int media_sheet_put(struct media_sheet *sheet, const struct image *picture,
                    struct media_colour colour, struct media_place place, struct err *err)
{
    int stride = (place.width * 3 + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN + ROW_SLACK;
    const uint8_t *const planes[4] = { picture->plane[0], picture->plane[1], picture->plane[2] };
    const int strides[4] = { (int)picture->stride[0], (int)picture->stride[1],
                             (int)picture->stride[2] };
    struct SwsContext *sws;
    uint8_t *rgb;

    if (place.x < 0 || place.y < 0 || place.width < 1 || place.height < 1 ||
        place.x > sheet->av->width - place.width || place.y > sheet->av->height - place.height)
        return err_set(err, ERR_INTERNAL, "a picture beyond its sheet");
    rgb = av_malloc((size_t)stride * (size_t)place.height + ROW_SLACK);
    if (!rgb)
        return err_set(err, ERR_NOMEM, "no memory for %dx%d samples", place.width, place.height);
    if (scaler(&sws, picture, colour, place, err) < 0) {
        av_free(rgb);
        return -1;
    }
    (void)sws_scale(sws, planes, strides, 0, picture->height, &rgb, &stride);
    sws_freeContext(sws);
    for (int y = 0; y < place.height; y++)
        memcpy(sheet->av->data[0] + (ptrdiff_t)(place.y + y) * sheet->av->linesize[0] + 3 * place.x,
               rgb + (ptrdiff_t)y * stride, (size_t)place.width * 3);
    av_free(rgb);
    return 0;
}

static int encode(AVPacket *packet, const AVFrame *av, struct err *err)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    AUTO(av_codec) AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;
    int rc;

    if (!ctx)
        return err_set(err, ERR_DEPENDENCY, "this FFmpeg writes no PNG");
    ctx->pix_fmt = AV_PIX_FMT_RGB24;
    ctx->width = av->width;
    ctx->height = av->height;
    ctx->time_base = (AVRational){ 1, 1 };
    rc = avcodec_open2(ctx, codec, NULL);
    if (rc >= 0)
        rc = avcodec_send_frame(ctx, av);
    if (rc >= 0)
        rc = avcodec_receive_packet(ctx, packet);
    return rc < 0 ? media_av_fail(err, ERR_INTERNAL, rc, "writing PNG") : 0;
}

int media_sheet_png(uint8_t **png, size_t *len, const struct media_sheet *sheet, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();

    if (!packet)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    if (encode(packet, sheet->av, err) < 0)
        return -1;
    *len = (size_t)packet->size;
    *png = malloc(*len);
    if (!*png)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes of PNG", *len);
    memcpy(*png, packet->data, *len);
    return 0;
}
