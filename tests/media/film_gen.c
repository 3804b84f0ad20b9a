/* SPDX-License-Identifier: Apache-2.0
 *
 * film_gen - a test film as YUV4MPEG2 on stdout: a slowly panning landscape of smooth noise under a
 * gradient, textured blobs that move in front of it, and the frame's number as a barcode.
 *
 *     film_gen WIDTHxHEIGHT FRAMES [RATE [BITS [FIRST [FIELDS]]]]      film_gen 320x180 100 25:1 8
 * 0
 *
 * FIELDS: t or b; the pictures are interlaced, the top or bottom field is shown first. Both fields
 * of a picture carry its number.
 */
#include "tests/media/barcode.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOBS = 6, CELL = 16 };

struct film {
    int width, height, bits;
    char fields; /* 't', 'b', or 0 */
    uint8_t *plane[3];
};

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
}

static int lattice(int x, int y, uint32_t seed)
{
    return (int)(mix((uint32_t)x * 374761393U + (uint32_t)y * 668265263U + seed) & 255);
}

/* Smooth noise 0..255 with cells of CELL pixels; x and y are not negative. */
static int noise(int x, int y, uint32_t seed)
{
    int cx = x / CELL, cy = y / CELL, fx = x % CELL, fy = y % CELL;
    int top = lattice(cx, cy, seed) * (CELL - fx) + lattice(cx + 1, cy, seed) * fx;
    int bottom = lattice(cx, cy + 1, seed) * (CELL - fx) + lattice(cx + 1, cy + 1, seed) * fx;

    return (top * (CELL - fy) + bottom * fy) / (CELL * CELL);
}

/* A triangle wave between 0 and range. */
static int swing(int64_t t, int range)
{
    int64_t at = t % (2 * (int64_t)range);

    return (int)(at < range ? at : 2 * (int64_t)range - at);
}

struct blob {
    int x, y, r;
    uint32_t seed;
};

static void place_blobs(struct blob blobs[BLOBS], const struct film *film, int64_t n)
{
    for (int i = 0; i < BLOBS; i++) {
        blobs[i].r = film->height / 12 + film->height * i / 60;
        blobs[i].seed = (uint32_t)i * 97 + 11;
        blobs[i].x = swing(n * (1 + i % 3) + film->width * i / BLOBS, film->width);
        blobs[i].y = film->height / 4 + swing(n * (1 + i % 2) + 37 * i, film->height / 2);
    }
}

static int luma_at(const struct film *film, const struct blob blobs[BLOBS], int64_t n, int x, int y)
{
    int pan = (int)(n / 2 % 100000);

    for (int i = BLOBS - 1; i >= 0; i--) {
        int dx = x - blobs[i].x, dy = y - blobs[i].y, r = blobs[i].r;

        if (dx * dx + dy * dy < r * r)
            return 70 + 18 * i + noise(dx * 3 + 4096, dy * 3 + 4096, blobs[i].seed) * 70 / 255;
    }
    return 50 + 90 * y / film->height + noise(x + pan, y, 5) * 60 / 255;
}

static int chroma_at(const struct film *film, const struct blob blobs[BLOBS], int x, int y, int p)
{
    for (int i = BLOBS - 1; i >= 0; i--) {
        int dx = x - blobs[i].x, dy = y - blobs[i].y;

        if (dx * dx + dy * dy < blobs[i].r * blobs[i].r)
            return 128 + (p == 1 ? 1 : -1) * (int)(blobs[i].seed % 60 - 30);
    }
    return p == 1 ? 148 - 40 * y / film->height : 112 + 30 * y / film->height;
}

/* Is (x, y) inside a block of the barcode? Then its luma, else -1. */
static int barcode_luma(const struct film *film, uint32_t number, int x, int y)
{
    int row = y * BARCODE_ROWS / film->height;
    int block = x * BARCODE_GRID / film->width - BARCODE_START;

    if ((row != BARCODE_TOP && row != BARCODE_BOTTOM) || block < -1 || block > BARCODE_BLOCKS)
        return -1;
    if (block < 0 || block == BARCODE_BLOCKS)
        return 110; /* a margin */
    if (row == BARCODE_BOTTOM)
        block = BARCODE_BLOCKS - 1 - block;
    return barcode_block(number, block) ? BARCODE_WHITE : BARCODE_BLACK;
}

static void put(const struct film *film, uint8_t *row, int x, int value)
{
    if (film->bits == 8) {
        row[x] = (uint8_t)value;
        return;
    }
    row[2 * x] = (uint8_t)(value << 2);
    row[2 * x + 1] = (uint8_t)(value >> 6);
}

/* The lines first, first + step, ... of each plane, as they are at this time. */
static void paint_lines(const struct film *film, uint32_t number, int64_t time, int first, int step)
{
    struct blob blobs[BLOBS];
    int bytes = film->bits == 8 ? 1 : 2, half = film->width / 2;

    place_blobs(blobs, film, time);
    for (int y = first; y < film->height; y += step) {
        uint8_t *row = film->plane[0] + (ptrdiff_t)y * film->width * bytes;

        for (int x = 0; x < film->width; x++) {
            int code = barcode_luma(film, number, x, y);

            put(film, row, x, code >= 0 ? code : luma_at(film, blobs, time, x, y));
        }
    }
    for (int p = 1; p < 3; p++)
        for (int y = first; y < film->height / 2; y += step)
            for (int x = 0; x < half; x++) {
                bool code = barcode_luma(film, number, 2 * x, 2 * y) >= 0;

                put(film, film->plane[p] + (ptrdiff_t)y * half * bytes, x,
                    code ? 128 : chroma_at(film, blobs, 2 * x, 2 * y, p));
            }
}

static void paint(const struct film *film, uint32_t number)
{
    int top = film->fields == 'b';

    if (!film->fields) {
        paint_lines(film, number, number, 0, 1);
        return;
    }
    paint_lines(film, number, 2 * (int64_t)number + top, 0, 2);
    paint_lines(film, number, 2 * (int64_t)number + !top, 1, 2);
}

static int write_film(const struct film *film, long frames, long first, const char *rate)
{
    size_t bytes = (size_t)film->width * (size_t)film->height * (film->bits == 8 ? 1 : 2);

    if (printf("YUV4MPEG2 W%d H%d F%s I%c A1:1 C420%s\n", film->width, film->height, rate,
               film->fields ? film->fields : 'p',
               film->bits == 8 ? "mpeg2" : "p10 XYSCSS=420P10") < 0)
        return -1;
    for (long i = 0; i < frames; i++) {
        paint(film, (uint32_t)(first + i));
        if (fputs("FRAME\n", stdout) == EOF || fwrite(film->plane[0], 1, bytes, stdout) != bytes ||
            fwrite(film->plane[1], 1, bytes / 4, stdout) != bytes / 4 ||
            fwrite(film->plane[2], 1, bytes / 4, stdout) != bytes / 4)
            return -1;
    }
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    struct film film = { .bits = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 8 };
    long frames = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    char *rest = NULL;

    if (argc > 2) {
        film.width = (int)strtol(argv[1], &rest, 10);
        film.height = *rest == 'x' ? (int)strtol(rest + 1, NULL, 10) : 0;
    }
    if (argc > 6)
        film.fields = *argv[6] == 'b' ? 'b' : 't';
    if (film.width < 64 || film.height < 36 || film.width % 2 || film.height % 2 ||
        film.width > 16384 || film.height > 16384 || frames < 1 ||
        (film.bits != 8 && film.bits != 10)) {
        (void)fprintf(stderr,
                      "usage: film_gen WIDTHxHEIGHT FRAMES [RATE [BITS [FIRST [FIELDS]]]]\n");
        return 64;
    }
    for (int p = 0; p < 3; p++) {
        film.plane[p] = malloc((size_t)film.width * (size_t)film.height * 2);
        if (!film.plane[p])
            return 70;
    }
    if (write_film(&film, frames, argc > 5 ? strtol(argv[5], NULL, 10) : 0,
                   argc > 3 ? argv[3] : "25:1") != 0) {
        perror("film_gen");
        return 69;
    }
    for (int p = 0; p < 3; p++)
        free(film.plane[p]);
    return 0;
}
