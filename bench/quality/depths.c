/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/film.h"

#include "common/mem.h"
#include "worker/depth/depth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE         65535
#define GRAIN       .012  /* of the range: noise of each cell and frame */
#define BLOTCH      .03   /* and of patches */
#define BLOTCH_SIZE 12    /* cells */
#define IN_BARS     60000 /* no guess is nearer than .8: only bars, whose depth we choose */

const char *const given_names[GIVEN_KINDS] = { "exact", "half", "quarter", "noisy", "classical" };

static struct plane16 plane_new(int width, int height)
{
    return (struct plane16){ xcalloc((size_t)width * (size_t)height, sizeof(uint16_t)), width,
                             height, width * 2 };
}

static uint16_t clamp16(double v)
{
    return (uint16_t)(v < 0 ? 0 : v > ONE ? ONE : v + .5);
}

/* The true depth, means of factor x factor samples. */
static struct plane16 averaged(const struct film *film, int t, int factor)
{
    struct plane16 out = plane_new(film->width / factor, film->height / factor);
    double scale = ONE / (film->high - film->low) / (factor * factor);

    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            double sum = 0;

            for (int k = 0; k < factor * factor; k++)
                sum += film->truth[t].parallax[(y * factor + k / factor) * film->width +
                                               x * factor + k % factor] -
                       film->low;
            out.px[y * out.width + x] = clamp16(sum * scale);
        }
    return out;
}

static double random_at(int x, int y, int t)
{
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + (uint32_t)t * 2246822519u;

    h = (h ^ (h >> 13)) * 1274126177u;
    h = (h ^ (h >> 15)) * 2654435761u;
    return (double)((h ^ (h >> 16)) & 0xffff) / ONE * 2 - 1;
}

static double blotch(int x, int y, int t)
{
    int cx = x / BLOTCH_SIZE, cy = y / BLOTCH_SIZE;
    double u = (double)(x % BLOTCH_SIZE) / BLOTCH_SIZE, v = (double)(y % BLOTCH_SIZE) / BLOTCH_SIZE;

    return (1 - v) * ((1 - u) * random_at(cx, cy, t) + u * random_at(cx + 1, cy, t)) +
           v * ((1 - u) * random_at(cx, cy + 1, t) + u * random_at(cx + 1, cy + 1, t));
}

static void add_noise(struct plane16 *plane, int t)
{
    for (int y = 0; y < plane->height; y++)
        for (int x = 0; x < plane->width; x++) {
            uint16_t *d = &plane->px[y * plane->width + x];

            *d = clamp16(*d + ONE * (GRAIN * random_at(x, y, 1000 + t) + BLOTCH * blotch(x, y, t)));
        }
}

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        (void)fprintf(stderr, "bench_quality: %s\n", err->msg);
        exit(1);
    }
}

static void pop_ready(struct depth *depth, struct plane16 *out, int first, int *popped)
{
    AUTO_FREE uint16_t *px = xcalloc((size_t)depth->width * (size_t)depth->height, sizeof(*px));
    struct plane16 plane = { px, depth->width, depth->height, depth->width * 2 };
    struct err err;
    bool ready = true;

    while (ready) {
        int t;

        must(depth->ops->pop(depth, &plane, &ready, &err), &err);
        t = first + *popped - FILM_FIRST;
        *popped += ready;
        if (!ready || t < 0 || t >= FILM_SCORED)
            continue;
        free(out[t].px);
        out[t] = plane_new(plane.width, plane.height);
        memcpy(out[t].px, px, (size_t)plane.width * (size_t)plane.height * sizeof(*px));
    }
}

/* The product's own depth of frames first..last-1 alone, as a segment sees them. */
static void guess(struct plane16 out[FILM_SCORED], const struct film *film, int first, int last)
{
    AUTO(depth) struct depth *depth = NULL;
    struct err err;
    int popped = 0;

    must(depth_classical_new(&depth, film->width, film->height, 8, &err), &err);
    depth->screen = ONE;
    for (int t = first; t <= last && popped < last - first; t++) {
        if (t < last)
            must(depth->ops->push(depth, &film->left[t], &err), &err);
        else
            must(depth->ops->flush(depth, &err), &err);
        pop_ready(depth, out, first, &popped);
    }
}

/* Two segments, each with the window it needs beyond what it owns; counts what is not as in the
 * film's depth taken whole. */
static void guess_in_segments(struct depths *out, const struct film *film)
{
    struct plane16 whole[FILM_SCORED] = { 0 }, before[FILM_SCORED] = { 0 };
    int window = (int)depth_classical_support(), joint = WORLD_JOINT;

    guess(whole, film, 0, WORLD_FRAMES);
    guess(before, film, 0, joint + window < WORLD_FRAMES ? joint + window : WORLD_FRAMES);
    guess(out->plane, film, joint > window ? joint - window : 0, WORLD_FRAMES);
    for (int t = 0; t < FILM_SCORED; t++) {
        int cells = whole[t].width * whole[t].height;

        if (FILM_FIRST + t < joint)
            memcpy(out->plane[t].px, before[t].px, (size_t)cells * sizeof(uint16_t));
        for (int i = 0; i < cells; i++)
            out->joint_differs += whole[t].px[i] != out->plane[t].px[i];
        free(whole[t].px);
        free(before[t].px);
    }
}

/* A guess knows order, not distance: scale and shift are chosen for the whole film, so that it
 * comes nearest to the truth. Never upside down. */
static void align(struct depths *d, const struct film *film)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, scale, shift;
    int factor = film->width / d->plane[0].width;

    for (int t = 0; t < FILM_SCORED; t++)
        for (int y = 0; y < d->plane[t].height; y++)
            for (int x = 0; x < d->plane[t].width; x++) {
                double v = d->plane[t].px[y * d->plane[t].width + x];
                double want = film->truth[t].parallax[y * factor * film->width + x * factor];

                if (v > IN_BARS)
                    continue;
                want = (want - film->low) / (film->high - film->low) * ONE;
                n++, sx += v, sy += want, sxx += v * v, sxy += v * want;
            }
    scale = n * sxx > sx * sx ? fmax((n * sxy - sx * sy) / (n * sxx - sx * sx), 0) : 0;
    shift = n > 0 ? (sy - scale * sx) / n : 0;
    for (int t = 0; t < FILM_SCORED; t++)
        for (int i = 0; i < d->plane[t].width * d->plane[t].height; i++) {
            uint16_t *v = &d->plane[t].px[i];

            *v = clamp16(*v > IN_BARS ? film->convergence * ONE : *v * scale + shift);
        }
}

void depths_make(struct depths *out, const struct film *film, enum given kind)
{
    static const int factors[] = { 1, 2, 4, 2 };

    *out = (struct depths){ 0 };
    if (kind == GIVEN_CLASSICAL) {
        guess_in_segments(out, film);
        align(out, film);
        return;
    }
    for (int t = 0; t < FILM_SCORED; t++) {
        out->plane[t] = averaged(film, t, factors[kind]);
        if (kind == GIVEN_NOISY)
            add_noise(&out->plane[t], FILM_FIRST + t);
    }
}

void depths_clear(struct depths *depths)
{
    for (int t = 0; t < FILM_SCORED; t++)
        free(depths->plane[t].px);
}
