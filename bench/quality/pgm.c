/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/pgm.h"

#include <stdio.h>
#include <stdlib.h>

static FILE *file_open(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

void pgm_write(const char *path, const uint8_t *px, int width, int height)
{
    FILE *file = file_open(path, "wb");

    (void)fprintf(file, "P5\n%d %d\n255\n", width, height);
    (void)fwrite(px, (size_t)width, (size_t)height, file);
    (void)fclose(file);
}

void pgm_write16(const char *path, const uint16_t *px, int width, int height)
{
    FILE *file = file_open(path, "wb");

    (void)fprintf(file, "P5\n%d %d\n65535\n", width, height);
    for (int i = 0; i < width * height; i++) {
        (void)fputc(px[i] >> 8, file);
        (void)fputc(px[i] & 255, file);
    }
    (void)fclose(file);
}

void pgm_read(const char *path, uint8_t *px, int width, int height)
{
    FILE *file = file_open(path, "rb");
    int w = 0, h = 0, max = 0;

    if (fscanf(file, "P5 %d %d %d", &w, &h, &max) != 3 || w != width || h != height || max != 255 ||
        fgetc(file) == EOF || fread(px, (size_t)w, (size_t)h, file) != (size_t)h) {
        (void)fprintf(stderr, "bench_quality: %s is no 8-bit PGM of %dx%d\n", path, width, height);
        exit(1);
    }
    (void)fclose(file);
}
