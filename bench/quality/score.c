/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/score.h"

#include "bench/quality/film.h"
#include "common/auto.h"
#include "common/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW      8
#define WINDOW_STEP 4
#define EDGE_LOW    100
#define EDGE_HIGH   200
#define CHANGED     5 /* levels from the left view */

static double window_ssim(const uint8_t *a, const uint8_t *b, int stride)
{
    const double c1 = 6.5025, c2 = 58.5225, n = WINDOW * WINDOW;
    int sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    double ma, mb, va, vb, cov;

    for (int y = 0; y < WINDOW; y++)
        for (int x = 0; x < WINDOW; x++) {
            int i = a[y * stride + x], j = b[y * stride + x];

            sa += i, sb += j, aa += i * i, bb += j * j, ab += i * j;
        }
    ma = sa / n, mb = sb / n;
    va = aa / n - ma * ma, vb = bb / n - mb * mb, cov = ab / n - ma * mb;
    return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

double ssim_of(struct size size, const uint8_t *a, const uint8_t *b)
{
    double sum = 0;
    int count = 0;

    for (int y = 0; y + WINDOW <= size.height; y += WINDOW_STEP)
        for (int x = 0; x + WINDOW <= size.width; x += WINDOW_STEP) {
            sum += window_ssim(a + y * size.width + x, b + y * size.width + x, size.width);
            count++;
        }
    return sum / count;
}

struct slope {
    int dx, dy;
};

static struct slope slope_at(const uint8_t *p, int w)
{
    return (struct slope){ p[1 - w] + 2 * p[1] + p[1 + w] - p[-1 - w] - 2 * p[-1] - p[-1 + w],
                           p[w - 1] + 2 * p[w] + p[w + 1] - p[-w - 1] - 2 * p[-w] - p[-w + 1] };
}

/* Highest along the slope, of the two neighbours that lie in its direction. */
static bool is_ridge(const int *m, int w, struct slope s)
{
    int step;

    if (abs(s.dy) * 1000 < abs(s.dx) * 414)
        step = 1;
    else if (abs(s.dx) * 1000 < abs(s.dy) * 414)
        step = w;
    else
        step = (s.dx > 0) == (s.dy > 0) ? w + 1 : w - 1;
    return m[0] > m[-step] && m[0] >= m[step];
}

/* Weak edges that touch a strong one are edges. */
static void follow(uint8_t *out, int w, int n, int *stack, int depth)
{
    while (depth > 0) {
        int i = stack[--depth];

        for (int k = 0; k < 9; k++) {
            int j = i + (k / 3 - 1) * w + k % 3 - 1;

            if (j >= 0 && j < n && out[j] == 1) {
                out[j] = 2;
                stack[depth++] = j;
            }
        }
    }
}

void canny(uint8_t *out, struct size size, const uint8_t *px)
{
    int w = size.width, h = size.height, n = w * h, depth = 0;
    AUTO_FREE int *m = xcalloc((size_t)n, sizeof(*m));
    AUTO_FREE int *stack = xcalloc((size_t)n, sizeof(*stack));

    memset(out, 0, (size_t)n);
    for (int y = 1; y < h - 1; y++)
        for (int x = 1; x < w - 1; x++) {
            struct slope s = slope_at(px + y * w + x, w);

            m[y * w + x] = abs(s.dx) + abs(s.dy);
        }
    for (int y = 1; y < h - 1; y++)
        for (int x = 1; x < w - 1; x++) {
            int i = y * w + x;

            if (m[i] <= EDGE_LOW || !is_ridge(m + i, w, slope_at(px + i, w)))
                continue;
            out[i] = m[i] > EDGE_HIGH ? 2 : 1;
            if (out[i] == 2)
                stack[depth++] = i;
        }
    follow(out, w, n, stack, depth);
    for (int i = 0; i < n; i++)
        out[i] = out[i] == 2;
}

static double shared(const uint8_t *a, const uint8_t *b, int n)
{
    int both = 0, any = 0;

    for (int i = 0; i < n; i++) {
        both += a[i] & b[i];
        any += a[i] | b[i];
    }
    return any ? (double)both / any : 1;
}

static void mark_changes(uint8_t *out, const uint8_t *px, const uint8_t *left, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = abs(px[i] - left[i]) > CHANGED;
}

double siou_of(struct size size, const uint8_t *made, const uint8_t *right, const uint8_t *left)
{
    int n = size.width * size.height;
    AUTO_FREE uint8_t *a = xcalloc((size_t)n, 1);
    AUTO_FREE uint8_t *b = xcalloc((size_t)n, 1);
    double edges;

    canny(a, size, made);
    canny(b, size, right);
    edges = shared(a, b, n);
    mark_changes(a, made, left, n);
    mark_changes(b, right, left, n);
    return .75 * edges + .25 * shared(a, b, n);
}

void score_add(struct score *s, struct size size, const uint8_t *made, const uint8_t *right,
               const uint8_t *left, const uint8_t *sight)
{
    for (int i = 0; i < size.width * size.height; i++) {
        double d = made[i] - right[i];

        s->squares[sight[i]] += d * d;
        s->samples[sight[i]]++;
    }
    s->ssim += ssim_of(size, made, right);
    s->siou += siou_of(size, made, right, left);
    s->frames++;
}

static double between(const float *v, int w, int h, double x, double y)
{
    int i = (int)x, j = (int)y;
    double fx, fy;

    i = i > w - 2 ? w - 2 : i;
    j = j > h - 2 ? h - 2 : j;
    fx = x - i, fy = y - j;
    v += j * w + i;
    return (1 - fy) * ((1 - fx) * v[0] + fx * v[1]) + fy * ((1 - fx) * v[w] + fx * v[w + 1]);
}

void score_add_flicker(struct score *s, struct size size, const float *error,
                       const float *error_before, const float *before_x, const float *before_y)
{
    for (int i = 0; i < size.width * size.height; i++)
        if (!isnan(before_x[i])) {
            s->flicker += fabs(error[i] - between(error_before, size.width, size.height,
                                                  before_x[i], before_y[i]));
            s->flicker_samples++;
        }
}

static double psnr(double squares, double samples)
{
    if (samples == 0)
        return NAN;
    return squares > 0 ? 10 * log10(255 * 255 * samples / squares) : 99;
}

double score_psnr_all(const struct score *s)
{
    return psnr(s->squares[0] + s->squares[1] + s->squares[2],
                s->samples[0] + s->samples[1] + s->samples[2]);
}

double score_psnr_seen(const struct score *s)
{
    return psnr(s->squares[SIGHT_SEEN], s->samples[SIGHT_SEEN]);
}

double score_psnr_hidden(const struct score *s)
{
    return psnr(s->squares[SIGHT_HIDDEN], s->samples[SIGHT_HIDDEN]);
}

double score_ssim(const struct score *s)
{
    return s->ssim / s->frames;
}

double score_siou(const struct score *s)
{
    return s->siou / s->frames;
}

double score_flicker(const struct score *s)
{
    return s->flicker_samples > 0 ? s->flicker / s->flicker_samples : NAN;
}
