/* SPDX-License-Identifier: Apache-2.0
 *
 * film_read - the barcodes of film_gen, one number a line, from raw 8-bit grey frames on stdin. A
 * frame that cannot be read prints "?" and makes the exit status 1.
 *
 *     ffmpeg -i OUT -vf crop=iw/2:ih:0:0 -pix_fmt gray -f rawvideo - | film_read 320x180
 */
#include "tests/media/barcode.h"

#include <stdio.h>
#include <stdlib.h>

struct picture {
    int width, height;
    uint8_t *px;
};

/* Mean of the middle of a block, moved by shift hundredths of a block. */
static int block_mean(const struct picture *picture, int row, int block, int shift)
{
    double w = (double)picture->width / BARCODE_GRID, h = (double)picture->height / BARCODE_ROWS;
    double left = w * (BARCODE_START + block + shift / 100.0), top = h * row;
    int x0 = (int)(left + 0.35 * w), x1 = (int)(left + 0.65 * w);
    int y0 = (int)(top + 0.25 * h), y1 = (int)(top + 0.75 * h);
    long sum = 0, count = 0;

    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++) {
            if (x < 0 || x >= picture->width || y >= picture->height)
                continue;
            sum += picture->px[(long)y * picture->width + x];
            count++;
        }
    return count ? (int)(sum / count) : 0;
}

/* The number in one row, or -1. */
static long read_row(const struct picture *picture, int row, bool mirrored, int shift)
{
    int mean[BARCODE_BLOCKS], white, black;
    uint32_t number = 0;

    for (int i = 0; i < BARCODE_BLOCKS; i++)
        mean[mirrored ? BARCODE_BLOCKS - 1 - i : i] = block_mean(picture, row, i, shift);
    white = mean[0];
    black = mean[1];
    if (white - black < 60)
        return -1;
    for (int i = 0; i < BARCODE_BLOCKS; i++) {
        int away = 2 * mean[i] - white - black;

        if (abs(away) * 4 < white - black) /* neither black nor white */
            return -1;
        if (i >= 2 && i < 2 + BARCODE_BITS)
            number = number << 1 | (away > 0);
    }
    for (int i = 2 + BARCODE_BITS; i < BARCODE_BLOCKS; i++)
        if (barcode_block(number, i) != (2 * mean[i] > white + black))
            return -1;
    return (long)number;
}

static long read_shifted(const struct picture *picture, int row, bool mirrored)
{
    static const int shifts[] = { 0, 15, -15, 30, -30 };
    long number = -1;

    for (size_t i = 0; number < 0 && i < sizeof(shifts) / sizeof(shifts[0]); i++)
        number = read_row(picture, row, mirrored, shifts[i]);
    return number;
}

/* Both rows must not disagree; one is enough. */
static long read_picture(const struct picture *picture)
{
    long top = read_shifted(picture, BARCODE_TOP, false);
    long bottom = read_shifted(picture, BARCODE_BOTTOM, true);

    if (top >= 0 && bottom >= 0 && top != bottom)
        return -1;
    return top >= 0 ? top : bottom;
}

int main(int argc, char **argv)
{
    struct picture picture = { 0 };
    char *rest = NULL;
    size_t bytes, got;
    int status = 0;

    if (argc == 2) {
        picture.width = (int)strtol(argv[1], &rest, 10);
        picture.height = *rest == 'x' ? (int)strtol(rest + 1, NULL, 10) : 0;
    }
    if (picture.width < 32 || picture.height < 12 || picture.width > 65536 ||
        picture.height > 65536) {
        (void)fprintf(stderr, "usage: film_read WIDTHxHEIGHT < grey frames\n");
        return 64;
    }
    bytes = (size_t)picture.width * (size_t)picture.height;
    picture.px = malloc(bytes);
    if (!picture.px)
        return 70;
    while ((got = fread(picture.px, 1, bytes, stdin)) == bytes) {
        long number = read_picture(&picture);

        status |= number < 0;
        if (number < 0)
            (void)printf("?\n");
        else
            (void)printf("%ld\n", number);
    }
    free(picture.px);
    return got > 0 ? 65 : status;
}
