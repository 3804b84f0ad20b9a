/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/stereo/scene.h"

#include "common/mem.h"

#include <math.h>
#include <stdlib.h>

#define SURFACES 12
#define ACROSS   4 /* samples of one pixel */
#define DOWN     2

enum shape { SHAPE_ALL, SHAPE_BELOW, SHAPE_ELLIPSE, SHAPE_POLE, SHAPE_COMB };

struct surface { /* in parts of the width and height, parallax in parts of the width */
    enum shape shape;
    double x, y, rx, ry;
    double parallax, tilt_x, tilt_y; /* tilts: change over the whole width or height */
    uint32_t seed;
};

struct world {
    struct surface surfaces[SURFACES];
    int count, width, height;
};

static double noise_at(int x, int y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + seed * 2246822519u;

    h = (h ^ (h >> 13)) * 1274126177u;
    return (double)((h ^ (h >> 16)) & 0xffff) / 65535;
}

static double noise(double x, double y, uint32_t seed)
{
    double fx = floor(x), fy = floor(y), u = x - fx, v = y - fy;
    int ix = (int)fx, iy = (int)fy;

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    return (1 - v) * ((1 - u) * noise_at(ix, iy, seed) + u * noise_at(ix + 1, iy, seed)) +
           v * ((1 - u) * noise_at(ix, iy + 1, seed) + u * noise_at(ix + 1, iy + 1, seed));
}

/* Luma 16..235 of a surface point (px); each surface has its own grey and its own grain. */
static double luma_of(const struct surface *s, double u, double y)
{
    double base = 60 + 120 * noise_at((int)s->seed, 7, 1);

    return base + 70 * (noise(u / 23, y / 23, s->seed) - .5) +
           50 * (noise(u / 7, y / 7, s->seed + 1) - .5) +
           34 * (noise(u / 2.5, y / 2.5, s->seed + 2) - .5);
}

static double parallax_of(const struct world *w, const struct surface *s, double u, double y)
{
    return (s->parallax + s->tilt_x * (u / w->width - .5) + s->tilt_y * (y / w->height - .5)) *
           w->width;
}

static bool covers(const struct world *w, const struct surface *s, double u, double y)
{
    double dx = u / w->width - s->x, dy = y / w->height - s->y;

    switch (s->shape) {
    case SHAPE_ALL:
        return true;
    case SHAPE_BELOW:
        return dy > 0;
    case SHAPE_ELLIPSE:
        return dx * dx / (s->rx * s->rx) + dy * dy / (s->ry * s->ry) < 1;
    case SHAPE_POLE:
        return fabs(dx) < s->rx && fabs(dy) < s->ry;
    case SHAPE_COMB:
        return fabs(dx) < s->rx && fabs(dy) < s->ry && fmod(u + 1000, 9) < 2.2;
    }
    return false;
}

struct hit {
    const struct surface *surface;
    double u, parallax;
};

/* The nearest surface at x of an eye (+1 left, -1 right): x = u + eye * parallax(u) / 2. */
static struct hit look(const struct world *w, double x, double y, int eye)
{
    struct hit best = { NULL, 0, -1e9 };

    for (int i = 0; i < w->count; i++) {
        const struct surface *s = &w->surfaces[i];
        double at_zero = parallax_of(w, s, 0, y);
        double u = (x - eye * at_zero / 2) / (1 + eye * s->tilt_x / 2);
        double p = parallax_of(w, s, u, y);

        if (p > best.parallax && covers(w, s, u, y))
            best = (struct hit){ s, u, p };
    }
    return best;
}

static double pixel(const struct world *w, int x, int y, int eye)
{
    double sum = 0;

    for (int j = 0; j < DOWN; j++)
        for (int i = 0; i < ACROSS; i++) {
            double sy = y + (j + .5) / DOWN - .5;
            struct hit h = look(w, x + (i + .5) / ACROSS - .5, sy, eye);

            sum += luma_of(h.surface, h.u, sy);
        }
    return sum / (ACROSS * DOWN);
}

static void paint(const struct world *w, struct image *out, int eye)
{
    for (int y = 0; y < w->height; y++)
        for (int x = 0; x < w->width; x++) {
            double v = pixel(w, x, y, eye);

            picture_set(out, 0, x, y, (int)lround(v < 0 ? 0 : v > 255 ? 255 : v));
        }
    for (int plane = 1; plane < 3; plane++)
        for (int y = 0; y < picture_height(out, plane); y++)
            for (int x = 0; x < picture_width(out, plane); x++) {
                struct hit h = look(w, 2 * x + .5, 2 * y + .5, eye);

                picture_set(out, plane, x, y,
                            80 + (int)(90 * noise_at((int)h.surface->seed, plane, 3)));
            }
}

static struct world make_world(int width, int height, uint32_t seed)
{
    struct world w = { .width = width, .height = height };
    struct surface *s = w.surfaces;
    uint32_t n = seed * 100;

    *s++ = (struct surface){ SHAPE_ALL, 0, 0, 0, 0, -.007, .003, 0, n + 1 };
    *s++ = (struct surface){ SHAPE_BELOW, 0, .62, 0, 0, .0015, 0, .018, n + 4 };
    *s++ = (struct surface){ SHAPE_POLE, .86, .4, .1, .35, -.002, -.01, 0, n + 7 };
    for (int i = 0; i < 4; i++)
        *s++ = (struct surface){ SHAPE_ELLIPSE,
                                 .15 + .2 * i + .1 * noise_at(i, 1, seed),
                                 .3 + .4 * noise_at(i, 2, seed),
                                 .05 + .04 * noise_at(i, 3, seed),
                                 .1 + .1 * noise_at(i, 4, seed),
                                 .002 + .0025 * i,
                                 .001,
                                 0,
                                 n + 10 + 3 * (uint32_t)i };
    *s++ = (struct surface){ SHAPE_POLE, .33, .5, .004, .45, .009, 0, .001, n + 30 };
    *s++ = (struct surface){ SHAPE_POLE, .71, .5, .0025, .45, .006, 0, 0, n + 33 };
    *s++ = (struct surface){ SHAPE_COMB, .53, .2, .02, .06, .005, 0, 0, n + 36 };
    w.count = (int)(s - w.surfaces);
    return w;
}

static void measure_depth(struct scene *scene, const struct world *w)
{
    double low = 1e9, high = -1e9;
    int width = w->width, height = w->height;
    double *p = xcalloc((size_t)width * (size_t)height, sizeof(*p));

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double v = look(w, x, y, 1).parallax;

            p[y * width + x] = v;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            struct hit h = look(w, x, y, -1), seen = look(w, h.u + h.parallax / 2, y, 1);

            *depth_at(scene->depth, x, y) =
                (uint16_t)lround(65535 * (p[y * width + x] - low) / (high - low));
            scene->hidden[y * width + x] = seen.surface != h.surface;
        }
    free(p);
    scene->divergence = 100 * (high - low) / width;
    scene->convergence = -low / (high - low);
}

struct scene *scene_new(int width, int height, uint32_t seed)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));
    struct world w = make_world(width, height, seed);

    scene->left = picture_new(width, height, 8);
    scene->right = picture_new(width, height, 8);
    scene->depth = depth_new(width, height, 0);
    scene->hidden = xcalloc((size_t)width * (size_t)height, 1);
    paint(&w, scene->left, 1);
    paint(&w, scene->right, -1);
    measure_depth(scene, &w);
    return scene;
}

void scene_free(struct scene *scene)
{
    picture_free(scene->left);
    picture_free(scene->right);
    depth_release(scene->depth);
    free(scene->hidden);
    free(scene);
}

struct plane16 *scene_coarse_depth(const struct scene *scene, int factor)
{
    int w = (scene->left->width + factor - 1) / factor;
    int h = (scene->left->height + factor - 1) / factor;
    struct plane16 *out = depth_new(w, h, 0);

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint32_t sum = 0, count = 0;

            for (int k = y * factor; k < (y + 1) * factor && k < scene->left->height; k++)
                for (int i = x * factor; i < (x + 1) * factor && i < scene->left->width; i++) {
                    sum += *depth_at(scene->depth, i, k);
                    count++;
                }
            *depth_at(out, x, y) = (uint16_t)(sum / count);
        }
    return out;
}
