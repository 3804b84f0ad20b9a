/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/stereo/scene.h"

#include "common/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD      64 /* bytes before and after each plane */
#define ROW_EXTRA  16
#define GUARD_BYTE 0xA5

int picture_width(const struct image *p, int plane)
{
    return plane ? (p->width + 1) / 2 : p->width;
}

int picture_height(const struct image *p, int plane)
{
    return plane ? (p->height + 1) / 2 : p->height;
}

static size_t sample_bytes(const struct image *p)
{
    return p->bit_depth == 8 ? 1 : 2;
}

static size_t row_bytes(const struct image *p, int plane)
{
    return (size_t)picture_width(p, plane) * sample_bytes(p);
}

static size_t plane_bytes(const struct image *p, int plane)
{
    return (size_t)p->stride[plane] * (size_t)picture_height(p, plane);
}

struct image *picture_new(int width, int height, int bit_depth)
{
    struct image *p = xcalloc(1, sizeof(*p));

    p->width = width;
    p->height = height;
    p->bit_depth = bit_depth;
    for (int i = 0; i < 3; i++) {
        uint8_t *memory;

        p->stride[i] = (ptrdiff_t)((row_bytes(p, i) + ROW_EXTRA) & ~(size_t)1);
        memory = xmalloc(plane_bytes(p, i) + 2 * GUARD);
        memset(memory, GUARD_BYTE, plane_bytes(p, i) + 2 * GUARD);
        p->plane[i] = memory + GUARD;
    }
    return p;
}

void picture_free(struct image *p)
{
    if (!p)
        return;
    for (int i = 0; i < 3; i++)
        free(p->plane[i] - GUARD);
    free(p);
}

bool picture_guards_whole(const struct image *p)
{
    for (int i = 0; i < 3; i++) {
        const uint8_t *at = p->plane[i];

        for (int k = 1; k <= GUARD; k++)
            if (at[-k] != GUARD_BYTE || at[plane_bytes(p, i) + (size_t)k - 1] != GUARD_BYTE)
                return false;
        for (int y = 0; y < picture_height(p, i); y++)
            for (size_t k = row_bytes(p, i); k < (size_t)p->stride[i]; k++)
                if (at[y * p->stride[i] + (ptrdiff_t)k] != GUARD_BYTE)
                    return false;
    }
    return true;
}

int picture_get(const struct image *p, int plane, int x, int y)
{
    const uint8_t *row = p->plane[plane] + y * p->stride[plane];

    return p->bit_depth == 8 ? row[x] : ((const uint16_t *)(const void *)row)[x];
}

void picture_set(struct image *p, int plane, int x, int y, int value)
{
    uint8_t *row = p->plane[plane] + y * p->stride[plane];

    if (p->bit_depth == 8)
        row[x] = (uint8_t)value;
    else
        ((uint16_t *)(void *)row)[x] = (uint16_t)value;
}

#define EACH_SAMPLE(p)                                                                             \
    for (int plane = 0; plane < 3; plane++)                                                        \
        for (int y = 0; y < picture_height(p, plane); y++)                                         \
            for (int x = 0; x < picture_width(p, plane); x++)

void picture_fill(struct image *p, int value)
{
    EACH_SAMPLE(p)
    picture_set(p, plane, x, y, value);
}

bool picture_same_luma(const struct image *a, const struct image *b)
{
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            if (picture_get(a, 0, x, y) != picture_get(b, 0, x, y))
                return false;
    return true;
}

void picture_flip(struct image *out, const struct image *in)
{
    EACH_SAMPLE(in)
    picture_set(out, plane, picture_width(in, plane) - 1 - x, y, picture_get(in, plane, x, y));
}

void picture_texture(struct image *p, uint32_t seed)
{
    int scale = p->bit_depth == 8 ? 1 : 4;

    EACH_SAMPLE(p)
    {
        int X = plane ? 2 * x : x, Y = plane ? 2 * y : y;
        double v = 120 + 60 * sin(X * 0.21 + Y * 0.05 + seed) + 40 * sin(X * 0.043 - Y * 0.3);
        uint32_t h = ((uint32_t)X * 73856093u) ^ ((uint32_t)Y * 19349663u) ^ (seed * 83492791u);

        h = (h ^ (h >> 13)) * 0x5bd1e995u;
        picture_set(p, plane, x, y, ((int)v + (int)(h >> 16) % 24) * scale);
    }
}

struct plane16 *depth_new(int width, int height, uint16_t value)
{
    struct plane16 *d = xcalloc(1, sizeof(*d));

    d->width = width;
    d->height = height;
    d->stride = (width + 3) * 2;
    d->px = xcalloc((size_t)(width + 3) * (size_t)height, 2);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            *depth_at(d, x, y) = value;
    return d;
}

void depth_release(struct plane16 *depth)
{
    if (!depth)
        return;
    free(depth->px);
    free(depth);
}

uint16_t *depth_at(const struct plane16 *depth, int x, int y)
{
    return (uint16_t *)(void *)((char *)depth->px + y * depth->stride) + x;
}

double picture_psnr(const struct image *a, const struct image *b)
{
    double sum = 0, top = a->bit_depth == 8 ? 255 : 1023;

    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++) {
            double d = picture_get(a, 0, x, y) - picture_get(b, 0, x, y);

            sum += d * d;
        }
    return sum == 0 ? 99 : 10 * log10(top * top * a->width * a->height / sum);
}

static double block_ssim(const struct image *a, const struct image *b, int bx, int by)
{
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, c1 = 6.5025, c2 = 58.5225;

    for (int y = by; y < by + 8; y++)
        for (int x = bx; x < bx + 8; x++) {
            double u = picture_get(a, 0, x, y), v = picture_get(b, 0, x, y);

            sa += u / 64, sb += v / 64;
            saa += u * u / 64, sbb += v * v / 64, sab += u * v / 64;
        }
    return (2 * sa * sb + c1) * (2 * (sab - sa * sb) + c2) /
           ((sa * sa + sb * sb + c1) * (saa - sa * sa + sbb - sb * sb + c2));
}

double picture_ssim(const struct image *a, const struct image *b)
{
    double sum = 0;
    int n = 0;

    for (int y = 0; y + 8 <= a->height; y += 4)
        for (int x = 0; x + 8 <= a->width; x += 4, n++)
            sum += block_ssim(a, b, x, y);
    return sum / n;
}

static bool is_edge(const struct image *p, int x, int y)
{
    int gx = 0, gy = 0;

    for (int k = -1; k <= 1; k++) {
        int weight = k ? 1 : 2;

        gx += weight * (picture_get(p, 0, x + 1, y + k) - picture_get(p, 0, x - 1, y + k));
        gy += weight * (picture_get(p, 0, x + k, y + 1) - picture_get(p, 0, x + k, y - 1));
    }
    return abs(gx) + abs(gy) > 200;
}

double picture_edges(const struct image *a, const struct image *b)
{
    int both = 0, either = 0;

    for (int y = 1; y < a->height - 1; y++)
        for (int x = 1; x < a->width - 1; x++) {
            bool u = is_edge(a, x, y), v = is_edge(b, x, y);

            both += u && v;
            either += u || v;
        }
    return either ? (double)both / either : 1;
}
