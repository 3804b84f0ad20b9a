/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/film.h"

#include "common/mem.h"

#include <math.h>
#include <stdlib.h>

#define ACROSS 4 /* parts of one sample that are looked at */
#define DOWN   2

static size_t cells_of(const struct film *film)
{
    return (size_t)film->width * (size_t)film->height;
}

static struct image image_new(int width, int height)
{
    struct image image = { .width = width, .height = height, .bit_depth = 8 };

    for (int i = 0; i < 3; i++) {
        int w = i ? (width + 1) / 2 : width, h = i ? (height + 1) / 2 : height;

        image.plane[i] = xcalloc((size_t)w, (size_t)h);
        image.stride[i] = w;
    }
    return image;
}

static struct pose film_pose(struct world worlds[2], const struct film *film, int frame)
{
    int shot = worlds[0].cuts && frame >= WORLD_CUT;

    return (struct pose){ &worlds[shot], frame, film->width, film->height };
}

static uint8_t level(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + .5);
}

/* across and down: parts of a sample; frames that are not scored take fewer. */
static void paint_luma(uint8_t *out, const struct pose *pose, enum eye_at eye, int across, int down)
{
    struct row row[DOWN];

    for (int y = 0; y < pose->height; y++) {
        for (int j = 0; j < down; j++)
            pose_row(&row[j], pose, y + (j + .5) / down - .5, eye);
        for (int x = 0; x < pose->width; x++) {
            double sum = 0;

            for (int k = 0; k < across * down; k++) {
                const struct row *r = &row[k / across];
                struct place at = row_look(r, pose, x + (k % across + .5) / across - .5);

                sum += pose_luma(pose, &at);
            }
            out[y * pose->width + x] = level(sum / (across * down));
        }
    }
}

static void paint_chroma(struct image *out, const struct pose *pose, enum eye_at eye)
{
    struct row row;

    for (int y = 0; y < (out->height + 1) / 2; y++) {
        pose_row(&row, pose, 2 * y + .5, eye);
        for (int x = 0; x < (out->width + 1) / 2; x++) {
            struct place at = row_look(&row, pose, 2 * x + .5);

            for (int plane = 1; plane < 3; plane++)
                out->plane[plane][y * out->stride[plane] + x] = level(world_chroma(&at, plane));
        }
    }
}

/* Whether the left eye sees the same place. */
static enum sight sight_of(const struct pose *pose, const struct row *left,
                           const struct place *place)
{
    struct place seen;
    double x, y;

    if (place->surface < 0)
        return SIGHT_SEEN;
    pose_find(pose, place, EYE_AT_LEFT, &x, &y);
    if (x < -.5 || x > pose->width - .5)
        return SIGHT_OUTSIDE;
    seen = row_look(left, pose, x);
    return seen.surface == place->surface ? SIGHT_SEEN : SIGHT_HIDDEN;
}

/* Where a place was in the right eye a frame before; false when it was not to be seen there. */
static bool was_at(const struct pose *before, const struct place *place, double *x, double *y)
{
    struct row row;

    if (place->surface < 0)
        return true;
    pose_find(before, place, EYE_AT_RIGHT, x, y);
    if (*x < 0 || *y < 0 || *x > before->width - 1 || *y > before->height - 1)
        return false;
    pose_row(&row, before, *y, EYE_AT_RIGHT);
    return row_look(&row, before, *x).surface == place->surface;
}

static void know_row(struct truth *t, const struct pose *pose, const struct pose *before, int y)
{
    struct row left, right;

    pose_row(&left, pose, y, EYE_AT_LEFT);
    pose_row(&right, pose, y, EYE_AT_RIGHT);
    for (int x = 0; x < pose->width; x++) {
        struct place at = row_look(&right, pose, x);
        int i = y * pose->width + x;
        double bx = x, by = y;
        bool was = before->world == pose->world && was_at(before, &at, &bx, &by);

        t->parallax[i] = (float)row_look(&left, pose, x).parallax;
        t->sight[i] = (uint8_t)sight_of(pose, &left, &at);
        t->before_x[i] = was ? (float)bx : NAN;
        t->before_y[i] = was ? (float)by : NAN;
    }
}

static void truth_make(struct truth *t, struct film *film, struct world worlds[2], int frame)
{
    struct pose pose = film_pose(worlds, film, frame);
    struct pose before = film_pose(worlds, film, frame - 1);
    size_t n = cells_of(film);

    t->right = xcalloc(n, 1);
    t->sight = xcalloc(n, 1);
    t->parallax = xcalloc(n, sizeof(*t->parallax));
    t->before_x = xcalloc(n, sizeof(*t->before_x));
    t->before_y = xcalloc(n, sizeof(*t->before_y));
    paint_luma(t->right, &pose, EYE_AT_RIGHT, ACROSS, DOWN);
    for (int y = 0; y < film->height; y++)
        know_row(t, &pose, &before, y);
    for (size_t i = 0; i < n; i++) {
        film->low = fmin(film->low, t->parallax[i]);
        film->high = fmax(film->high, t->parallax[i]);
    }
}

void film_make(struct film *out, int at, int width, int height)
{
    struct world *worlds = xcalloc(2, sizeof(*worlds));

    world_make(&worlds[0], at, 0);
    world_make(&worlds[1], at, 1);
    *out = (struct film){ .name = worlds[0].name,
                          .says = worlds[0].says,
                          .width = width,
                          .height = height,
                          .low = 1e9,
                          .high = -1e9 };
    for (int t = 0; t < WORLD_FRAMES; t++) {
        struct pose pose = film_pose(worlds, out, t);
        int scored = t - FILM_FIRST;
        bool is_scored = scored >= 0 && scored < FILM_SCORED;

        out->left[t] = image_new(width, height);
        paint_luma(out->left[t].plane[0], &pose, EYE_AT_LEFT, is_scored ? ACROSS : 2,
                   is_scored ? DOWN : 1);
        paint_chroma(&out->left[t], &pose, EYE_AT_LEFT);
        if (is_scored)
            truth_make(&out->truth[scored], out, worlds, t);
    }
    out->divergence = 100 * (out->high - out->low) / width;
    out->convergence = -out->low / (out->high - out->low);
    free(worlds);
}

void film_clear(struct film *film)
{
    for (int t = 0; t < WORLD_FRAMES; t++)
        for (int i = 0; i < 3; i++)
            free(film->left[t].plane[i]);
    for (int t = 0; t < FILM_SCORED; t++) {
        free(film->truth[t].right);
        free(film->truth[t].sight);
        free(film->truth[t].parallax);
        free(film->truth[t].before_x);
        free(film->truth[t].before_y);
    }
}
