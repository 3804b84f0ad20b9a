/* SPDX-License-Identifier: Apache-2.0
 *
 * bwdif with one picture for each: the lines of the field that is shown first stay, each line of
 * the other field is made anew. Where nothing moved it is the mean of the other field's line just
 * before and just after; where something did, it comes from the lines above and below, and is kept
 * within what the difference allows. The filter's weights are those of the BBC's W3FDIF.
 *
 * A picture depends on the one before, itself and the one after, and on nothing else: that is what
 * lets a film be cut anywhere. Hence plan adds one frame to the window of an interlaced film.
 */
#include "common/mem.h"
#include "worker/media/av.h"

#include <libavutil/pixdesc.h>
#include <string.h>

#define BITS  13 /* of the weights' fraction */
#define REACH 4  /* lines above and below that are looked at */

enum { HIGH_0 = 5570, HIGH_2 = 3801, HIGH_4 = 1016, LOW_1 = 4309, LOW_3 = 213 };
enum { ALONE_1 = 5077, ALONE_3 = 981 };

struct media_deinterlacer {
    AVFrame *before, *now, *after; /* owned; blank (no buffer) where there is none */
};

/* What one new line is made of. Index REACH is the line itself; lines of its own field (even
 * distances) are those of the field before and of the field after it, the others are of the field
 * that is shown. */
struct lines {
    const uint8_t *shown[2 * REACH + 1];        /* odd distances */
    const uint8_t *earlier[2 * REACH + 1];      /* even distances */
    const uint8_t *later[2 * REACH + 1];        /* even distances */
    const uint8_t *before_shown[2 * REACH + 1]; /* odd distances, a whole picture before */
    const uint8_t *after_shown[2 * REACH + 1];  /* ... after */
    bool near_edge, at_edge, alone;
    int max; /* of a sample */
};

int media_deinterlacer_new(struct media_deinterlacer **out, struct err *err)
{
    AUTO(media_deinterlacer) struct media_deinterlacer *new = xcalloc(1, sizeof(*new));

    new->before = av_frame_alloc();
    new->now = av_frame_alloc();
    new->after = av_frame_alloc();
    if (!new->before || !new->now || !new->after)
        return err_set(err, ERR_NOMEM, "no memory for pictures");
    *out = TAKE(new);
    return 0;
}

void media_deinterlacer_free(struct media_deinterlacer *deinterlacer)
{
    if (!deinterlacer)
        return;
    av_frame_free(&deinterlacer->before);
    av_frame_free(&deinterlacer->now);
    av_frame_free(&deinterlacer->after);
    free(deinterlacer);
}

void media_deinterlacer_reset(struct media_deinterlacer *deinterlacer)
{
    av_frame_unref(deinterlacer->before);
    av_frame_unref(deinterlacer->now);
    av_frame_unref(deinterlacer->after);
}

/* Planes of one component each, 8 to 16 bit in this machine's order. */
static bool is_plain(const AVFrame *av)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(av->format);
    const uint64_t odd = AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
                         AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT;

    if (!desc || desc->flags & odd)
        return false;
    for (int i = 0; i < desc->nb_components; i++)
        if (desc->comp[i].step != (desc->comp[0].depth > 8 ? 2 : 1) || desc->comp[i].shift != 0 ||
            desc->comp[i].offset != 0)
            return false;
    return true;
}

static bool is_like(const AVFrame *av, const AVFrame *other)
{
    return av->buf[0] && av->format == other->format && av->width == other->width &&
           av->height == other->height;
}

static inline int at(const uint8_t *line, int x, bool wide)
{
    return wide ? ((const uint16_t *)(const void *)line)[x] : line[x];
}

static inline int max_of(int a, int b)
{
    return a > b ? a : b;
}

static inline int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* From the field that is shown only. */
static inline int across(const struct lines *lines, int x, bool wide)
{
    const uint8_t *const *shown = &lines->shown[REACH];

    return (ALONE_1 * (at(shown[-1], x, wide) + at(shown[1], x, wide)) -
            ALONE_3 * (at(shown[-3], x, wide) + at(shown[3], x, wide))) >>
           BITS;
}

/* Of the lines of its own field at this distance, before and after. */
static inline int sum_at(const struct lines *lines, int distance, int x, bool wide)
{
    return at(lines->earlier[REACH + distance], x, wide) +
           at(lines->later[REACH + distance], x, wide);
}

static inline int through_time(const struct lines *lines, int x, bool wide)
{
    const uint8_t *const *shown = &lines->shown[REACH];
    int high = (HIGH_0 * sum_at(lines, 0, x, wide) -
                HIGH_2 * (sum_at(lines, -2, x, wide) + sum_at(lines, 2, x, wide)) +
                HIGH_4 * (sum_at(lines, -4, x, wide) + sum_at(lines, 4, x, wide))) >>
               2;

    return (high + LOW_1 * (at(shown[-1], x, wide) + at(shown[1], x, wide)) -
            LOW_3 * (at(shown[-3], x, wide) + at(shown[3], x, wide))) >>
           BITS;
}

/* How far the shown lines above and below moved from or to another picture. */
static inline int moved(const uint8_t *const *other, int above, int below, int x, bool wide)
{
    return (abs(at(other[REACH - 1], x, wide) - above) +
            abs(at(other[REACH + 1], x, wide) - below)) >>
           1;
}

/* How far the new sample may be from the mean in time: further where the lines around say that a
 * detail of this field is no motion. */
static inline int allow(const struct lines *lines, int allowed, int mean, int above, int below,
                        int x, bool wide)
{
    int up = (sum_at(lines, -2, x, wide) >> 1) - above;
    int down = (sum_at(lines, 2, x, wide) >> 1) - below;
    int from_above = mean - above, from_below = mean - below;
    int most = max_of(max_of(from_below, from_above), min_of(up, down));
    int least = min_of(min_of(from_below, from_above), max_of(up, down));

    return max_of(allowed, max_of(least, -most));
}

static inline int new_sample(const struct lines *lines, int x, bool wide)
{
    int above = at(lines->shown[REACH - 1], x, wide);
    int below = at(lines->shown[REACH + 1], x, wide);
    int mean = sum_at(lines, 0, x, wide) >> 1, sample;
    int change = abs(at(lines->earlier[REACH], x, wide) - at(lines->later[REACH], x, wide));
    int allowed = max_of(change >> 1, max_of(moved(lines->before_shown, above, below, x, wide),
                                             moved(lines->after_shown, above, below, x, wide)));

    if (allowed == 0)
        return mean;
    if (!lines->at_edge)
        allowed = allow(lines, allowed, mean, above, below, x, wide);
    if (lines->near_edge)
        sample = (above + below) >> 1;
    else if (abs(above - below) > change)
        sample = through_time(lines, x, wide);
    else
        sample = across(lines, x, wide);
    return max_of(min_of(sample, mean + allowed), mean - allowed);
}

static inline void new_line(uint8_t *to, const struct lines *lines, int width, bool wide)
{
    for (int x = 0; x < width; x++) {
        int sample = lines->alone ? across(lines, x, wide) : new_sample(lines, x, wide);

        sample = max_of(0, min_of(sample, lines->max));
        if (wide)
            ((uint16_t *)(void *)to)[x] = (uint16_t)sample;
        else
            to[x] = (uint8_t)sample;
    }
}

struct plane {
    const uint8_t *before, *now, *after; /* first lines */
    ptrdiff_t before_stride, now_stride, after_stride;
    int width, height, max;
    bool first_is_top, alone;
};

/* A line outside is the next one inside of the same field. */
static int inside(int y, int height)
{
    while (y < 0)
        y += 2;
    while (y >= height)
        y -= 2;
    return y;
}

static void gather(struct lines *out, const struct plane *plane, int y)
{
    *out = (struct lines){ .max = plane->max,
                           .alone = plane->alone,
                           .at_edge = y < 2 || y + 3 > plane->height,
                           .near_edge = y < REACH || y + REACH + 1 > plane->height };
    for (int d = -REACH; d <= REACH; d++) {
        int line = inside(y + d, plane->height);
        const uint8_t *before = plane->before + line * plane->before_stride;
        const uint8_t *now = plane->now + line * plane->now_stride;
        const uint8_t *after = plane->after + line * plane->after_stride;

        if (d & 1) {
            out->shown[REACH + d] = now;
            out->before_shown[REACH + d] = before;
            out->after_shown[REACH + d] = after;
        } else { /* the field shown second lies between the pictures: before's and now's */
            out->earlier[REACH + d] = before;
            out->later[REACH + d] = now;
        }
    }
}

static void fill_plane(uint8_t *to, ptrdiff_t stride, const struct plane *plane)
{
    bool wide = plane->max > 255;
    size_t bytes = (size_t)plane->width * (wide ? 2 : 1);

    for (int y = 0; y < plane->height; y++, to += stride) {
        struct lines lines;

        if ((y & 1) == (plane->first_is_top ? 0 : 1)) {
            memcpy(to, plane->now + y * plane->now_stride, bytes);
            continue;
        }
        gather(&lines, plane, y);
        if (wide)
            new_line(to, &lines, plane->width, true);
        else
            new_line(to, &lines, plane->width, false);
    }
}

static void fill(AVFrame *out, const struct media_deinterlacer *d)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(out->format);
    const AVFrame *before = is_like(d->before, d->now) ? d->before : d->now;
    const AVFrame *after = is_like(d->after, d->now) ? d->after : d->now;

    for (int p = 0; p < desc->nb_components; p++) {
        bool chroma = p == 1 || p == 2;
        int height = AV_CEIL_RSHIFT(out->height, chroma ? desc->log2_chroma_h : 0);
        struct plane plane = {
            .before = before->data[p],
            .now = d->now->data[p],
            .after = after->data[p],
            .before_stride = before->linesize[p],
            .now_stride = d->now->linesize[p],
            .after_stride = after->linesize[p],
            .width = AV_CEIL_RSHIFT(out->width, chroma ? desc->log2_chroma_w : 0),
            .height = height,
            .max = (1 << desc->comp[0].depth) - 1,
            .first_is_top = compat_frame_top_first(d->now),
            .alone = before == d->now,
        };

        fill_plane(out->data[p], out->linesize[p], &plane);
    }
}

/* d->now, made progressive. */
static int make(struct media_deinterlacer *d, AVFrame *out, struct err *err)
{
    AUTO(av_frame) AVFrame *made = NULL;
    int rc;

    if (!compat_frame_interlaced(d->now) || !is_plain(d->now) || d->now->height < 4) {
        rc = av_frame_ref(out, d->now);
        return rc < 0 ? media_av_fail(err, ERR_NOMEM, rc, "passing a picture on") : 0;
    }
    made = av_frame_alloc();
    if (!made)
        return err_set(err, ERR_NOMEM, "no memory for a picture");
    made->format = d->now->format;
    made->width = d->now->width;
    made->height = d->now->height;
    rc = av_frame_get_buffer(made, 0);
    if (rc >= 0)
        rc = av_frame_copy_props(made, d->now);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "deinterlacing");
    fill(made, d);
    compat_frame_set_progressive(made);
    av_frame_move_ref(out, made);
    return 0;
}

int media_deinterlacer_run(struct media_deinterlacer *d, AVFrame *av, bool *ready, struct err *err)
{
    av_frame_unref(d->before);
    av_frame_move_ref(d->before, d->now);
    av_frame_move_ref(d->now, d->after);
    av_frame_move_ref(d->after, av);
    *ready = d->now->buf[0] != NULL;
    return *ready ? make(d, av, err) : 0;
}
