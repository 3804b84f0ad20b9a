/* SPDX-License-Identifier: Apache-2.0
 *
 * scenes.c - the worlds of the bench.
 */
#include "bench/quality/world.h"

#include <string.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static double uniform(uint32_t *state, double low, double high)
{
    return low + (high - low) * (next_random(state) & 0xffff) / 65535;
}

static void add(struct world *w, struct surface s)
{
    s.seed = (uint32_t)(w->count * 7 + 11);
    w->surfaces[w->count++] = s;
}

/* A far wall and the ground before it. */
static void add_stage(struct world *w, int texture)
{
    add(w, (struct surface){ SHAPE_ALL, .5, .5, 0, 0, -.009, .002, 0, 0, 0, 120, texture, 0 });
    add(w, (struct surface){ SHAPE_BELOW, .5, .62, 0, 0, -.006, 0, .03, 0, 0, 90, texture, 0 });
}

static void make_layers(struct world *w)
{
    add_stage(w, 70);
    add(w, (struct surface){ SHAPE_BOX, .84, .42, .1, .32, -.003, -.01, 0, 0, 0, 150, 60, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .2, .45, .07, .2, .001, 0, 0, 0, 0, 70, 60, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .43, .5, .08, .24, .004, .001, 0, 0, 0, 170, 60, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .58, .6, .06, .22, .007, 0, .001, 0, 0, 110, 60, 0 });
    add(w, (struct surface){ SHAPE_BOX, .32, .7, .05, .2, .009, 0, 0, 0, 0, 60, 60, 0 });
    w->travel = .1;
}

static void make_ground(struct world *w)
{
    add(w, (struct surface){ SHAPE_ALL, .5, .5, 0, 0, -.013, 0, 0, 0, 0, 160, 40, 0 });
    add(w, (struct surface){ SHAPE_BELOW, .5, .4, 0, 0, -.012, 0, .045, 0, 0, 100, 80, 0 });
    add(w, (struct surface){ SHAPE_BOX, .2, .4, .2, .3, -.003, -.025, 0, 0, 0, 130, 70, 0 });
    add(w, (struct surface){ SHAPE_BOX, .66, .5, .05, .24, .003, 0, 0, 0, 0, 70, 60, 0 });
    w->travel = .1;
}

static void make_thin(struct world *w)
{
    add_stage(w, 60);
    add(w, (struct surface){ SHAPE_BOX, .12, .5, .004, .46, .008, 0, .001, 0, 0, 190, 30, 0 });
    add(w, (struct surface){ SHAPE_BOX, .3, .5, .002, .46, .005, 0, 0, 0, 0, 40, 20, 0 });
    add(w, (struct surface){ SHAPE_BOX, .47, .5, .0012, .46, .002, 0, 0, 0, 0, 210, 20, 0 });
    add(w, (struct surface){ SHAPE_HAIR, .66, .45, .07, .3, .006, 0, 0, 0, 0, 50, 30, 0 });
    add(w, (struct surface){ SHAPE_HAIR, .88, .4, .06, .3, .001, 0, 0, 0, 0, 200, 30, 0 });
    add(w, (struct surface){ SHAPE_BOX, .5, .3, .45, .003, .004, 0, 0, 0, 0, 60, 20, 0 });
    w->travel = .1;
}

static void make_plain(struct world *w)
{
    add_stage(w, 4);
    add(w, (struct surface){ SHAPE_ELLIPSE, .3, .5, .1, .25, .003, 0, 0, 0, 0, 150, 4, 0 });
    add(w, (struct surface){ SHAPE_BOX, .62, .55, .07, .25, .007, 0, 0, 0, 0, 80, 4, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .8, .4, .06, .12, -.003, 0, 0, 0, 0, 126, 3, 0 });
    w->travel = .1;
}

static void make_pan(struct world *w)
{
    make_layers(w);
    w->travel = 0;
    w->pan = -.013; /* 12 samples a frame of 960 */
    for (int i = 0; i < w->count; i++)
        w->surfaces[i].x += w->surfaces[i].shape == SHAPE_ALL ? 0 : -w->pan * WORLD_JOINT;
}

static void make_dolly(struct world *w)
{
    add_stage(w, 70);
    add(w, (struct surface){ SHAPE_ELLIPSE, .32, .48, .05, .16, .001, 0, 0, 0, 0, 60, 60, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .6, .5, .06, .2, .004, 0, 0, 0, 0, 170, 60, 0 });
    add(w, (struct surface){ SHAPE_BOX, .75, .5, .025, .25, .002, 0, 0, 0, 0, 90, 60, 0 });
    w->dolly = .3;
}

static void make_particles(struct world *w)
{
    uint32_t state = 5;

    add_stage(w, 50);
    add(w, (struct surface){ SHAPE_ELLIPSE, .5, .55, .1, .3, .003, 0, 0, 0, 0, 100, 60, 0 });
    while (w->count < WORLD_SURFACES) {
        double p = uniform(&state, -.008, .012), size = .0015 + (p + .012) * .12;

        add(w, (struct surface){ SHAPE_ELLIPSE, uniform(&state, 0, 1), uniform(&state, -.35, .95),
                                 size, size * 16 / 9, p, 0, 0, uniform(&state, -.002, .002),
                                 .004 + (p + .012) * .3, 225, 20, 0 });
    }
}

static void make_mover(struct world *w)
{
    add_stage(w, 60);
    add(w, (struct surface){ SHAPE_BOX, .3, .5, .012, .44, .004, 0, 0, 0, 0, 70, 50, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .3, .45, .08, .2, .009, 0, 0, .004, 0, 160, 60, 0 });
    add(w, (struct surface){ SHAPE_BOX, .7, .55, .06, .2, 0, 0, 0, -.003, 0, 70, 60, 0 });
}

static void make_close(struct world *w)
{
    add(w, (struct surface){ SHAPE_ALL, .5, .5, 0, 0, -.013, 0, 0, 0, 0, 110, 80, 0 });
    add(w, (struct surface){ SHAPE_BOX, .16, .5, .08, .5, -.008, 0, 0, 0, 0, 150, 60, 0 });
    add(w, (struct surface){ SHAPE_ELLIPSE, .52, .55, .14, .4, .012, 0, 0, .0006, 0, 165, 50, 0 });
    add(w, (struct surface){ SHAPE_HAIR, .52, .3, .15, .2, .0125, 0, 0, .0006, 0, 45, 20, 0 });
}

static void make_fades(struct world *w)
{
    make_layers(w);
    w->fades = true;
}

static void make_letterbox(struct world *w)
{
    make_layers(w);
    w->bars = true;
}

static void make_cut(struct world *w)
{
    make_mover(w);
    w->cuts = true;
}

static const struct {
    const char *name, *says;
    void (*make)(struct world *);
} table[WORLDS] = {
    { "layers", "objects one behind the other, the camera travels", make_layers },
    { "ground", "slanted ground, a slanted wall, a box on it", make_ground },
    { "thin", "poles and hair of 1 to 4 samples", make_thin },
    { "plain", "hardly any texture", make_plain },
    { "pan", "everything moves 12 samples a frame", make_pan },
    { "dolly", "the camera goes forward", make_dolly },
    { "particles", "snow before a scene", make_particles },
    { "mover", "things cross before and behind each other", make_mover },
    { "close", "a large near head with hair, far wall", make_close },
    { "fades", "as layers, going black", make_fades },
    { "letterbox", "as layers, with bars", make_letterbox },
    { "cut", "as mover, cut to thin", make_cut },
};

void world_make(struct world *out, int at, int shot)
{
    memset(out, 0, sizeof(*out));
    if (shot == 0)
        table[at].make(out);
    else
        make_thin(out);
    out->cuts = table[at].make == make_cut;
    out->name = table[at].name;
    out->says = table[at].says;
}
