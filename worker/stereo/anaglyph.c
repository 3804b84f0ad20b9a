/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/anaglyph.h"

#include "worker/stereo/pack.h"

#include <math.h>
#include <stdlib.h>

#define CODE_MAX   4095 /* R'G'B' has 12 bits */
#define LINEAR_MAX 65535
#define TO_RGB     14 /* bits behind the point of the matrices */
#define FROM_RGB   18
#define MIX        14
#define SUB        8 /* chroma between samples is counted in eighths */

enum { RED, GREEN, BLUE };

struct rgb {
    int32_t c[3];
    int32_t luma; /* gamma-coded, as the film has it; 12 bits */
};

struct anaglyph {
    struct anaglyph_opts opts;
    int32_t black, middle; /* of luma, of chroma */
    int32_t from_y, red_v, green_u, green_v, blue_u;
    int32_t to_yuv[3][3];
    int32_t mix[2][3][3]; /* by enum eye; Dubois */
    uint16_t *linear;     /* owned; CODE_MAX + 1 */
    uint16_t *code;       /* owned; LINEAR_MAX + 1 */
    int32_t *chroma[4];   /* owned rows: U and V of the left eye, then of the right; in eighths */
    int32_t *packed[4];   /* owned rows: U and V of an even row, then of the row in work */
};

/* E. Dubois, least squares for red and cyan: rows are R, G, B of the picture. */
static const double dubois[2][3][3] = {
    { { .4561, .500484, .176381 },
      { -.0400822, -.0378246, -.0157589 },
      { -.0152161, -.0205971, -.00546856 } },
    { { -.0434706, -.0879388, -.00155529 },
      { .378476, .73364, -.0184503 },
      { -.0721527, -.112961, 1.2264 } },
};

static int32_t clamp(int32_t v, int32_t most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static void primaries_weights(const struct anaglyph_opts *o, double *kr, double *kb)
{
    switch (o->color_space) {
    case 4: /* FCC */
        *kr = .3, *kb = .11;
        return;
    case 5:
    case 6:
        *kr = .299, *kb = .114;
        return;
    case 7: /* SMPTE 240M */
        *kr = .212, *kb = .087;
        return;
    case 9:
    case 10:
        *kr = .2627, *kb = .0593;
        return;
    case 1:
        *kr = .2126, *kb = .0722;
        return;
    default:
        *kr = o->height >= 720 ? .2126 : .299;
        *kb = o->height >= 720 ? .0722 : .114;
    }
}

static int32_t fixed(double v, int bits)
{
    return (int32_t)lround(v * (1 << bits));
}

static void make_matrices(struct anaglyph *a)
{
    const struct anaglyph_opts *o = &a->opts;
    int scale = 1 << (o->bit_depth - 8), full = o->color_range == 2;
    double luma = full ? (1 << o->bit_depth) - 1 : 219 * scale;
    double chroma = full ? (1 << o->bit_depth) - 1 : 224 * scale;
    double kr, kb, kg, to_y, to_u, to_v;

    primaries_weights(o, &kr, &kb);
    kg = 1 - kr - kb;
    a->black = full ? 0 : 16 * scale;
    a->middle = 128 * scale;
    a->from_y = fixed(CODE_MAX / luma, TO_RGB);
    a->red_v = fixed(2 * (1 - kr) * CODE_MAX / chroma / SUB, TO_RGB);
    a->blue_u = fixed(2 * (1 - kb) * CODE_MAX / chroma / SUB, TO_RGB);
    a->green_u = fixed(-2 * (1 - kb) * kb / kg * CODE_MAX / chroma / SUB, TO_RGB);
    a->green_v = fixed(-2 * (1 - kr) * kr / kg * CODE_MAX / chroma / SUB, TO_RGB);
    to_y = luma / CODE_MAX;
    to_u = chroma / CODE_MAX / (2 * (1 - kb));
    to_v = chroma / CODE_MAX / (2 * (1 - kr));
    for (int c = 0; c < 3; c++) {
        double k = c == RED ? kr : c == GREEN ? kg : kb;

        a->to_yuv[0][c] = fixed(k * to_y, FROM_RGB);
        a->to_yuv[1][c] = fixed(((c == BLUE) - k) * to_u, FROM_RGB);
        a->to_yuv[2][c] = fixed(((c == RED) - k) * to_v, FROM_RGB);
        for (int eye = 0; eye < 2; eye++)
            for (int from = 0; from < 3; from++)
                a->mix[eye][c][from] = fixed(dubois[eye][c][from], MIX);
    }
}

static void make_curves(struct anaglyph *a)
{
    for (int i = 0; i <= CODE_MAX; i++) {
        double v = (double)i / CODE_MAX;

        v = v <= .04045 ? v / 12.92 : pow((v + .055) / 1.055, 2.4);
        a->linear[i] = (uint16_t)lround(v * LINEAR_MAX);
    }
    for (int i = 0; i <= LINEAR_MAX; i++) {
        double v = (double)i / LINEAR_MAX;

        v = v <= .0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - .055;
        a->code[i] = (uint16_t)lround(v * CODE_MAX);
    }
}

int anaglyph_new(struct anaglyph **out, const struct anaglyph_opts *opts, struct err *err)
{
    AUTO(anaglyph) struct anaglyph *a = calloc(1, sizeof(*a));

    if (!a)
        return err_set(err, ERR_NOMEM, "no memory for an anaglyph");
    a->opts = *opts;
    a->linear = calloc(CODE_MAX + 1, sizeof(*a->linear));
    a->code = calloc(LINEAR_MAX + 1, sizeof(*a->code));
    if (!a->linear || !a->code)
        return err_set(err, ERR_NOMEM, "no memory for an anaglyph's curves");
    for (int i = 0; i < 4; i++) {
        a->chroma[i] = calloc((size_t)opts->width, sizeof(*a->chroma[i]));
        a->packed[i] = calloc((size_t)opts->width, sizeof(*a->packed[i]));
        if (!a->chroma[i] || !a->packed[i])
            return err_set(err, ERR_NOMEM, "no memory for an anaglyph's rows of %d", opts->width);
    }
    make_matrices(a);
    make_curves(a);
    *out = TAKE(a);
    return 0;
}

void anaglyph_free(struct anaglyph *a)
{
    if (!a)
        return;
    free(a->linear);
    free(a->code);
    for (int i = 0; i < 4; i++) {
        free(a->chroma[i]);
        free(a->packed[i]);
    }
    free(a);
}

static const void *row_of(const struct image *image, int plane, int y)
{
    return image->plane[plane] + y * image->stride[plane];
}

static inline int32_t sample(const void *row, int x, bool deep)
{
    return deep ? ((const uint16_t *)row)[x] : ((const uint8_t *)row)[x];
}

static inline void put(void *row, int x, int32_t v, bool deep)
{
    if (deep)
        ((uint16_t *)row)[x] = (uint16_t)v;
    else
        ((uint8_t *)row)[x] = (uint8_t)v;
}

/* Chroma at luma row y, in eighths around the middle. Its samples lie on even columns and between
 * two rows, as H.264 and HEVC have it where nothing else is said. */
static void widen_chroma(const struct anaglyph *a, int32_t *out, const struct image *eye, int plane,
                         int y)
{
    int last = chroma_size(eye->height) - 1, width = chroma_size(eye->width), w = eye->width;
    int other = y / 2 + (y % 2 ? 1 : -1);
    bool deep = eye->bit_depth > 8;
    const void *near = row_of(eye, plane, y / 2);
    const void *far = row_of(eye, plane, clamp(other, last));

    for (int x = 0; x < width; x++) {
        int32_t here = 3 * sample(near, x, deep) + sample(far, x, deep), next = here;

        if (x + 1 < width)
            next = 3 * sample(near, x + 1, deep) + sample(far, x + 1, deep);
        out[2 * x] = 2 * here - SUB * a->middle;
        if (2 * x + 1 < w)
            out[2 * x + 1] = here + next - SUB * a->middle;
    }
}

static inline struct rgb to_rgb(const struct anaglyph *a, int32_t y, int32_t u, int32_t v)
{
    const int32_t half = 1 << (TO_RGB - 1);
    int32_t grey = (y - a->black) * a->from_y + half;

    return (struct rgb){
        .c = { clamp((grey + v * a->red_v) >> TO_RGB, CODE_MAX),
               clamp((grey + u * a->green_u + v * a->green_v) >> TO_RGB, CODE_MAX),
               clamp((grey + u * a->blue_u) >> TO_RGB, CODE_MAX) },
        .luma = clamp(grey >> TO_RGB, CODE_MAX),
    };
}

static inline int32_t share(const struct anaglyph *a, const int32_t m[3], const struct rgb *p)
{
    int32_t sum = m[0] * a->linear[p->c[0]] + m[1] * a->linear[p->c[1]] +
                  m[2] * a->linear[p->c[2]] + (1 << (MIX - 1));

    return clamp(sum >> MIX, LINEAR_MAX);
}

static inline struct rgb mix(const struct anaglyph *a, const struct rgb *left,
                             const struct rgb *right)
{
    struct rgb out = { .c = { left->c[RED], right->c[GREEN], right->c[BLUE] } };

    switch (a->opts.layout) {
    case LAYOUT_ANAGLYPH_DUBOIS:
        for (int i = 0; i < 3; i++)
            out.c[i] = a->code[clamp(share(a, a->mix[EYE_LEFT][i], left) +
                                         share(a, a->mix[EYE_RIGHT][i], right),
                                     LINEAR_MAX)];
        break;
    case LAYOUT_ANAGLYPH_GRAY:
        out.c[GREEN] = out.c[BLUE] = right->luma;
        out.c[RED] = left->luma;
        break;
    case LAYOUT_ANAGLYPH_HALF_COLOR:
        out.c[RED] = left->luma;
        break;
    default:
        break;
    }
    return out;
}

static inline int32_t from_rgb(const int32_t m[3], const struct rgb *p)
{
    return (m[0] * p->c[0] + m[1] * p->c[1] + m[2] * p->c[2] + (1 << (FROM_RGB - 1))) >> FROM_RGB;
}

static void mix_row(struct anaglyph *a, struct image *out, const struct image *left,
                    const struct image *right, int y)
{
    bool deep = a->opts.bit_depth > 8;
    const void *l = row_of(left, 0, y), *r = row_of(right, 0, y);
    void *to = out->plane[0] + y * out->stride[0];

    for (int i = 0; i < 4; i++)
        widen_chroma(a, a->chroma[i], i < 2 ? left : right, 1 + i % 2, y);
    for (int x = 0; x < a->opts.width; x++) {
        struct rgb p = to_rgb(a, sample(l, x, deep), a->chroma[0][x], a->chroma[1][x]);
        struct rgb q = to_rgb(a, sample(r, x, deep), a->chroma[2][x], a->chroma[3][x]);
        struct rgb both = mix(a, &p, &q);

        put(to, x, a->black + from_rgb(a->to_yuv[0], &both), deep);
        a->packed[2][x] = a->middle + from_rgb(a->to_yuv[1], &both);
        a->packed[3][x] = a->middle + from_rgb(a->to_yuv[2], &both);
    }
}

static void put_chroma(const struct anaglyph *a, struct image *out, int y)
{
    int32_t most = (1 << a->opts.bit_depth) - 1;

    for (int plane = 1; plane < 3; plane++) {
        void *to = out->plane[plane] + y * out->stride[plane];

        for (int x = 0; x < a->opts.width; x++)
            put(to, x, clamp(a->packed[1 + plane][x], most), a->opts.bit_depth > 8);
    }
}

/* Two rows become one; [1 2 1] / 4 around the even columns. */
static void put_half_chroma(const struct anaglyph *a, struct image *out, int y)
{
    int32_t most = (1 << a->opts.bit_depth) - 1;
    int w = a->opts.width;

    for (int plane = 1; plane < 3; plane++) {
        const int32_t *up = a->packed[plane - 1], *down = a->packed[1 + plane];
        void *to = out->plane[plane] + y / 2 * out->stride[plane];

        for (int x = 0; x < w; x += 2) {
            int before = x ? x - 1 : 0, after = x + 1 < w ? x + 1 : x;
            int32_t sum =
                up[before] + 2 * up[x] + up[after] + down[before] + 2 * down[x] + down[after];

            put(to, x / 2, clamp((sum + 4) >> 3, most), a->opts.bit_depth > 8);
        }
    }
}

static void keep_row(struct anaglyph *a)
{
    for (int i = 0; i < 2; i++) {
        int32_t *row = a->packed[i];

        a->packed[i] = a->packed[2 + i];
        a->packed[2 + i] = row;
    }
}

void anaglyph_frame(struct anaglyph *a, struct image *out, const struct image *left,
                    const struct image *right)
{
    for (int y = 0; y < a->opts.height; y++) {
        mix_row(a, out, left, right, y);
        if (out->full_chroma) {
            put_chroma(a, out, y);
        } else if (y % 2) {
            put_half_chroma(a, out, y);
        } else if (y == a->opts.height - 1) { /* the last of an odd number: it stands for two */
            for (int x = 0; x < a->opts.width; x++) {
                a->packed[0][x] = a->packed[2][x];
                a->packed[1][x] = a->packed[3][x];
            }
            put_half_chroma(a, out, y);
        } else {
            keep_row(a);
        }
    }
}
