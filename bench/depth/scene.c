/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/depth/scene.h"

#include <math.h>
#include <stdint.h>

#define FOCAL   (SCENE_WIDTH * .9)
#define OCTAVES 5
#define AIR     185 /* luma of haze and of the sky's foot */
#define BAR     (SCENE_HEIGHT / 8)

static const double pi = 3.14159265358979;

static double lattice(uint32_t seed, int x, int y)
{
    uint32_t h = seed * 747796405u ^ (uint32_t)x * 2654435761u ^ (uint32_t)y * 2246822519u;

    h = (h ^ (h >> 15)) * 2739110765u;
    h = (h ^ (h >> 12)) * 3266489917u;
    return ((h ^ (h >> 16)) & 0xffff) / 32767.5 - 1;
}

static double noise(uint32_t seed, double x, double y)
{
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = x - ix, fy = y - iy, a, b;

    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    a = lattice(seed, ix, iy) * (1 - fx) + lattice(seed, ix + 1, iy) * fx;
    b = lattice(seed, ix, iy + 1) * (1 - fx) + lattice(seed, ix + 1, iy + 1) * fx;
    return a * (1 - fy) + b * fy;
}

/* Octaves finer than `finest` metres would alias, or are out of focus. */
static double texture_at(uint32_t seed, double x, double y, double finest)
{
    double sum = 0, period = 1.6;

    for (uint32_t o = 0; o < OCTAVES; o++, period /= 2) {
        double keep = period / finest - 1;

        if (keep <= 0)
            break;
        sum += (keep > 1 ? 1 : keep) * noise(seed + o, x / period, y / period) * .5;
    }
    return sum;
}

struct eye { /* camera of a frame */
    double x, y, z, dx, dy;
};

struct sample {
    double distance, luma, cb, cr;
};

/* How coarse the finest texture seen is, in metres. */
static double finest_at(const struct scene *s, double distance)
{
    double blur = s->focus > 0 ? 60 * fabs(1 / distance - 1 / s->focus) : 0;

    return distance / FOCAL * (2 + 8 * blur);
}

static bool inside(const struct thing *t, double x, double y)
{
    double u = x / t->width, v = y / t->height; /* -.5 .. .5, 0 .. 1 from the foot */

    if (v < 0 || v > 1 || fabs(u) > .5)
        return false;
    switch (t->shape) {
    case BOX:
        return true;
    case DISC:
        return u * u + (v - .5) * (v - .5) < .25;
    case TREE:
        return v < .25 ? fabs(u) < .07 : fabs(u) < .5 * (1 - v) / .75;
    case PERSON:
        return v < .7 ? fabs(u) < .5 - .2 * v : u * u * 8 + (v - .84) * (v - .84) * 40 < 1;
    }
    return false;
}

static void hit_thing(struct sample *best, const struct scene *s, const struct eye *eye, double u,
                      double v, int frame)
{
    for (int i = 0; i < s->things; i++) {
        const struct thing *t = &s->thing[i];
        double d = t->z + t->vz * frame - eye->z, x, y, tex;

        if (d < .3 || d >= best->distance)
            continue;
        x = eye->x + u * d - t->x - t->vx * frame;
        y = eye->y - v * d - t->foot;
        if (!inside(t, x, y))
            continue;
        tex = texture_at((uint32_t)i * 31 + 7, x, y, finest_at(s, d));
        *best = (struct sample){ d, t->luma + tex * t->texture, t->cb, t->cr };
    }
}

static struct sample backdrop(const struct scene *s, const struct eye *eye, double u, double v)
{
    struct sample out = { 1e6, AIR + v * 60, 140, 120 };
    double ground = v > 1e-6 ? eye->y / v : 1e9, wall = s->wall > 0 ? s->wall - eye->z : 1e9;

    out.luma += s->sky * texture_at(3, u * 6, v * 6, .05);
    if (ground < 400 && ground < wall) {
        double tex = texture_at(11, eye->x + u * ground, eye->z + ground,
                                finest_at(s, ground) * (1 + ground / 8));

        out = (struct sample){ ground, 105 + tex * s->ground, 122, 131 };
    } else if (wall < 1e8) {
        double tex = texture_at(17, eye->x + u * wall, eye->y - v * wall, finest_at(s, wall));

        out = (struct sample){ wall, 140 + tex * s->ground, 126, 132 };
    }
    return out;
}

static struct sample sample_at(const struct scene *s, const struct eye *eye, int x, int y,
                               int frame)
{
    double u = (x + .5 - SCENE_WIDTH / 2. - eye->dx) / FOCAL;
    double v = (y + .5 - SCENE_HEIGHT * s->horizon - eye->dy) / FOCAL;
    struct sample out = backdrop(s, eye, u, v);
    double air;

    hit_thing(&out, s, eye, u, v, frame);
    air = 1 - exp(-s->haze * out.distance);
    out.luma += (AIR - out.luma) * air;
    out.cb += (132 - out.cb) * air;
    out.cr += (126 - out.cr) * air;
    return out;
}

/* Letters: white strokes in black lines, the same ones for a dozen frames and more. */
static int letter_at(int x, int y)
{
    int cell = (x - SCENE_WIDTH / 4) / 11, in = (x - SCENE_WIDTH / 4) % 11;
    int row = y - SCENE_HEIGHT * 20 / 25;

    if (x < SCENE_WIDTH / 4 || x >= SCENE_WIDTH * 3 / 4 || row < 0 || row >= 20 || cell % 6 == 5)
        return -1;
    if ((in >= 2 && in < 4) || (in >= 6 && in < 8 && cell % 3) ||
        (in >= 2 && in < 8 && row / 2 == 2 + cell % 7))
        return row >= 2 && row < 18 ? 235 : 16;
    return in < 10 ? 16 : -1;
}

static uint8_t level(double v)
{
    return (uint8_t)(v < 16 ? 16 : v > 235 ? 235 : v + .5);
}

void scene_render(const struct image *image, float *near, const struct scene *s, int frame)
{
    const struct scene *shown = s->cut_to && frame >= SCENE_FRAMES / 2 ? &scenes[s->cut_to] : s;
    struct eye eye = { shown->vx * frame, shown->height + shown->vy * frame, shown->vz * frame,
                       shown->pan * frame + shown->shake * sin(frame * .9),
                       shown->shake * sin(frame * 1.3 + pi / 4) };

    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++) {
            struct sample at = sample_at(shown, &eye, x, y, frame);
            int letter = s->subtitles ? letter_at(x, y) : -1;
            bool bar = s->bars && (y < BAR || y >= SCENE_HEIGHT - BAR);

            if (bar || letter >= 0)
                at = (struct sample){ -1, bar ? 16 : letter, 128, 128 };
            near[y * SCENE_WIDTH + x] = (float)(1 / at.distance);
            image->plane[0][y * image->stride[0] + x] = level(at.luma);
            if (x % 2 == 0 && y % 2 == 0) {
                image->plane[1][y / 2 * image->stride[1] + x / 2] = level(at.cb);
                image->plane[2][y / 2 * image->stride[2] + x / 2] = level(at.cr);
            }
        }
}

#define GARDEN                                                                                     \
    .things = 7, .thing = {                                                                        \
        { BOX, -1.6, 0, 5, 1, 1.3, 0, 0, 150, 110, 150, 60 },                                      \
        { PERSON, .9, 0, 4, .7, 1.7, 0, 0, 90, 120, 150, 50 },                                     \
        { TREE, 3, 0, 9, 3, 5, 0, 0, 80, 115, 118, 60 },                                           \
        { TREE, -4.5, 0, 12, 3, 6, 0, 0, 70, 118, 116, 60 },                                       \
        { BOX, 7, 0, 22, 8, 5, 0, 0, 160, 122, 136, 40 },                                          \
        { BOX, -12, 0, 28, 9, 6, 0, 0, 125, 124, 134, 40 },                                        \
        { DISC, .2, .1, 14, 1.2, 1.2, 0, 0, 190, 100, 140, 40 },                                   \
    }

const struct scene scenes[] = {
    { "travel", 1.6, .4, .04, 0, 0, 0, 0, 0, 70, 25, .004, 0, false, false, .cut_to = 0, GARDEN },
    { "dolly", 1.6, .4, 0, 0, .05, 0, 0, 0, 70, 25, .004, 0, false, false, .cut_to = 0, GARDEN },
    { "orbit", 1.6, .42, .05, 0, 0, -4, .5, 0, 70, 25, .004, 0, false, false, .cut_to = 0, GARDEN },
    { "still", 1.6, .4, 0, 0, 0, 0, 0, 0, 70, 25, .004, 0, false, false, .cut_to = 0, GARDEN },
    { "mover",
      1.6,
      .38,
      0,
      0,
      0,
      0,
      0,
      0,
      60,
      25,
      .004,
      0,
      false,
      false,
      4,
      0,
      { { PERSON, -1.6, 0, 4, .8, 1.75, .06, 0, 110, 118, 145, 60 },
        { BOX, 4, 0, 12, 3.5, 1.6, -.12, 0, 140, 110, 120, 40 },
        { TREE, -5, 0, 15, 3, 5, 0, 0, 75, 116, 118, 60 },
        { BOX, 2, 0, 30, 20, 7, 0, 0, 150, 126, 132, 40 } } },
    { "haze",
      4,
      .36,
      .03,
      0,
      0,
      0,
      0,
      0,
      60,
      10,
      .035,
      0,
      false,
      false,
      6,
      0,
      { { TREE, -2.5, 0, 8, 2.5, 5, 0, 0, 60, 116, 118, 60 },
        { TREE, 4, 0, 14, 3, 6, 0, 0, 60, 116, 118, 60 },
        { TREE, -7, 0, 25, 4, 8, 0, 0, 60, 116, 118, 60 },
        { TREE, 9, 0, 40, 6, 9, 0, 0, 60, 116, 118, 60 },
        { BOX, -8, 0, 70, 40, 12, 0, 0, 70, 122, 124, 30 },
        { BOX, 30, 0, 110, 60, 22, 0, 0, 70, 122, 124, 30 } } },
    { "plain",
      1.5,
      .4,
      .02,
      0,
      0,
      0,
      0,
      9,
      3,
      1,
      0,
      0,
      false,
      false,
      3,
      0,
      { { BOX, -1, 0, 4, 1.2, 1, 0, 0, 175, 122, 138, 3 },
        { DISC, 1.1, 0, 3, .8, .8, 0, 0, 80, 135, 122, 3 },
        { BOX, 2.2, 0, 6.5, 1.4, 2.2, 0, 0, 60, 126, 130, 3 } } },
    { "close",
      1.5,
      .45,
      0,
      0,
      0,
      0,
      .3,
      8,
      70,
      20,
      0,
      1.3,
      false,
      false,
      3,
      0,
      { { PERSON, .1, .35, 1.3, .75, 1.35, .002, 0, 130, 112, 152, 70 },
        { BOX, -1.8, 0, 5, 1, 2, 0, 0, 90, 130, 126, 60 },
        { TREE, 2.5, 0, 6, 2, 3, 0, 0, 80, 116, 118, 60 } } },
    { "wide", 1.6, .4, .04, 0, 0, 0, 0, 0, 70, 25, .004, 0, true, true, .cut_to = 0, GARDEN },
    { "room",
      1.6,
      .3,
      .015,
      0,
      .015,
      0,
      0,
      5.5,
      50,
      0,
      0,
      0,
      false,
      false,
      5,
      0,
      { { BOX, -.9, 0, 2.6, .8, .75, 0, 0, 95, 112, 146, 50 },
        { BOX, 1.2, 0, 3.6, .9, 1.6, 0, 0, 170, 120, 134, 50 },
        { PERSON, .1, 0, 4.3, .6, 1.7, 0, 0, 85, 134, 124, 50 },
        { DISC, -.1, 0, 2.2, .3, .3, 0, 0, 150, 104, 160, 40 },
        { BOX, -1.9, .9, 5.4, 1, .8, 0, 0, 200, 124, 124, 40 } } },
    { "low", .9, .56, .02, 0, .02, 0, 0, 0, 70, 25, .003, 0, false, false, .cut_to = 0, GARDEN },
    { "cut", 1.6, .4, .04, 0, 0, 0, 0, 0, 70, 25, .004, 0, false, false, .cut_to = 7, GARDEN },
};
const int scenes_count = sizeof(scenes) / sizeof(scenes[0]);
