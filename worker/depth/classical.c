/* SPDX-License-Identifier: Apache-2.0
 *
 * classical.c - depth without a model. A frame is fused from its cues when it comes in; when
 * enough frames after it are known, its shot is found, and the planes and ranges of the shot near
 * it give its depth. Frames that are not there, before the film and after it, are simply left out
 * of every window. A run that starts within the film leaves them out too, at its own start, and so
 * its first depth_classical_support() depths differ from the film's: they are not owned by it.
 */
#include "worker/depth/cues.h"
#include "worker/depth/depth.h"
#include "worker/depth/normalise.h"
#include "worker/depth/scene_cut.h"
#include "worker/depth/smooth.h"

#include <string.h>

#define SMOOTH_REACH 3 /* frames on each side whose mean a plane is */
#define SHOT_REACH   (2 * NORMALISE_REACH)
#define LOOK_AHEAD   (SHOT_REACH + SCENE_CUT_REACH)
#define FACTS        64 /* ring of what is known of a frame; > 2 * LOOK_AHEAD */
#define PLANES       32 /* ring of fused planes; > LOOK_AHEAD + SMOOTH_REACH */

/* Confidence is low, so only 60 % of the asked strength is used: depth keeps to .2 .. .8. */
#define MIDDLE      32768
#define STRENGTH_Q8 154

_Static_assert(SMOOTH_REACH <= SHOT_REACH, "the shot is known as far as planes are smoothed");
_Static_assert(FACTS > 2 * LOOK_AHEAD + 1, "facts are kept as long as they are looked at");
_Static_assert(PLANES > LOOK_AHEAD + SMOOTH_REACH, "planes are kept as long as they are smoothed");
_Static_assert(LOOK_AHEAD <= 24, "depth.h promises it");

struct facts {      /* of one frame */
    uint32_t score; /* against the frame before; 0 for the first */
    struct depth_range range;
};

struct classical {
    struct depth base;
    int view_width, view_height, bit_depth;
    struct low *low;
    struct cue_space space;
    uint16_t *one_cue, *luma_before;
    uint32_t bins[2][SCENE_CUT_BINS]; /* by parity of the frame */
    uint16_t *planes[PLANES];
    struct facts facts[FACTS];
    int64_t pushed, popped; /* frames */
    bool flushed;
};

struct shot { /* frames first..last around one, of one shot */
    int64_t first, last;
};

static bool is_cut(const struct classical *c, int64_t t)
{
    uint32_t scores[2 * SCENE_CUT_REACH + 1];
    int count = 0, at = 0;

    for (int64_t u = t - SCENE_CUT_REACH; u <= t + SCENE_CUT_REACH; u++) {
        if (u < 1 || u >= c->pushed)
            continue;
        if (u == t)
            at = count;
        scores[count++] = c->facts[u % FACTS].score;
    }
    return scene_cut_is(scores, count, at);
}

static struct shot shot_around(const struct classical *c, int64_t t)
{
    struct shot shot = { t, t };

    while (shot.first > 0 && shot.first > t - SHOT_REACH && !is_cut(c, shot.first))
        shot.first--;
    while (shot.last + 1 < c->pushed && shot.last < t + SHOT_REACH && !is_cut(c, shot.last + 1))
        shot.last++;
    return shot;
}

static int classical_push(struct depth *depth, const struct image *frame, struct err *err)
{
    struct classical *c = (struct classical *)depth;
    struct facts *facts = &c->facts[c->pushed % FACTS];
    uint16_t *plane = c->planes[c->pushed % PLANES];
    int w = depth->width, h = depth->height, n = w * h, radius = w / 128 < 1 ? 1 : w / 128;
    int parity = (int)(c->pushed & 1);

    if (frame->width != c->view_width || frame->height != c->view_height ||
        frame->bit_depth != c->bit_depth)
        return err_set(err, ERR_INTERNAL, "depth of %dx%d %d bit was given %dx%d %d bit",
                       c->view_width, c->view_height, c->bit_depth, frame->width, frame->height,
                       frame->bit_depth);
    if (c->flushed || c->pushed - c->popped > LOOK_AHEAD)
        return err_set(err, ERR_INTERNAL, "a frame pushed after the end, or before a pop");
    low_load(c->low, frame);
    scene_cut_histogram(c->bins[parity], c->low->luma, n);
    facts->score = c->pushed == 0 ? 0
                                  : scene_cut_score(c->bins[!parity], c->bins[parity],
                                                    c->luma_before, c->low->luma, n);
    memcpy(c->luma_before, c->low->luma, (size_t)n * sizeof(*c->luma_before));
    cues_fuse(plane, c->one_cue, c->low, &c->space);
    smooth_box(plane, w, h, radius, c->space.sums, c->space.scratch);
    smooth_box(plane, w, h, radius, c->space.sums, c->space.scratch);
    facts->range = normalise_percentiles(plane, n);
    c->pushed++;
    return 0;
}

static int classical_flush(struct depth *depth, struct err *err)
{
    (void)err;
    ((struct classical *)depth)->flushed = true;
    return 0;
}

static struct depth_range range_at(const struct classical *c, struct shot shot, int64_t t)
{
    struct depth_range ranges[2 * SHOT_REACH + 1];
    int count = 0;

    for (int64_t u = shot.first; u <= shot.last; u++)
        ranges[count++] = c->facts[u % FACTS].range;
    return normalise_window(ranges, count, (int)(t - shot.first));
}

static int planes_at(const struct classical *c, const uint16_t **planes, struct shot shot,
                     int64_t t)
{
    int count = 0;

    for (int64_t u = t - SMOOTH_REACH; u <= t + SMOOTH_REACH; u++)
        if (u >= shot.first && u <= shot.last)
            planes[count++] = c->planes[u % PLANES];
    return count;
}

static int classical_pop(struct depth *depth, struct plane16 *out, bool *ready, struct err *err)
{
    struct classical *c = (struct classical *)depth;
    const uint16_t *planes[2 * SMOOTH_REACH + 1];
    int64_t t = c->popped;
    int w = depth->width, h = depth->height, count;
    struct depth_range range;
    struct shot shot;

    (void)err;
    *ready = t < c->pushed && (c->flushed || t + LOOK_AHEAD < c->pushed);
    if (!*ready)
        return 0;
    shot = shot_around(c, t);
    range = range_at(c, shot, t);
    count = planes_at(c, planes, shot, t);
    smooth_frames(c->one_cue, planes, count, w * h);
    for (int y = 0; y < h; y++) {
        uint16_t *row = (uint16_t *)(void *)((char *)out->px + y * out->stride);

        normalise_row(row, c->one_cue + y * w, w, range);
        for (int x = 0; x < w; x++)
            row[x] = (uint16_t)(MIDDLE + (((row[x] - MIDDLE) * STRENGTH_Q8) >> 8));
    }
    c->popped++;
    return 0;
}

static void classical_free(struct depth *depth)
{
    struct classical *c = (struct classical *)depth;

    low_free(c->low);
    free(c->space.plane);
    free(c->space.scratch);
    free(c->space.sums);
    free(c->one_cue);
    free(c->luma_before);
    for (int i = 0; i < PLANES; i++)
        free(c->planes[i]);
    free(c);
}

static const struct depth_ops classical_ops = {
    .push = classical_push,
    .flush = classical_flush,
    .pop = classical_pop,
    .free = classical_free,
};

/* Back: the cuts of the shot's frames, each by scores around it, each against the frame before.
 * Ahead: the same without the last step. Both come to LOOK_AHEAD. */
uint32_t depth_classical_support(void)
{
    return LOOK_AHEAD;
}

static int planes_new(struct classical *c)
{
    size_t cells = (size_t)c->low->width * (size_t)c->low->height;

    c->space.plane = calloc(cells, sizeof(uint16_t));
    c->space.scratch = calloc(cells, sizeof(uint16_t));
    c->space.sums = calloc((size_t)c->low->width, sizeof(*c->space.sums));
    c->one_cue = calloc(cells, sizeof(uint16_t));
    c->luma_before = calloc(cells, sizeof(uint16_t));
    if (!c->space.plane || !c->space.scratch || !c->space.sums || !c->one_cue || !c->luma_before)
        return -1;
    for (int i = 0; i < PLANES; i++) {
        c->planes[i] = calloc(cells, sizeof(uint16_t));
        if (!c->planes[i])
            return -1;
    }
    return 0;
}

int depth_classical_new(struct depth **out, int width, int height, int bit_depth, struct err *err)
{
    AUTO(depth) struct depth *depth = NULL;
    struct classical *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    depth = &c->base;
    depth->ops = &classical_ops;
    depth->look_ahead = LOOK_AHEAD;
    c->view_width = width;
    c->view_height = height;
    c->bit_depth = bit_depth;
    if (low_new(&c->low, width, height, err) < 0)
        return -1;
    if (planes_new(c) < 0)
        return err_set(err, ERR_NOMEM, "no memory for depth of %dx%d", width, height);
    depth->width = c->low->width;
    depth->height = c->low->height;
    *out = TAKE(depth);
    return 0;
}
