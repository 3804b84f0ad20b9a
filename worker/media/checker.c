/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/checker.h"

#include "common/mem.h"
#include "worker/media/av.h"

#include <libavutil/pixdesc.h>
#include <string.h>

#define CELLS   (CHECKER_THUMB_WIDTH * CHECKER_THUMB_HEIGHT)
#define THREADS 2  /* of the decoder: it runs beside the encoder, on the same cores */
#define FINE    16 /* a thumbnail's levels are sixteenths of 8-bit levels */

struct thumb {
    int64_t pts;
    uint16_t level[CELLS];
};

struct media_checker {
    AVCodecContext *ctx; /* owned */
    AVFrame *picture;    /* owned; scratch */
    enum AVPixelFormat format;
    int width, height;
    struct thumb *ring; /* owned; of what was encoded and not yet seen */
    size_t first, count, cap;
    int64_t frames; /* seen and right */
};

/* Sum of one row's stretch. */
static uint64_t sum_row(const uint8_t *row, int from, int to, int bit_depth)
{
    uint64_t sum = 0;

    if (bit_depth > 8) {
        const uint16_t *wide = (const uint16_t *)(const void *)row;

        for (int x = from; x < to; x++)
            sum += wide[x];
        return sum;
    }
    for (int x = from; x < to; x++)
        sum += row[x];
    return sum;
}

/* Where cell i of n begins in size pixels. */
static int edge(int i, int n, int size)
{
    return (int)((int64_t)i * size / n);
}

static int cells(int size, int most)
{
    int n = size / CHECKER_CELL_MIN;

    return n < 1 ? 1 : n > most ? most : n;
}

static int columns(const struct image *image)
{
    return cells(image->width, CHECKER_THUMB_WIDTH);
}

static int rows(const struct image *image)
{
    return cells(image->height, CHECKER_THUMB_HEIGHT);
}

static uint16_t cell_level(const struct image *image, int column, int row)
{
    int x0 = edge(column, columns(image), image->width);
    int x1 = edge(column + 1, columns(image), image->width);
    int y0 = edge(row, rows(image), image->height);
    int y1 = edge(row + 1, rows(image), image->height);
    uint64_t sum = 0, area;

    for (int y = y0; y < y1; y++)
        sum += sum_row(image->plane[0] + y * image->stride[0], x0, x1, image->bit_depth);
    area = (uint64_t)(x1 - x0) * (uint64_t)(y1 - y0) << (image->bit_depth - 8);
    return (uint16_t)((sum * FINE + area / 2) / area);
}

static void take_thumb(struct thumb *thumb, const struct image *image)
{
    for (int row = 0; row < rows(image); row++)
        for (int column = 0; column < columns(image); column++)
            thumb->level[row * columns(image) + column] = cell_level(image, column, row);
}

static int open_decoder(struct media_checker *checker, const AVCodecParameters *par,
                        struct err *err)
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    int rc;

    if (!codec)
        return err_set(err, ERR_CONFIG,
                       "encode.codec: this build cannot decode %s, so what is "
                       "encoded cannot be checked",
                       avcodec_get_name(par->codec_id));
    checker->ctx = avcodec_alloc_context3(codec);
    checker->picture = av_frame_alloc();
    if (!checker->ctx || !checker->picture)
        return err_set(err, ERR_NOMEM, "no memory for the check's decoder");
    rc = avcodec_parameters_to_context(checker->ctx, par);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "the check's decoder");
    checker->ctx->thread_count = THREADS;
    checker->ctx->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
    rc = avcodec_open2(checker->ctx, codec, NULL);
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "the check's decoder");
    return 0;
}

int media_checker_open(struct media_checker **out, struct media_encoder *encoder, struct err *err)
{
    AUTO(media_checker) struct media_checker *checker = xcalloc(1, sizeof(*checker));
    const AVCodecParameters *par = media_encoder_parameters(encoder);

    checker->format = (enum AVPixelFormat)par->format;
    checker->width = par->width;
    checker->height = par->height;
    if (open_decoder(checker, par, err) < 0)
        return -1;
    *out = TAKE(checker);
    return 0;
}

void media_checker_free(struct media_checker *checker)
{
    if (!checker)
        return;
    avcodec_free_context(&checker->ctx);
    av_frame_free(&checker->picture);
    free(checker->ring);
    free(checker);
}

/* Twice the room; the encoder's delay bounds it. */
static void grow(struct media_checker *checker)
{
    size_t cap = checker->cap ? 2 * checker->cap : 64;
    struct thumb *ring = xcalloc(cap, sizeof(*ring));

    for (size_t i = 0; i < checker->count; i++)
        ring[i] = checker->ring[(checker->first + i) % checker->cap];
    free(checker->ring);
    checker->ring = ring;
    checker->first = 0;
    checker->cap = cap;
}

void media_checker_expect(struct media_checker *checker, const struct media_frame *frame)
{
    struct image image = media_frame_image(frame);
    struct thumb *thumb;

    if (checker->count == checker->cap)
        grow(checker);
    thumb = &checker->ring[(checker->first + checker->count++) % checker->cap];
    thumb->pts = media_frame_pts(frame);
    take_thumb(thumb, &image);
}

static int bit_depth_of(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(format);

    return desc ? desc->comp[0].depth : 0;
}

/* YUVJ420P is YUV420P in full range. */
static bool same_format(enum AVPixelFormat a, enum AVPixelFormat b)
{
    return a == b || (a == AV_PIX_FMT_YUVJ420P && b == AV_PIX_FMT_YUV420P) ||
           (a == AV_PIX_FMT_YUVJ444P && b == AV_PIX_FMT_YUV444P);
}

static int check_thumb(const struct media_checker *checker, const struct thumb *want,
                       struct err *err)
{
    const AVFrame *picture = checker->picture;
    struct image image = { .plane = { picture->data[0] },
                           .stride = { picture->linesize[0] },
                           .width = picture->width,
                           .height = picture->height,
                           .bit_depth = bit_depth_of((enum AVPixelFormat)picture->format) };
    struct thumb got;
    int worst = 0, off, most = -1;

    take_thumb(&got, &image);
    for (int i = 0; i < columns(&image) * rows(&image); i++) {
        off = got.level[i] - want->level[i];
        off = off < 0 ? -off : off;
        if (off > most) {
            most = off;
            worst = i;
        }
    }
    if (most > CHECKER_TOLERANCE * FINE)
        return err_set(err, ERR_INTERNAL,
                       "check: frame %lld (pts %lld) decodes differently from "
                       "what was encoded: luma %d for %d around x %d, y %d of %dx%d",
                       (long long)checker->frames, (long long)want->pts, got.level[worst] / FINE,
                       want->level[worst] / FINE, worst % columns(&image), worst / columns(&image),
                       columns(&image), rows(&image));
    return 0;
}

/* The picture in hand against the first that is expected. */
static int check_picture(struct media_checker *checker, struct err *err)
{
    const AVFrame *picture = checker->picture;
    long long n = checker->frames;
    const struct thumb *want;

    if (checker->count == 0)
        return err_set(err, ERR_INTERNAL, "check: a frame %lld (pts %lld) too many was decoded", n,
                       (long long)picture->pts);
    want = &checker->ring[checker->first];
    if (picture->pts != want->pts)
        return err_set(err, ERR_INTERNAL, "check: frame %lld has pts %lld, should have %lld", n,
                       (long long)picture->pts, (long long)want->pts);
    if (picture->decode_error_flags || picture->flags & AV_FRAME_FLAG_CORRUPT)
        return err_set(err, ERR_INTERNAL, "check: frame %lld (pts %lld) decodes with errors", n,
                       (long long)want->pts);
    if (picture->width != checker->width || picture->height != checker->height ||
        !same_format((enum AVPixelFormat)picture->format, checker->format))
        return err_set(err, ERR_INTERNAL, "check: frame %lld is %dx%d %s, should be %dx%d %s", n,
                       picture->width, picture->height,
                       av_get_pix_fmt_name((enum AVPixelFormat)picture->format), checker->width,
                       checker->height, av_get_pix_fmt_name(checker->format));
    if (check_thumb(checker, want, err) < 0)
        return -1;
    checker->first = (checker->first + 1) % checker->cap;
    checker->count--;
    checker->frames++;
    return 0;
}

static int drain(struct media_checker *checker, struct err *err)
{
    for (;;) {
        int rc = avcodec_receive_frame(checker->ctx, checker->picture);

        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
            return 0;
        if (rc < 0)
            return media_av_fail(err, rc == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_INTERNAL, rc,
                                 "check: frame %lld does not decode", (long long)checker->frames);
        rc = check_picture(checker, err);
        av_frame_unref(checker->picture);
        if (rc < 0)
            return -1;
    }
}

int media_checker_feed(struct media_checker *checker, const struct media_packet *packet,
                       struct err *err)
{
    int rc = avcodec_send_packet(checker->ctx, packet ? media_packet_av(packet) : NULL);

    if (rc < 0)
        return media_av_fail(err, rc == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_INTERNAL, rc,
                             "check: the packet at pts %lld does not decode",
                             packet ? (long long)media_packet_pts(packet) : -1LL);
    if (drain(checker, err) < 0)
        return -1;
    if (!packet && checker->count > 0)
        return err_set(err, ERR_INTERNAL,
                       "check: frame %lld (pts %lld) did not come out; %zu are "
                       "missing",
                       (long long)checker->frames, (long long)checker->ring[checker->first].pts,
                       checker->count);
    return 0;
}

int64_t media_checker_frames(const struct media_checker *checker)
{
    return checker->frames;
}
