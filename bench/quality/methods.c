/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/methods.h"

#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS  5 /* of the fixed point */
#define UNKNOWN (-1.f)
#define GROWS   2 /* cells of depth, as in iw3 unless told otherwise */

const char *const method_names[METHODS] = {
    "identity",       "naive backward",    "fixed-point backward", "forward, layered fix",
    "forward",        "forward, dilation", "soft splat",           "ours",
    "ours, dilation",
};

struct maker {
    struct warp *warp, *dilating;
    struct image out;
    int width, height, pad;
    float *row, *weight, *index;      /* [width] */
    float *floors, *ceils, *order[2]; /* [width] of a forward warp */
    float *floor_part, *ceil_part;    /* weights beside them */
    float *floor_index, *ceil_index;  /* the sources they came from */
};

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        (void)fprintf(stderr, "bench_quality: %s\n", err->msg);
        exit(1);
    }
}

struct maker *maker_new(const struct film *film)
{
    struct maker *m = xcalloc(1, sizeof(*m));
    float **rows[] = { &m->row,       &m->weight,      &m->index,     &m->floors,
                       &m->ceils,     &m->order[0],    &m->order[1],  &m->floor_part,
                       &m->ceil_part, &m->floor_index, &m->ceil_index };
    struct warp_opts opts = { .width = film->width,
                              .height = film->height,
                              .bit_depth = 8,
                              .layout = LAYOUT_RIGHT,
                              .synthetic = SYNTHETIC_RIGHT,
                              .divergence = film->divergence,
                              .convergence = film->convergence };
    size_t w = (size_t)film->width, h = (size_t)film->height;
    struct err err;

    m->width = film->width;
    m->height = film->height;
    m->pad = (int)(film->high - film->low) + 2;
    m->out = (struct image){ .width = m->width, .height = m->height, .bit_depth = 8 };
    for (int i = 0; i < 3; i++) {
        m->out.stride[i] = (ptrdiff_t)(i ? (w + 1) / 2 : w);
        m->out.plane[i] = xcalloc((size_t)m->out.stride[i], i ? (h + 1) / 2 : h);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i] = xcalloc(w, sizeof(float));
    must(warp_new(&m->warp, &opts, &err), &err);
    opts.edge_dilation = GROWS;
    must(warp_new(&m->dilating, &opts, &err), &err);
    return m;
}

void maker_free(struct maker *m)
{
    float *rows[] = { m->row,       m->weight,      m->index,     m->floors,
                      m->ceils,     m->order[0],    m->order[1],  m->floor_part,
                      m->ceil_part, m->floor_index, m->ceil_index };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        free(rows[i]);
    for (int i = 0; i < 3; i++)
        free(m->out.plane[i]);
    warp_free(m->warp);
    warp_free(m->dilating);
    free(m);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static uint16_t cell(const struct plane16 *depth, int x, int y)
{
    return depth->px[clamp(y, 0, depth->height - 1) * (int)(depth->stride / 2) +
                     clamp(x, 0, depth->width - 1)];
}

void parallax_of(float *out, const struct film *film, const struct plane16 *depth)
{
    double range = film->divergence / 100 * film->width;

    for (int y = 0; y < film->height; y++)
        for (int x = 0; x < film->width; x++) {
            double u = (x + .5) * depth->width / film->width - .5;
            double v = (y + .5) * depth->height / film->height - .5;
            int i = (int)floor(u), j = (int)floor(v);
            double fu = u - i, fv = v - j;
            double d = (1 - fv) * ((1 - fu) * cell(depth, i, j) + fu * cell(depth, i + 1, j)) +
                       fv * ((1 - fu) * cell(depth, i, j + 1) + fu * cell(depth, i + 1, j + 1));

            out[y * film->width + x] = (float)(range * (d / 65535 - film->convergence));
        }
}

struct plane16 depth_dilated(const struct plane16 *depth)
{
    struct plane16 out = { xcalloc((size_t)depth->width * (size_t)depth->height, sizeof(uint16_t)),
                           depth->width, depth->height, depth->width * 2 };

    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            uint16_t most = 0;

            for (int k = 0; k < 15; k++) {
                uint16_t v = cell(depth, x + k % 5 - 2, y + k / 5 - 1);

                most = v > most ? v : most;
            }
            out.px[y * out.width + x] = most;
        }
    return out;
}

static float lerp_at(const uint8_t *row, int n, float at)
{
    int i;

    at = fminf(fmaxf(at, 0), (float)(n - 1));
    i = at < (float)(n - 1) ? (int)at : n - 2;
    return (float)row[i] + (at - (float)i) * (float)(row[i + 1] - row[i]);
}

static float parallax_at(const float *row, int n, float at)
{
    int i;

    at = fminf(fmaxf(at, 0), (float)(n - 1));
    i = at < (float)(n - 1) ? (int)at : n - 2;
    return row[i] + (at - (float)i) * (row[i + 1] - row[i]);
}

/* The right's x comes from x + p, p being read at x itself, or where the last round led. */
static void backward_row(struct maker *m, const uint8_t *left, const float *p, int rounds)
{
    for (int x = 0; x < m->width; x++) {
        float at = (float)x + p[x];

        for (int i = 0; i < rounds; i++)
            at = (float)x + parallax_at(p, m->width, at);
        m->row[x] = lerp_at(left, m->width, at);
    }
}

/* Holes take the next sample to their right, which in the right eye is what lies behind; at the
 * right border there is none. */
static void smear(float *row, int n)
{
    for (int x = n - 2; x >= 0; x--)
        if (row[x] < 0)
            row[x] = row[x + 1];
    for (int x = 1; x < n; x++)
        if (row[x] < 0)
            row[x] = row[x - 1];
}

/* Every sample falls between two; of all that have the same one to their left the nearest is kept,
 * and of all that have it to their right. Ends are repeated beyond the frame. */
static void forward_row(struct maker *m, const uint8_t *left, const float *p)
{
    int w = m->width;

    for (int x = 0; x < w; x++) {
        m->order[0][x] = m->order[1][x] = -1e9f;
        m->floor_part[x] = m->ceil_part[x] = 0;
    }
    for (int s = -m->pad; s < w + m->pad; s++) {
        int i = clamp(s, 0, w - 1), to;
        float at = (float)s - p[i], frac;

        if (at < -1 || at >= (float)w)
            continue;
        to = (int)floorf(at);
        frac = fminf(fmaxf(at - (float)to, 1e-5f), 1 - 1e-5f);
        if (to >= 0 && p[i] >= m->order[0][to]) {
            m->order[0][to] = p[i];
            m->floors[to] = left[i];
            m->floor_part[to] = 1 - frac;
            m->floor_index[to] = (float)s;
        }
        if (to + 1 < w && p[i] >= m->order[1][to + 1]) {
            m->order[1][to + 1] = p[i];
            m->ceils[to + 1] = left[i];
            m->ceil_part[to + 1] = frac;
            m->ceil_index[to + 1] = (float)s;
        }
    }
    for (int x = 0; x < w; x++) {
        float a = m->floor_part[x], b = m->ceil_part[x], sum = a + b;

        m->row[x] = sum > 0 ? (m->floors[x] * a + m->ceils[x] * b) / sum : UNKNOWN;
        m->index[x] = sum > 0 ? (m->floor_index[x] * a + m->ceil_index[x] * b) / sum + (float)m->pad
                              : UNKNOWN;
    }
}

/* What comes from farther left than something before it shines through holes of a nearer layer, or
 * stands out before it: thrown away. */
static void drop_layers(struct maker *m)
{
    float most;

    smear(m->index, m->width);
    most = m->index[0];
    for (int x = 1; x < m->width; x++) {
        if (m->index[x] < most)
            m->row[x] = UNKNOWN;
        most = fmaxf(most, m->index[x]);
    }
}

/* Everything that falls on a sample counts, what is nearer by sqrt(2) a sample of parallax. */
static void soft_row(struct maker *m, const uint8_t *left, const float *p)
{
    int w = m->width;

    for (int x = 0; x < w; x++)
        m->row[x] = m->weight[x] = 0;
    for (int s = -m->pad; s < w + m->pad; s++) {
        int i = clamp(s, 0, w - 1), to;
        float at = (float)s - p[i], frac, near = powf(1.414f, p[i]);

        if (at < -1 || at >= (float)w)
            continue;
        to = (int)floorf(at);
        frac = at - (float)to;
        for (int k = 0; k < 2; k++)
            if (to + k >= 0 && to + k < w) {
                float part = near * (k ? frac : 1 - frac);

                m->row[to + k] += part * left[i];
                m->weight[to + k] += part;
            }
    }
    for (int x = 0; x < w; x++)
        m->row[x] = m->weight[x] > 1e-6f ? m->row[x] / m->weight[x] : UNKNOWN;
}

static void make_row(struct maker *m, enum method method, const struct view *view, int y)
{
    const uint8_t *left = view->left->plane[0] + y * view->left->stride[0];
    const float *p = view->parallax + (ptrdiff_t)y * m->width;

    switch (method) {
    case METHOD_BACKWARD:
        backward_row(m, left, p, 0);
        return;
    case METHOD_FIXED_POINT:
        backward_row(m, left, p, ROUNDS);
        return;
    case METHOD_FORWARD_LAYERED:
        forward_row(m, left, p);
        drop_layers(m);
        break;
    case METHOD_FORWARD:
        forward_row(m, left, p);
        break;
    case METHOD_FORWARD_DILATED:
        forward_row(m, left, view->dilated + (ptrdiff_t)y * m->width);
        break;
    case METHOD_SOFT_SPLAT:
        soft_row(m, left, p);
        break;
    default:
        for (int x = 0; x < m->width; x++)
            m->row[x] = left[x];
        return;
    }
    smear(m->row, m->width);
}

void maker_make(struct maker *m, uint8_t *out, enum method method, const struct view *view)
{
    if (method == METHOD_OURS || method == METHOD_OURS_DILATED) {
        warp_frame(method == METHOD_OURS ? m->warp : m->dilating, &m->out, view->left, view->depth);
        memcpy(out, m->out.plane[0], (size_t)m->width * (size_t)m->height);
        return;
    }
    for (int y = 0; y < m->height; y++) {
        make_row(m, method, view, y);
        for (int x = 0; x < m->width; x++)
            out[y * m->width + x] = (uint8_t)lrintf(m->row[x]);
    }
}
