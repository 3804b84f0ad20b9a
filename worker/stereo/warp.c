/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/warp.h"

#include "worker/stereo/anaglyph.h"
#include "worker/stereo/fill.h"
#include "worker/stereo/pack.h"
#include "worker/stereo/parallax.h"
#include "worker/stereo/shape.h"
#include "worker/stereo/upscale.h"

#include <stdbool.h>
#include <string.h>

#define EDGE_MIN_PX_Q8 384  /* depth steps that move an eye by less need no snapping */
#define EDGE_MIN_DEPTH 1311 /* and never less than 2 % of the depth range */
#define DEPTH_MAX      65535.

struct eye_maps {     /* of the two luma rows over one chroma row */
    int32_t *base[2]; /* owned */
    int32_t *map[2];  /* base + margin */
};

struct warp {
    struct warp_opts opts;
    const struct stereo_ops *ops;
    struct parallax parallax;
    int taper_px;
    uint16_t *curve;     /* owned; NULL: depth keeps its shape, as do the next two */
    uint16_t *shaped[2]; /* owned; a depth plane and scratch */
    int edge_min;
    struct upscale *up;
    uint16_t *depth_row;
    int32_t *shift, *chroma_map;
    uint16_t *padded_base, *padded; /* one source row with ROW_PAD on both sides */
    struct gap *gaps;
    struct eye_maps maps[2];    /* by enum eye */
    struct image whole_view[2]; /* full-size eyes, for layouts that are not direct */
    uint8_t *whole_memory[2];   /* owned; NULL for others */
    struct anaglyph *anaglyph;  /* owned; NULL for others */
};

/* What one eye of this frame shows and where it goes. */
struct eye_job {
    enum eye eye;
    int sign;
    struct image out;
};

static uint8_t *image_row(const struct image *image, int plane, int y)
{
    return image->plane[plane] + y * image->stride[plane];
}

static bool is_synthetic(const struct warp *warp, enum eye eye)
{
    enum synthetic_view s = warp->opts.synthetic;

    if (warp->parallax.gain == 0 && warp->parallax.zero == 0)
        return false;
    return s == SYNTHETIC_BOTH || s == (eye == EYE_LEFT ? SYNTHETIC_LEFT : SYNTHETIC_RIGHT);
}

static int whole_view_new(struct warp *warp, enum eye eye)
{
    const struct warp_opts *o = &warp->opts;
    size_t bytes = o->bit_depth == 8 ? 1 : 2, w = (size_t)o->width, h = (size_t)o->height;
    size_t cw = (size_t)chroma_size(o->width), ch = (size_t)chroma_size(o->height);
    struct image *view = &warp->whole_view[eye];

    warp->whole_memory[eye] = malloc((w * h + 2 * cw * ch) * bytes);
    if (!warp->whole_memory[eye])
        return -1;
    view->width = o->width;
    view->height = o->height;
    view->bit_depth = o->bit_depth;
    view->stride[0] = (ptrdiff_t)(w * bytes);
    view->stride[1] = view->stride[2] = (ptrdiff_t)(cw * bytes);
    view->plane[0] = warp->whole_memory[eye];
    view->plane[1] = view->plane[0] + w * h * bytes;
    view->plane[2] = view->plane[1] + cw * ch * bytes;
    return 0;
}

static int rows_new(struct warp *warp)
{
    size_t w = (size_t)warp->opts.width, margin = (size_t)warp->parallax.reach_px + 2;

    warp->depth_row = calloc(w, sizeof(*warp->depth_row));
    warp->shift = calloc(w, sizeof(*warp->shift));
    warp->chroma_map = calloc(w, sizeof(*warp->chroma_map));
    warp->padded_base = calloc(w + 2 * ROW_PAD, sizeof(*warp->padded_base));
    warp->gaps = calloc(w, sizeof(*warp->gaps));
    if (!warp->depth_row || !warp->shift || !warp->chroma_map || !warp->padded_base || !warp->gaps)
        return -1;
    warp->padded = warp->padded_base + ROW_PAD;
    for (int i = 0; i < 4; i++) {
        struct eye_maps *maps = &warp->maps[i >> 1];

        maps->base[i & 1] = calloc(w + 2 * margin, sizeof(*maps->base[0]));
        if (!maps->base[i & 1])
            return -1;
        maps->map[i & 1] = maps->base[i & 1] + margin;
    }
    return 0;
}

/* The depth difference that moves one eye by EDGE_MIN_PX_Q8. */
static int edge_min_depth(struct parallax p)
{
    uint64_t depth = p.gain ? ((uint64_t)EDGE_MIN_PX_Q8 << p.bits) / p.gain : UINT16_MAX;

    return depth < EDGE_MIN_DEPTH ? EDGE_MIN_DEPTH : depth > UINT16_MAX ? UINT16_MAX : (int)depth;
}

static bool shows_depth(enum layout layout)
{
    return layout == LAYOUT_DEPTH || layout == LAYOUT_RGBD;
}

static int shape_new(struct warp *warp)
{
    const struct warp_opts *o = &warp->opts;
    size_t samples = (size_t)o->width * (size_t)o->height;

    if ((o->foreground_scale == 0 && o->edge_dilation == 0) || shows_depth(o->layout))
        return 0;
    warp->curve = calloc(65536, sizeof(*warp->curve));
    warp->shaped[0] = calloc(samples, sizeof(*warp->shaped[0]));
    warp->shaped[1] = calloc(samples, sizeof(*warp->shaped[1]));
    if (!warp->curve || !warp->shaped[0] || !warp->shaped[1])
        return -1;
    shape_curve(warp->curve, o->foreground_scale);
    return 0;
}

int warp_new(struct warp **out, const struct warp_opts *opts, struct err *err)
{
    AUTO(warp) struct warp *warp = calloc(1, sizeof(*warp));

    if (!warp)
        return err_set(err, ERR_NOMEM, "no memory for the warp");
    warp->opts = *opts;
    warp->ops = opts->ops ? opts->ops : stereo_ops_best();
    warp->parallax = parallax_from(opts);
    warp->taper_px = parallax_taper_px(opts);
    warp->edge_min = shows_depth(opts->layout) ? EDGE_MIN_DEPTH : edge_min_depth(warp->parallax);
    if (upscale_new(&warp->up, opts->width, opts->height, warp->ops, err) < 0)
        return -1;
    if (shape_new(warp) < 0 || rows_new(warp) < 0)
        return err_set(err, ERR_NOMEM, "no memory to warp rows of %d", opts->width);
    if (!pack_is_direct(opts->layout) &&
        (whole_view_new(warp, EYE_LEFT) < 0 || whole_view_new(warp, EYE_RIGHT) < 0))
        return err_set(err, ERR_NOMEM, "no memory to warp %dx%d", opts->width, opts->height);
    if (layout_is_anaglyph(opts->layout)) {
        struct anaglyph_opts colours = { .layout = opts->layout,
                                         .width = opts->width,
                                         .height = opts->height,
                                         .bit_depth = opts->bit_depth,
                                         .color_space = opts->color_space,
                                         .color_range = opts->color_range };

        if (anaglyph_new(&warp->anaglyph, &colours, err) < 0)
            return -1;
    }
    *out = TAKE(warp);
    return 0;
}

void warp_free(struct warp *warp)
{
    if (!warp)
        return;
    upscale_free(warp->up);
    anaglyph_free(warp->anaglyph);
    free(warp->curve);
    free(warp->shaped[0]);
    free(warp->shaped[1]);
    free(warp->depth_row);
    free(warp->shift);
    free(warp->chroma_map);
    free(warp->padded_base);
    free(warp->gaps);
    for (int i = 0; i < 4; i++)
        free(warp->maps[i >> 1].base[i & 1]);
    free(warp->whole_memory[EYE_LEFT]);
    free(warp->whole_memory[EYE_RIGHT]);
    free(warp);
}

void warp_set_screen(struct warp *warp, uint16_t depth)
{
    warp->opts.convergence = (warp->curve ? warp->curve[depth] : depth) / DEPTH_MAX;
    warp->parallax = parallax_from(&warp->opts);
}

/* Into warp->padded. */
static void load_row(struct warp *warp, const struct image *in, int plane, int y, int n)
{
    const void *row = image_row(in, plane, y);

    if (in->bit_depth == 8)
        warp->ops->widen8(warp->padded, row, n);
    else
        warp->ops->widen10(warp->padded, row, n);
}

static void sample_row(struct warp *warp, const struct image *out, int plane, int y,
                       const int32_t *map, int n)
{
    void *row = image_row(out, plane, y);

    if (out->bit_depth == 8)
        warp->ops->sample8(row, warp->padded, map, n);
    else
        warp->ops->sample10(row, warp->padded, map, n);
}

/* Towards the borders things come to lie on the screen, whose frame would cut them off. */
static void taper_row(int32_t *shift, int n, int taper)
{
    for (int x = 0; x < taper; x++) {
        shift[x] = shift[x] * x / taper;
        shift[n - 1 - x] = shift[n - 1 - x] * x / taper;
    }
}

/* One luma row of every eye to be made; leaves its maps for the chroma. */
static void warp_luma(struct warp *warp, struct eye_job *jobs, int count, const struct image *in,
                      int y)
{
    int w = warp->opts.width;

    upscale_row(warp->up, warp->depth_row, y);
    warp->ops->shift_row(warp->shift, warp->depth_row, w, warp->parallax);
    taper_row(warp->shift, w, warp->taper_px);
    shape_edges(warp->shift, w);
    load_row(warp, in, 0, y, w);
    for (int i = 0; i < count; i++) {
        int32_t *map = warp->maps[jobs[i].eye].map[y & 1];
        int gaps;

        warp->ops->mesh_row(map, warp->shift, w, jobs[i].sign);
        gaps = fill_row(map, warp->shift, w, jobs[i].sign, warp->gaps);
        sample_row(warp, &jobs[i].out, 0, y, map, w);
        fill_luma(&jobs[i].out, in, y, warp->gaps, gaps);
    }
}

static void warp_chroma(struct warp *warp, struct eye_job *jobs, int count, const struct image *in,
                        int y)
{
    int w = warp->opts.width, second = 2 * y + 1 < warp->opts.height;

    for (int plane = 1; plane < 3; plane++) {
        load_row(warp, in, plane, y, chroma_size(w));
        for (int i = 0; i < count; i++) {
            int32_t *const *map = warp->maps[jobs[i].eye].map;

            warp->ops->chroma_row(warp->chroma_map, map[0], map[second], w, jobs[i].sign);
            sample_row(warp, &jobs[i].out, plane, y, warp->chroma_map, chroma_size(w));
        }
    }
}

static void warp_eyes(struct warp *warp, struct eye_job *jobs, int count, const struct image *in,
                      const struct plane16 *depth)
{
    if (count == 0)
        return;
    upscale_begin(warp->up, in, depth, warp->edge_min);
    for (int y = 0; y < warp->opts.height; y++) {
        warp_luma(warp, jobs, count, in, y);
        if (y & 1 || y == warp->opts.height - 1)
            warp_chroma(warp, jobs, count, in, y / 2);
    }
}

/* Where an eye is made: in the packed frame, or beside it when it is packed afterwards. */
static struct image eye_target(const struct warp *warp, const struct image *out, enum eye eye)
{
    const struct warp_opts *o = &warp->opts;

    if (!pack_is_direct(o->layout))
        return warp->whole_view[eye];
    return pack_eye(out, o->layout, eye, o->width, o->height);
}

/* The left eye comes last everywhere, so that it keeps chroma that both share. */
static void warp_views(struct warp *warp, struct image *out, const struct image *in,
                       const struct plane16 *depth)
{
    struct eye_job jobs[2];
    bool shown[2], made[2];
    int count = 0;

    for (int eye = EYE_RIGHT; eye >= EYE_LEFT; eye--) {
        struct image target = eye_target(warp, out, eye);

        shown[eye] = pack_has_eye(warp->opts.layout, eye);
        made[eye] = shown[eye] && is_synthetic(warp, eye);
        if (made[eye])
            jobs[count++] = (struct eye_job){ eye, eye == EYE_LEFT ? 1 : -1, target };
        else if (shown[eye] && eye == EYE_RIGHT && pack_is_direct(warp->opts.layout))
            pack_copy(&target, in);
    }
    warp_eyes(warp, jobs, count, in, depth);
    if (warp->anaglyph) {
        anaglyph_frame(warp->anaglyph, out, made[EYE_LEFT] ? &warp->whole_view[EYE_LEFT] : in,
                       made[EYE_RIGHT] ? &warp->whole_view[EYE_RIGHT] : in);
    } else if (pack_is_half(warp->opts.layout)) {
        for (int eye = EYE_LEFT; eye <= EYE_RIGHT; eye++)
            pack_half(out, warp->opts.layout, eye, made[eye] ? &warp->whole_view[eye] : in,
                      warp->ops);
    } else if (shown[EYE_LEFT] && !made[EYE_LEFT]) {
        struct image target = eye_target(warp, out, EYE_LEFT);

        pack_copy(&target, in);
    }
}

/* Depth as the luma of a video signal, 16 (far) to 235 (near), or four times that in 10 bit. */
static void show_depth_row(void *out, const uint16_t *depth, int n, int bit_depth)
{
    if (bit_depth == 8)
        for (int x = 0; x < n; x++)
            ((uint8_t *)out)[x] = (uint8_t)(16 + (depth[x] * 219u + 32767) / 65535);
    else
        for (int x = 0; x < n; x++)
            ((uint16_t *)out)[x] = (uint16_t)(64 + (depth[x] * 876u + 32767) / 65535);
}

static void show_depth(struct warp *warp, struct image *out, const struct image *in,
                       const struct plane16 *depth)
{
    int w = warp->opts.width, h = warp->opts.height;

    upscale_begin(warp->up, in, depth, warp->edge_min);
    for (int y = 0; y < h; y++) {
        upscale_row(warp->up, warp->depth_row, y);
        show_depth_row(image_row(out, 0, y), warp->depth_row, w, out->bit_depth);
    }
    for (int plane = 1; plane < 3; plane++) {
        for (int y = 0; y < chroma_size(h); y++) {
            uint8_t *row = image_row(out, plane, y);

            if (out->bit_depth == 8)
                memset(row, 128, (size_t)chroma_size(w));
            else
                for (int x = 0; x < chroma_size(w); x++)
                    ((uint16_t *)(void *)row)[x] = 512;
        }
    }
}

static struct plane16 shaped_depth(struct warp *warp, const struct plane16 *depth)
{
    struct plane16 out;

    if (!warp->curve)
        return *depth;
    out = shape_dilate(warp->shaped[0], warp->shaped[1], depth, warp->opts.edge_dilation);
    for (int i = 0; i < out.width * out.height; i++)
        out.px[i] = warp->curve[out.px[i]];
    return out;
}

void warp_frame(struct warp *warp, struct image *out, const struct image *in,
                const struct plane16 *depth)
{
    const struct warp_opts *o = &warp->opts;

    if (o->layout == LAYOUT_RGBD) {
        struct image flat = pack_eye(out, o->layout, EYE_LEFT, o->width, o->height);
        struct image beside = pack_eye(out, o->layout, EYE_RIGHT, o->width, o->height);

        show_depth(warp, &beside, in, depth);
        pack_copy(&flat, in); /* chroma that both share is the picture's */
    } else if (o->layout == LAYOUT_DEPTH) {
        show_depth(warp, out, in, depth);
    } else {
        struct plane16 shaped = shaped_depth(warp, depth);

        warp_views(warp, out, in, &shaped);
    }
}
