/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/preview/pictures.h"

#include "common/mem.h"
#include "worker/preview/label.h"
#include "worker/stereo/comfort.h"
#include "worker/stereo/shape.h"
#include "worker/stereo/warp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP         4  /* samples around every picture */
#define LABEL_CHARS 46 /* of the longest label, with room */
#define OUTERMOST   50 /* one part in so many of the samples at each end of the depth */
#define DEPTH_BINS  256

static void extremes(double *far, double *near, const struct plane16 *depth)
{
    int64_t bins[DEPTH_BINS] = { 0 }, left = (int64_t)depth->width * depth->height / OUTERMOST;
    int64_t below = 0, above = 0;
    int low = 0, high = DEPTH_BINS - 1;

    for (int y = 0; y < depth->height; y++) {
        const uint16_t *row = (const uint16_t *)((const char *)depth->px + y * depth->stride);

        for (int x = 0; x < depth->width; x++)
            bins[row[x] * DEPTH_BINS >> 16]++;
    }
    while (low < high && (below += bins[low]) <= left)
        low++;
    while (high > low && (above += bins[high]) <= left)
        high--;
    *far = (low + .5) / DEPTH_BINS;
    *near = (high + .5) / DEPTH_BINS;
}

static double shown(const struct job_spec *spec, double depth)
{
    return shape_bend(spec->foreground_scale, (uint16_t)lround(depth * UINT16_MAX)) /
           (double)UINT16_MAX;
}

struct cell cell_of(const struct shot *shot, const struct shot_screen *screens, int depth,
                    double divergence, const struct job_spec *spec)
{
    struct cell cell = { .depth = depth,
                         .follows = screens[depth].follows,
                         .divergence = divergence,
                         .convergence = shot->convergence[depth] };
    double far, near;

    extremes(&far, &near, &shot->depth[depth]);
    cell.front = fmax(0, divergence * (shown(spec, near) - cell.convergence) + spec->ipd_offset);
    cell.behind = fmax(0, divergence * (cell.convergence - shown(spec, far)) - spec->ipd_offset);
    cell.comfortable = comfort_is_kept(cell.front, cell.behind);
    return cell;
}

/* One tile: a view, or two, and the strip below it. */
struct tile {
    int width, height, scale, strip;
};

/* As the picture is shown: samples of the film need not be square. */
static struct tile tile_of(const struct pictures *p, int views)
{
    const struct plan_video *video = &p->plan->video;
    double aspect = (double)video->width / video->height;
    struct tile tile = { .width = p->opts->tile * views };

    if (video->sar.num > 0)
        aspect *= (double)video->sar.num / (double)video->sar.den;
    tile.height = (int)lround(p->opts->tile / aspect);
    tile.height = tile.height < 1 ? 1 : tile.height;
    tile.scale = tile.width / (LABEL_CHARS * 6);
    tile.scale = tile.scale < 1 ? 1 : tile.scale;
    tile.strip = (LABEL_HEIGHT + 4) * tile.scale;
    return tile;
}

static int sheet_new(struct media_sheet **out, struct tile tile, int columns, int rows,
                     struct err *err)
{
    int64_t width = (int64_t)columns * (tile.width + GAP) + GAP;
    int64_t height = (int64_t)rows * (tile.height + tile.strip + GAP) + GAP;

    if (width > MEDIA_SHEET_MAX || height > MEDIA_SHEET_MAX)
        return err_set(err, ERR_CONFIG,
                       "a sheet of %lldx%lld samples is too large: fewer values, or a smaller "
                       "--width",
                       (long long)width, (long long)height);
    return media_sheet_new(out, (int)width, (int)height, err);
}

static struct media_place place_of(struct tile tile, int column, int row)
{
    return (struct media_place){ GAP + column * (tile.width + GAP),
                                 GAP + row * (tile.height + tile.strip + GAP), tile.width,
                                 tile.height };
}

static void write_label(struct media_sheet *sheet, struct tile tile, struct media_place place,
                        const char *text)
{
    label_draw(media_sheet_pixels(sheet), place.x, place.y + tile.height + 2 * tile.scale,
               tile.scale, text);
}

static struct media_colour colour_of(const struct pictures *p)
{
    return (struct media_colour){ p->plan->video.color_space, p->plan->video.color_range };
}

static struct warp_opts warp_opts_of(const struct pictures *p, enum layout layout)
{
    const struct plan_video *video = &p->plan->video;
    const struct job_spec *spec = p->spec;

    return (struct warp_opts){
        .width = video->width,
        .height = video->height,
        .bit_depth = video->bit_depth,
        .color_space = video->color_space,
        .color_range = video->color_range,
        .layout = layout,
        .synthetic = spec->synthetic_view,
        .ipd_offset = spec->ipd_offset,
        .foreground_scale = spec->foreground_scale,
        .edge_dilation = spec->edge_dilation,
        .preserve_border = spec->preserve_border,
    };
}

/* The packed frame, at its full size. */
static int pack(struct media_frame **out, const struct warp_opts *opts, const struct shot *shot,
                int depth, struct err *err)
{
    AUTO(media_frame) struct media_frame *packed = NULL;
    AUTO(warp) struct warp *warp = NULL;
    struct image from = media_frame_image(shot->frame), to;
    int width, height, rc;

    layout_packed_size(opts->layout, opts->width, opts->height, &width, &height);
    rc = layout_is_anaglyph(opts->layout)
             ? media_frame_new_full_chroma(&packed, width, height, opts->bit_depth, err)
             : media_frame_new(&packed, width, height, opts->bit_depth, err);
    if (rc < 0 || warp_new(&warp, opts, err) < 0)
        return -1;
    to = media_frame_image(packed);
    warp_frame(warp, &to, &from, &shot->depth[depth]);
    *out = TAKE(packed);
    return 0;
}

static int put_packed(struct media_sheet *sheet, const struct pictures *p,
                      const struct warp_opts *opts, const struct shot *shot, int depth,
                      struct media_place place, struct err *err)
{
    AUTO(media_frame) struct media_frame *packed = NULL;
    struct image image;

    if (pack(&packed, opts, shot, depth, err) < 0)
        return -1;
    image = media_frame_image(packed);
    return media_sheet_put(sheet, &image, colour_of(p), place, err);
}

int pictures_grid(struct media_sheet **out, const struct pictures *p, const struct shot *shot,
                  const struct cell *cells, enum layout layout, struct err *err)
{
    AUTO(media_sheet) struct media_sheet *sheet = NULL;
    struct warp_opts opts = warp_opts_of(p, layout);
    struct tile tile = tile_of(p, layout == LAYOUT_FULL_SBS ? 2 : 1);
    int columns = p->opts->convergence_count, rows = p->opts->divergence_count;

    if (sheet_new(&sheet, tile, columns, rows, err) < 0)
        return -1;
    for (int i = 0; i < columns * rows; i++) {
        struct media_place place = place_of(tile, i % columns, i / columns);
        char text[LABEL_CHARS + 20];

        opts.divergence = cells[i].divergence;
        opts.convergence = cells[i].convergence;
        if (put_packed(sheet, p, &opts, shot, cells[i].depth, place, err) < 0)
            return -1;
        (void)snprintf(text, sizeof(text), "DIV %.4g %s %.*g FRONT %.2f%% BEHIND %.2f%%%s",
                       cells[i].divergence, cells[i].follows ? "AUTO" : "CONV",
                       cells[i].follows ? 2 : 4, cells[i].convergence, cells[i].front,
                       cells[i].behind, cells[i].comfortable ? "" : " !");
        write_label(sheet, tile, place, text);
    }
    *out = TAKE(sheet);
    return 0;
}

int pictures_depth(struct media_sheet **out, const struct pictures *p, const struct shot *shots,
                   const double *seconds, int count, struct err *err)
{
    AUTO(media_sheet) struct media_sheet *sheet = NULL;
    struct warp_opts opts = warp_opts_of(p, LAYOUT_DEPTH);
    struct tile tile = tile_of(p, 1);

    if (sheet_new(&sheet, tile, 2, count, err) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        struct media_place place = place_of(tile, 0, i);
        struct image film = media_frame_image(shots[i].frame);
        int tenths = (int)lround(seconds[i] * 10);
        char text[64];

        if (media_sheet_put(sheet, &film, colour_of(p), place, err) < 0 ||
            put_packed(sheet, p, &opts, &shots[i], 0, place_of(tile, 1, i), err) < 0)
            return -1;
        (void)snprintf(text, sizeof(text), "%02d AT %d:%02d.%d", i + 1, tenths / 600,
                       tenths / 10 % 60, tenths % 10);
        write_label(sheet, tile, place, text);
        write_label(sheet, tile, place_of(tile, 1, i), "DEPTH, WHITE IS NEAR");
    }
    *out = TAKE(sheet);
    return 0;
}
