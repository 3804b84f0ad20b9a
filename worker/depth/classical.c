/* SPDX-License-Identifier: Apache-2.0
 *
 * classical.c - depth without a model, in three steps, each some frames behind the one before:
 *   push  what the frame alone shows, and how its blocks moved since the frame before;
 *   fuse  nearness from all cues, when the frames of its shot up to FUSE_REACH away are known;
 *   pop   depth, when all its shot within SHOT_REACH is fused: a mean along what moves, edges, and
 *         the range of the whole window stretched to what depth may have.
 * Frames that are not there, before the film and after it, are simply left out of every window. A
 * run that starts within the film leaves them out too, at its own start, and so its first
 * depth_classical_support() depths differ from the film's: they are not owned by it.
 */
#include "worker/depth/classical.h"

#include "worker/depth/cues.h"
#include "worker/depth/frame.h"
#include "worker/depth/normalise.h"
#include "worker/depth/refine.h"
#include "worker/depth/screen.h"
#include "worker/depth/shots.h"
#include "worker/depth/smooth.h"
#include "worker/depth/steady.h"

#include <string.h>

#define STEADY_REACH 3 /* frames on each side whose mean depth is */
#define FUSE_REACH   6 /* frames on each side that fuse asks: horizon, bars, text, motion */
#define SHOT_REACH   (2 * NORMALISE_REACH)
#define LOOK_AHEAD   (SHOT_REACH + FUSE_REACH + SCENE_CUT_REACH)
#define FACTS        64 /* ring of what is known of a frame; > 2 * LOOK_AHEAD */
#define PICTURES     32 /* ring of pictures; > LOOK_AHEAD + STEADY_REACH */

/* Confidence is low, so only 60 % of the asked strength is used: depth keeps to .2 .. .8. */
#define MIDDLE      32768
#define STRENGTH_Q8 154

_Static_assert(STEADY_REACH <= SHOT_REACH, "what is averaged has been fused");
_Static_assert(MOTION_REACH <= FUSE_REACH, "what is chained has been pushed");
_Static_assert(FACTS > 2 * LOOK_AHEAD + 1, "facts are kept as long as they are looked at");
_Static_assert(SHOTS_KEPT >= FACTS, "and scores");
_Static_assert(PICTURES > LOOK_AHEAD + STEADY_REACH, "pictures too");
_Static_assert(SCREEN_REACH <= SHOT_REACH, "its middles have been fused");
_Static_assert(LOOK_AHEAD <= 24, "depth.h promises it");

struct facts { /* of one frame; bars, range and middle from fuse, the rest from push */
    int horizon;
    bool seen; /* not all black */
    struct frame_bars alone, bars;
    struct depth_range range;
    uint16_t middle;                 /* nearness there, weighted */
    uint8_t *text;                   /* blocks of the low size */
    struct flow_vector *came, *back; /* from the frame before to this one; from this to that one */
};

struct picture {
    struct low *half;
    uint16_t *fine, *low_luma, *near;
};

struct classical {
    struct depth base;
    struct classical_parts parts;
    int view_width, view_height, bit_depth;
    int cols, rows, text_cols, text_rows; /* blocks */
    struct low *low;
    struct pyramid pyramids[2]; /* by parity of the frame */
    struct shots shots;
    struct picture pictures[PICTURES];
    struct facts facts[FACTS];
    struct cue_space space;
    struct motion_grid motion;
    struct steady steady;
    struct flow_vector *ways, *other_ways;
    int32_t *figures, *boxes;
    uint32_t *sums;
    uint16_t *one_cue, *screen; /* screen: how much of a cell of low lies on the screen, of 256 */
    uint8_t *sure;
    int64_t pushed, fused, popped; /* frames */
    bool flushed;
};

static struct facts *facts_at(struct classical *c, int64_t t)
{
    return &c->facts[t % FACTS];
}

static struct picture *picture_at(struct classical *c, int64_t t)
{
    return &c->pictures[t % PICTURES];
}

/* ---- push ---- */

static void compare_frames(struct classical *c)
{
    struct facts *facts = facts_at(c, c->pushed);
    const struct low *half = picture_at(c, c->pushed)->half;
    int parity = (int)(c->pushed & 1), n = half->width * half->height;

    pyramid_load(&c->pyramids[parity], half->luma);
    shots_push(&c->shots, half->luma,
               c->pushed > 0 ? picture_at(c, c->pushed - 1)->half->luma : NULL, n);
    if (c->pushed == 0)
        return;
    flow_find(facts->came, c->ways, &c->pyramids[!parity], &c->pyramids[parity]);
    flow_find(facts->back, c->ways, &c->pyramids[parity], &c->pyramids[!parity]);
}

/* Bars would look like edges to the cues: they see the picture's border row go on. */
static void fill_bars(struct low *half, int top, int bottom)
{
    uint16_t *planes[] = { half->luma, half->cb, half->cr };
    size_t row = (size_t)half->width * sizeof(uint16_t);

    for (int i = 0; i < 3; i++)
        for (int y = 0; y < half->height; y++)
            if (y < top || y >= half->height - bottom)
                memcpy(planes[i] + y * half->width,
                       planes[i] + (y < top ? top : half->height - bottom - 1) * half->width, row);
}

static int classical_push(struct depth *depth, const struct image *frame, struct err *err)
{
    struct classical *c = (struct classical *)depth;
    struct picture *picture = picture_at(c, c->pushed);
    struct facts *facts = facts_at(c, c->pushed);
    size_t n = (size_t)depth->width * (size_t)depth->height;
    int top, bottom;

    if (frame->width != c->view_width || frame->height != c->view_height ||
        frame->bit_depth != c->bit_depth)
        return err_set(err, ERR_INTERNAL, "depth of %dx%d %d bit was given %dx%d %d bit",
                       c->view_width, c->view_height, c->bit_depth, frame->width, frame->height,
                       frame->bit_depth);
    if (c->flushed || c->pushed - c->popped > LOOK_AHEAD)
        return err_set(err, ERR_INTERNAL, "a frame pushed after the end, or before a pop");
    low_load(c->low, frame);
    memcpy(picture->low_luma, c->low->luma, n * sizeof(*picture->low_luma));
    low_halve(picture->half, c->low);
    low_fine(picture->fine, picture->half, c->low);
    facts->seen = frame_bars_find(&facts->alone, c->low);
    frame_text(facts->text, c->low);
    top = (facts->alone.top + 1) / 2;
    bottom = (facts->alone.bottom + 1) / 2;
    fill_bars(picture->half, top, bottom);
    facts->horizon = frame_horizon(picture->half, top, picture->half->height - bottom);
    compare_frames(c);
    c->pushed++;
    return 0;
}

/* ---- fuse ---- */

static int less(int a, int b)
{
    return a < b ? a : b;
}

/* A bar is where every frame of the window that is not all black has one. */
static struct frame_bars bars_around(struct classical *c, struct shot shot)
{
    struct frame_bars out = { 0 };
    bool any = false;

    for (int64_t u = shot.first; u <= shot.last; u++) {
        const struct facts *f = facts_at(c, u);

        if (!f->seen)
            continue;
        if (!any)
            out = f->alone;
        any = true;
        out.top = less(out.top, f->alone.top);
        out.bottom = less(out.bottom, f->alone.bottom);
        out.left = less(out.left, f->alone.left);
        out.right = less(out.right, f->alone.right);
    }
    return out;
}

static int horizon_around(struct classical *c, struct shot shot)
{
    int sum = 0;

    for (int64_t u = shot.first; u <= shot.last; u++)
        sum += facts_at(c, u)->horizon;
    return sum / (int)(shot.last - shot.first + 1);
}

/* Where blocks of frame t are in frame u of its shot. */
static void ways_to(struct classical *c, struct flow_vector *ways, int64_t t, int64_t u)
{
    motion_start(ways, c->cols * c->rows);
    for (int64_t s = t + 1; s <= u; s++)
        motion_chain(ways, facts_at(c, s)->came, c->cols, c->rows);
    for (int64_t s = t; s > u; s--)
        motion_chain(ways, facts_at(c, s)->back, c->cols, c->rows);
}

static void motion_around(struct classical *c, struct shot shot, int64_t t)
{
    shot = shot_within(shot, t, MOTION_REACH);
    ways_to(c, c->ways, t, shot.last);
    ways_to(c, c->other_ways, t, shot.first);
    for (int i = 0; i < c->cols * c->rows; i++) {
        c->ways[i].x = (int16_t)(c->ways[i].x - c->other_ways[i].x);
        c->ways[i].y = (int16_t)(c->ways[i].y - c->other_ways[i].y);
        c->ways[i].trust = (uint8_t)less(c->ways[i].trust, c->other_ways[i].trust);
    }
    motion_near(&c->motion, c->ways, c->figures);
}

static void fuse(struct classical *c, int64_t t)
{
    struct shot shot = shots_around(&c->shots, t, FUSE_REACH);
    struct picture *picture = picture_at(c, t);
    struct facts *facts = facts_at(c, t);
    int w = picture->half->width, h = picture->half->height;
    struct cue_view view = {
        .half = picture->half, .fine = picture->fine, .motion = &c->motion, .space = &c->space
    };

    facts->bars = bars_around(c, shot);
    view.top = (facts->bars.top + 1) / 2;
    view.bottom = h - (facts->bars.bottom + 1) / 2;
    view.horizon =
        view.top + horizon_around(c, shot) * (view.bottom - view.top) / FRAME_HORIZON_ONE;
    motion_around(c, shot, t);
    cues_fuse(picture->near, c->parts.cues, c->one_cue, c->sure, c->sums, &view);
    smooth_box(picture->near, w, h, 1, c->space.sums, c->space.scratch);
    facts->range =
        normalise_percentiles(picture->near + view.top * w, w * (view.bottom - view.top));
    facts->middle = screen_middle(picture->near + view.top * w, w, view.bottom - view.top, w);
}

/* ---- pop ---- */

static int classical_flush(struct depth *depth, struct err *err)
{
    (void)err;
    ((struct classical *)depth)->flushed = true;
    return 0;
}

static struct depth_range range_at(struct classical *c, struct shot shot, int64_t t)
{
    struct depth_range ranges[2 * SHOT_REACH + 1];
    int count = 0;

    for (int64_t u = shot.first; u <= shot.last; u++)
        ranges[count++] = facts_at(c, u)->range;
    return normalise_window(ranges, count, (int)(t - shot.first));
}

static uint16_t middle_around(struct classical *c, struct shot shot, int64_t t)
{
    uint16_t middles[2 * SCREEN_REACH + 1];
    int count = 0;

    shot = shot_within(shot, t, SCREEN_REACH);
    for (int64_t u = shot.first; u <= shot.last; u++)
        middles[count++] = facts_at(c, u)->middle;
    return screen_mean(middles, count);
}

static void steady_around(struct classical *c, uint16_t *out, struct shot shot, int64_t t)
{
    const uint16_t *here = picture_at(c, t)->half->luma;

    shot = shot_within(shot, t, c->parts.steady ? STEADY_REACH : 0);
    steady_start(&c->steady);
    for (int64_t u = shot.first; u <= shot.last; u++) {
        const struct picture *there = picture_at(c, u);

        ways_to(c, c->ways, t, u);
        steady_add(&c->steady, there->near, here, there->half->luma, c->ways);
    }
    steady_end(out, &c->steady);
}

static void double_up(uint16_t *out, const uint16_t *near, int width, int height, int half_width)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            *out++ = near[y / 2 * half_width + x / 2];
}

/* Letters of most frames around; they stay for a second and more, across cuts too. */
static bool is_text(struct classical *c, int64_t t, int block)
{
    int have = 0, count = 0;

    for (int64_t u = t - STEADY_REACH; u <= t + STEADY_REACH; u++)
        if (u >= 0 && u < c->pushed) {
            have += facts_at(c, u)->text[block];
            count++;
        }
    return 2 * have > count;
}

static void mark(struct classical *c, int x0, int y0, int x1, int y1)
{
    int w = c->base.width, h = c->base.height;

    for (int y = y0 < 0 ? 0 : y0; y < less(y1, h); y++)
        for (int x = x0 < 0 ? 0 : x0; x < less(x1, w); x++)
            c->screen[y * w + x] = 256;
}

/* Bars exactly; around letters half a block more, so that depth has some way to come to them. */
static void mark_screen(struct classical *c, int64_t t)
{
    const struct frame_bars *bars = &facts_at(c, t)->bars;
    int w = c->base.width, h = c->base.height, margin = TEXT_BLOCK / 2, found = 0;

    memset(c->screen, 0, (size_t)w * (size_t)h * sizeof(*c->screen));
    for (int b = 0; b < c->text_cols * c->text_rows; b++)
        if (is_text(c, t, b)) {
            int x = b % c->text_cols * TEXT_BLOCK, y = b / c->text_cols * TEXT_BLOCK;

            mark(c, x - margin, y - margin, x + TEXT_BLOCK + margin, y + TEXT_BLOCK + margin);
            found++;
        }
    if (found)
        smooth_box(c->screen, w, h, 2, c->sums, (uint16_t *)(void *)c->boxes);
    mark(c, 0, 0, w, bars->top);
    mark(c, 0, h - bars->bottom, w, h);
    mark(c, 0, 0, bars->left, h);
    mark(c, w - bars->right, 0, w, h);
}

static int cap(int v)
{
    return MIDDLE + (((v - MIDDLE) * STRENGTH_Q8) >> 8);
}

/* On what depth its middle comes to. */
static void lay_screen(struct classical *c, struct shot shot, int64_t t, struct depth_range range)
{
    uint16_t middle = middle_around(c, shot, t);

    normalise_row(&middle, &middle, 1, range);
    c->base.screen = screen_follow(&c->base, (uint16_t)cap(middle));
}

static void cap_row(uint16_t *row, const uint16_t *screen, int width, int plane)
{
    for (int x = 0; x < width; x++) {
        int v = cap(row[x]);

        row[x] = (uint16_t)(v + (plane - v) * screen[x] / 256);
    }
}

static int classical_pop(struct depth *depth, struct plane16 *out, bool *ready, struct err *err)
{
    struct classical *c = (struct classical *)depth;
    int64_t t = c->popped;
    const struct picture *picture = picture_at(c, t);
    int w = depth->width, h = depth->height;
    uint16_t *near = c->low->luma; /* free until the next push */
    struct depth_range range;
    struct shot shot;

    (void)err;
    *ready = t < c->pushed && (c->flushed || t + LOOK_AHEAD < c->pushed);
    if (!*ready)
        return 0;
    while (c->fused <= t + SHOT_REACH && c->fused < c->pushed)
        fuse(c, c->fused++);
    shot = shots_around(&c->shots, t, SHOT_REACH);
    range = range_at(c, shot, t);
    steady_around(c, c->one_cue, shot, t);
    if (c->parts.refine)
        refine_depth(near, c->one_cue, picture->half, picture->low_luma, w, h, c->boxes);
    else
        double_up(near, c->one_cue, w, h, picture->half->width);
    mark_screen(c, t);
    if (depth->follows)
        lay_screen(c, shot, t, range);
    for (int y = 0; y < h; y++) {
        uint16_t *row = (uint16_t *)(void *)((char *)out->px + y * out->stride);

        normalise_row(row, near + y * w, w, range);
        cap_row(row, c->screen + y * w, w, depth->screen);
    }
    c->popped++;
    return 0;
}

static void classical_free(struct depth *depth)
{
    struct classical *c = (struct classical *)depth;

    for (int i = 0; i < PICTURES; i++) {
        low_free(c->pictures[i].half);
        free(c->pictures[i].fine);
        free(c->pictures[i].low_luma);
        free(c->pictures[i].near);
    }
    for (int i = 0; i < FACTS; i++) {
        free(c->facts[i].text);
        free(c->facts[i].came);
        free(c->facts[i].back);
    }
    low_free(c->low);
    regions_free(c->space.regions);
    pyramid_clear(&c->pyramids[0]);
    pyramid_clear(&c->pyramids[1]);
    free(c->space.plane);
    free(c->space.scratch);
    free(c->space.sums);
    free(c->motion.near);
    free(c->motion.sure);
    free(c->steady.near);
    free(c->steady.weight);
    free(c->ways);
    free(c->other_ways);
    free(c->figures);
    free(c->boxes);
    free(c->sums);
    free(c->one_cue);
    free(c->screen);
    free(c->sure);
    free(c);
}

static const struct depth_ops classical_ops = {
    .push = classical_push,
    .flush = classical_flush,
    .pop = classical_pop,
    .free = classical_free,
};

/* Back: what is fused SHOT_REACH before, from FUSE_REACH before that, less one, as the first is a
 * cut or not by scores SCENE_CUT_REACH before it, each against one frame more. Ahead: the same
 * without the last step. Both come to LOOK_AHEAD. */
uint32_t depth_classical_support(void)
{
    return LOOK_AHEAD;
}

/* False when memory is gone. */
static bool pictures_new(struct classical *c, struct err *err)
{
    size_t cells = (size_t)c->low->width * (size_t)c->low->height;

    for (int i = 0; i < PICTURES; i++) {
        struct picture *p = &c->pictures[i];
        size_t n;

        if (low_half_new(&p->half, c->low, err) < 0)
            return false;
        n = (size_t)p->half->width * (size_t)p->half->height;
        p->fine = calloc(n, sizeof(*p->fine));
        p->near = calloc(n, sizeof(*p->near));
        p->low_luma = calloc(cells, sizeof(*p->low_luma));
        if (!p->fine || !p->near || !p->low_luma)
            return false;
    }
    return true;
}

static bool facts_new(struct classical *c)
{
    size_t blocks = (size_t)c->cols * (size_t)c->rows;
    size_t text = (size_t)c->text_cols * (size_t)c->text_rows;

    for (int i = 0; i < FACTS; i++) {
        c->facts[i].text = calloc(text, 1);
        c->facts[i].came = calloc(blocks, sizeof(*c->facts[i].came));
        c->facts[i].back = calloc(blocks, sizeof(*c->facts[i].back));
        if (!c->facts[i].text || !c->facts[i].came || !c->facts[i].back)
            return false;
    }
    c->ways = calloc(blocks, sizeof(*c->ways));
    c->other_ways = calloc(blocks, sizeof(*c->other_ways));
    c->figures = calloc(2 * blocks, sizeof(*c->figures));
    c->motion.near = calloc(blocks, sizeof(*c->motion.near));
    c->motion.sure = calloc(blocks, 1);
    return c->ways && c->other_ways && c->figures && c->motion.near && c->motion.sure;
}

static bool planes_new(struct classical *c, const struct low *half, struct err *err)
{
    size_t n = (size_t)half->width * (size_t)half->height;
    size_t cells = (size_t)c->low->width * (size_t)c->low->height;

    c->steady.width = half->width;
    c->steady.height = half->height;
    c->steady.near = calloc(n, sizeof(*c->steady.near));
    c->steady.weight = calloc(n, sizeof(*c->steady.weight));
    c->space.plane = calloc(n, sizeof(uint16_t));
    c->space.scratch = calloc(n, sizeof(uint16_t));
    c->space.sums = calloc((size_t)half->width, sizeof(*c->space.sums));
    c->boxes = calloc(5 * n, sizeof(*c->boxes));
    c->sums = calloc(2 * n + (size_t)c->low->width, sizeof(*c->sums));
    c->one_cue = calloc(n, sizeof(*c->one_cue));
    c->sure = calloc(n, 1);
    c->screen = calloc(cells, sizeof(*c->screen));
    return c->steady.near && c->steady.weight && c->space.plane && c->space.scratch &&
           c->space.sums && c->boxes && c->sums && c->one_cue && c->sure && c->screen &&
           pyramid_init(&c->pyramids[0], half->width, half->height) &&
           pyramid_init(&c->pyramids[1], half->width, half->height) &&
           regions_new(&c->space.regions, half, err) == 0;
}

static void count_blocks(struct classical *c, const struct low *half)
{
    c->cols = flow_blocks(half->width);
    c->rows = flow_blocks(half->height);
    c->text_cols = text_blocks(c->low->width);
    c->text_rows = text_blocks(c->low->height);
    c->motion = (struct motion_grid){ .cols = c->cols, .rows = c->rows };
}

int classical_new(struct depth **out, int width, int height, int bit_depth,
                  struct classical_parts parts, struct err *err)
{
    AUTO(depth) struct depth *depth = NULL;
    struct classical *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    depth = &c->base;
    depth->ops = &classical_ops;
    depth->look_ahead = LOOK_AHEAD;
    depth->screen = MIDDLE;
    c->parts = parts;
    c->view_width = width;
    c->view_height = height;
    c->bit_depth = bit_depth;
    if (low_new(&c->low, width, height, err) < 0)
        return -1;
    if (!pictures_new(c, err))
        return err_set(err, ERR_NOMEM, "no memory for depth of %dx%d", width, height);
    count_blocks(c, c->pictures[0].half);
    if (!facts_new(c) || !planes_new(c, c->pictures[0].half, err))
        return err_set(err, ERR_NOMEM, "no memory for depth of %dx%d", width, height);
    depth->width = c->low->width;
    depth->height = c->low->height;
    *out = TAKE(depth);
    return 0;
}

int depth_classical_new(struct depth **out, int width, int height, int bit_depth, struct err *err)
{
    return classical_new(out, width, height, bit_depth, CLASSICAL_ALL, err);
}
