/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/world.h"

#include <math.h>

#define BAR_PARTS  .12   /* of the height, above and below */
#define HAIR_PITCH .0085 /* of the width */
#define HAIR_WIDE  .0019
#define HAIR_SLANT .12
#define BLACK      16

static double lattice(int x, int y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + seed * 2246822519u;

    h = (h ^ (h >> 13)) * 1274126177u;
    return (double)((h ^ (h >> 16)) & 0xffff) / 65535 - .5;
}

static double noise(double x, double y, uint32_t seed)
{
    double fx = floor(x), fy = floor(y), u = x - fx, v = y - fy;
    int ix = (int)fx, iy = (int)fy;

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    return (1 - v) * ((1 - u) * lattice(ix, iy, seed) + u * lattice(ix + 1, iy, seed)) +
           v * ((1 - u) * lattice(ix, iy + 1, seed) + u * lattice(ix + 1, iy + 1, seed));
}

/* How a surface stands at a frame: its own point (a, b), px at the first frame, is seen between the
 * eyes at u = cx + (a - cx) * zoom + moved_x + sheared * (b's nearness), v alike. */
struct stand {
    double zoom, moved_x, moved_y, parallax, travel;
};

static struct stand stand_of(const struct pose *pose, const struct surface *s)
{
    const struct world *w = pose->world;
    double near = s->parallax + WORLD_FAR, t = pose->frame;
    double zoom = 1 / (1 - w->dolly * near * t);

    return (struct stand){ zoom, (w->pan + s->vx) * t * pose->width, s->vy * t * pose->height,
                           near * zoom - WORLD_FAR, -w->travel * t };
}

static double tilt_at(const struct surface *s, const struct pose *pose, double b)
{
    return s->tilt_y * (b / pose->height - s->y);
}

/* Moved sideways by the camera: by its nearness, of this row of it. */
static double passed(const struct stand *st, const struct surface *s, const struct pose *pose,
                     double b)
{
    return st->travel * (s->parallax + WORLD_FAR + tilt_at(s, pose, b)) * pose->width;
}

/* The part of row b that the surface covers, in px of its own. */
static bool extent(const struct surface *s, const struct pose *pose, double b, double *low,
                   double *high)
{
    double dy = b / pose->height - s->y, part = 1;

    *low = -1e9;
    *high = 1e9;
    if (s->shape == SHAPE_ALL)
        return true;
    if (s->shape == SHAPE_BELOW)
        return dy > 0;
    if (fabs(dy) >= s->ry)
        return false;
    if (s->shape == SHAPE_ELLIPSE)
        part = sqrt(1 - dy * dy / (s->ry * s->ry));
    *low = (s->x - s->rx * part) * pose->width;
    *high = (s->x + s->rx * part) * pose->width;
    return true;
}

static bool in_bars(const struct pose *pose, double y)
{
    double at = (y + .5) / pose->height;

    return pose->world->bars && (at < BAR_PARTS || at > 1 - BAR_PARTS);
}

void pose_row(struct row *out, const struct pose *pose, double y, enum eye_at eye)
{
    double width = pose->width, cx = width / 2, cy = pose->height / 2.;

    out->count = 0;
    out->bar = in_bars(pose, y);
    for (int i = 0; i < pose->world->count && !out->bar; i++) {
        const struct surface *s = &pose->world->surfaces[i];
        struct stand st = stand_of(pose, s);
        struct row_surface *r = &out->surfaces[out->count];
        double flat, grows;

        *r = (struct row_surface){ .surface = i, .b = cy + (y - st.moved_y - cy) / st.zoom };
        if (!extent(s, pose, r->b, &r->low, &r->high))
            continue;
        flat = st.parallax + tilt_at(s, pose, r->b) - s->tilt_x * s->x;
        grows = st.zoom + (int)eye * s->tilt_x / 2;
        r->scale = 1 / grows;
        r->shift = -(cx * (1 - st.zoom) + st.moved_x + passed(&st, s, pose, r->b) +
                     (int)eye * flat * width / 2) /
                   grows;
        r->p0 = flat * width;
        r->p1 = s->tilt_x;
        out->count++;
    }
}

static bool between_hairs(const struct pose *pose, double a, double b)
{
    double pitch = HAIR_PITCH * pose->width, at = a + b * HAIR_SLANT;

    return at - floor(at / pitch) * pitch > HAIR_WIDE * pose->width;
}

struct place row_look(const struct row *row, const struct pose *pose, double x)
{
    struct place best = { -1, 0, 0, row->bar ? 0 : -1e9 };

    for (int i = 0; i < row->count; i++) {
        const struct row_surface *r = &row->surfaces[i];
        double a = x * r->scale + r->shift, p = r->p0 + r->p1 * a;

        if (p <= best.parallax || a < r->low || a > r->high)
            continue;
        if (pose->world->surfaces[r->surface].shape == SHAPE_HAIR && between_hairs(pose, a, r->b))
            continue;
        best = (struct place){ r->surface, a, r->b, p };
    }
    return best;
}

void pose_find(const struct pose *pose, const struct place *place, enum eye_at eye, double *x,
               double *y)
{
    const struct surface *s = &pose->world->surfaces[place->surface];
    struct stand st = stand_of(pose, s);
    double width = pose->width, cx = width / 2, cy = pose->height / 2.;
    double p = (st.parallax + tilt_at(s, pose, place->b) - s->tilt_x * s->x) * width +
               s->tilt_x * place->a;

    *y = cy + (place->b - cy) * st.zoom + st.moved_y;
    *x = cx + (place->a - cx) * st.zoom + st.moved_x + passed(&st, s, pose, place->b) +
         (int)eye * p / 2;
}

/* Down to black by the last frames that are looked at. */
static double brightness(const struct pose *pose)
{
    double part = (pose->frame - WORLD_JOINT + 10) / 14.;

    if (!pose->world->fades || part < 0)
        return 1;
    return part > .95 ? .05 : 1 - part;
}

double pose_luma(const struct pose *pose, const struct place *place)
{
    const struct surface *s = &pose->world->surfaces[place->surface < 0 ? 0 : place->surface];
    double px = pose->width / 960., a = place->a / px, b = place->b / px, v;

    if (place->surface < 0)
        return BLACK;
    v = s->luma + s->texture * (.9 * noise(a / 46, b / 46, s->seed) +
                                .65 * noise(a / 13, b / 13, s->seed + 1) +
                                .45 * noise(a / 3.7, b / 3.7, s->seed + 2));
    v = v < BLACK ? BLACK : v > 235 ? 235 : v;
    return BLACK + (v - BLACK) * brightness(pose);
}

int world_chroma(const struct place *place, int plane)
{
    if (place->surface < 0)
        return 128;
    return 128 + (int)(70 * lattice(place->surface, plane, 3));
}
