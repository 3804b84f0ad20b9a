/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/depth/film.h"

#include "common/mem.h"

#include <stdlib.h>

#define PADDING 6 /* bytes after each row */
#define GUARD   0x5a5a

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint32_t h = a * 2654435761u ^ (b + 0x9e3779b9u) * 2246822519u;

    h = (h ^ (h >> 15)) * 3266489917u;
    return h ^ (h >> 13);
}

void film_make(struct film *film, int width, int height, int bit_depth, int frames, uint32_t seed)
{
    int shot = 0, left = 0;

    *film = (struct film){
        .width = width, .height = height, .bit_depth = bit_depth, .frames = frames, .seed = seed
    };
    for (int t = 0; t < frames; t++) {
        uint32_t r = mix(seed, (uint32_t)t);

        if (left-- == 0) {
            shot++;
            left = r % 4 == 0 ? (int)(r >> 8) % 5 : (int)(r >> 8) % 60;
        }
        film->shot[t] = shot;
        film->light[t] = r % 23 == 0 ? 70 : shot % 3 == 0 ? t * 3 % 90 : 0;
    }
}

void film_make_nervous(struct film *film, int frames, uint32_t seed)
{
    *film =
        (struct film){ .width = 24, .height = 16, .bit_depth = 8, .frames = frames, .seed = seed };
    for (int t = 1; t < frames; t++) {
        int step = (int)(mix(seed, (uint32_t)t) % 64);

        step = mix(seed, (uint32_t)t) % 3 == 0 ? step : step / 8;
        film->light[t] = (film->light[t - 1] + step) % 128;
        film->shot[t] = (int)(mix(seed, (uint32_t)t) >> 9) % 9 == 0 ? t : film->shot[t - 1];
    }
}

static int luma_of(const struct film *film, int t, int x, int y)
{
    uint32_t look = mix(film->seed, (uint32_t)film->shot[t]);
    int block = 6 + (int)(look % 9), move = (int)(look >> 8) % 3;
    int v = (int)(mix(look, (uint32_t)((x + t * move) / block * 131 + y / block)) % 120);

    return 40 + (int)(look >> 20) % 60 + v / 2 + film->light[t] +
           (int)(mix(look, (uint32_t)(x + t * 977 + y * 31)) % 9);
}

static int chroma_of(const struct film *film, int t, int plane, int x, int y)
{
    uint32_t look = mix(film->seed + (uint32_t)plane, (uint32_t)film->shot[t]);

    return 90 + (int)(mix(look, (uint32_t)(x / 8 * 57 + y / 8)) % 70);
}

struct image *film_frame(const struct film *film, int t)
{
    struct image *frame = xcalloc(1, sizeof(*frame));
    int wide = film->bit_depth > 8;

    *frame = (struct image){ .width = film->width,
                             .height = film->height,
                             .bit_depth = film->bit_depth };
    for (int plane = 0; plane < 3; plane++) {
        int w = plane ? (film->width + 1) / 2 : film->width;
        int h = plane ? (film->height + 1) / 2 : film->height;

        frame->stride[plane] = (w << wide) + PADDING;
        frame->plane[plane] = xcalloc((size_t)frame->stride[plane], (size_t)h);
        for (int y = 0; y < h; y++) {
            uint8_t *row = frame->plane[plane] + y * frame->stride[plane];

            for (int x = 0; x < w; x++) {
                int v = plane ? chroma_of(film, t, plane, x, y) : luma_of(film, t, x, y);

                v = v > 255 ? 255 : v;
                if (wide)
                    ((uint16_t *)(void *)row)[x] = (uint16_t)(v * 4);
                else
                    row[x] = (uint8_t)v;
            }
        }
    }
    return frame;
}

void film_frame_free(struct image *frame)
{
    for (int plane = 0; plane < 3; plane++)
        free(frame->plane[plane]);
    free(frame);
}

/* One plane out of the provider, through a padded one with guards. */
static bool pop(struct depth *depth, uint16_t *out)
{
    size_t stride = (size_t)depth->width + 3;
    AUTO_FREE uint16_t *padded = xcalloc(stride * (size_t)depth->height, sizeof(*padded));
    struct plane16 plane = { padded, depth->width, depth->height, (ptrdiff_t)(stride * 2) };
    struct err err;
    bool ready;

    for (size_t i = 0; i < stride * (size_t)depth->height; i++)
        padded[i] = GUARD;
    CHECK_OK(depth->ops->pop(depth, &plane, &ready, &err), err);
    if (!ready)
        return false;
    for (int y = 0; y < depth->height; y++) {
        memcpy(out + y * depth->width, padded + (size_t)y * stride, (size_t)depth->width * 2);
        for (size_t x = (size_t)depth->width; x < stride; x++)
            CHECK_INT("guard", padded[(size_t)y * stride + x], GUARD);
    }
    return true;
}

uint16_t *film_depths(const struct film *film, int from, int to, int *width, int *height)
{
    AUTO(depth) struct depth *depth = NULL;
    uint16_t *all;
    size_t cells;
    struct err err;
    int popped = 0;

    CHECK_OK(depth_classical_new(&depth, film->width, film->height, film->bit_depth, &err), err);
    *width = depth->width;
    *height = depth->height;
    cells = (size_t)depth->width * (size_t)depth->height;
    all = xcalloc(cells * (size_t)(to - from), sizeof(*all));
    for (int t = from; t < to; t++) {
        struct image *frame = film_frame(film, t);

        CHECK_OK(depth->ops->push(depth, frame, &err), err);
        film_frame_free(frame);
        while (popped < to - from && pop(depth, all + cells * (size_t)popped))
            popped++;
        CHECK_INT("popped", popped,
                  t - from < (int)depth->look_ahead ? 0 : t - from + 1 - (int)depth->look_ahead);
    }
    CHECK_OK(depth->ops->flush(depth, &err), err);
    while (popped < to - from && pop(depth, all + cells * (size_t)popped))
        popped++;
    CHECK_INT("popped in all", popped, to - from);
    return all;
}
