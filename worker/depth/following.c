/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/following.h"

#include "worker/depth/low.h"
#include "worker/depth/screen.h"
#include "worker/depth/shots.h"

#include <string.h>

#define LOOK_AHEAD (SCREEN_REACH + SCENE_CUT_REACH)
#define KEPT       32 /* ring of depths; > LOOK_AHEAD */
#define MIDDLES    64 /* ring of their middles */

_Static_assert(KEPT > LOOK_AHEAD + 1, "a depth is kept until it is popped");
_Static_assert(MIDDLES > LOOK_AHEAD + SCREEN_REACH + 1, "a middle while it is looked at");
_Static_assert(SHOTS_KEPT > 2 * LOOK_AHEAD + 1, "a score too");

struct following {
    struct depth base;
    struct depth *inner; /* owned */
    struct low *low;
    struct low *halves[2]; /* by parity of the frame */
    uint16_t *planes[KEPT];
    uint16_t middles[MIDDLES];
    struct shots shots;
    int64_t popped; /* frames */
    bool flushed;
};

static int following_push(struct depth *depth, const struct image *frame, struct err *err)
{
    struct following *f = (struct following *)depth;
    int64_t t = f->shots.pushed;
    struct low *half = f->halves[t & 1], *before = f->halves[!(t & 1)];
    struct plane16 plane = { f->planes[t % KEPT], depth->width, depth->height,
                             (ptrdiff_t)depth->width * (ptrdiff_t)sizeof(uint16_t) };
    bool ready;

    if (f->flushed || t - f->popped > LOOK_AHEAD)
        return err_set(err, ERR_INTERNAL, "a frame pushed after the end, or before a pop");
    if (f->inner->ops->push(f->inner, frame, err) < 0 ||
        f->inner->ops->pop(f->inner, &plane, &ready, err) < 0)
        return -1;
    if (!ready)
        return err_set(err, ERR_INTERNAL, "a depth is late");
    f->middles[t % MIDDLES] = screen_middle(plane.px, plane.width, plane.height, plane.width);
    low_load(f->low, frame);
    low_halve(half, f->low);
    shots_push(&f->shots, half->luma, t > 0 ? before->luma : NULL, half->width * half->height);
    return 0;
}

static int following_flush(struct depth *depth, struct err *err)
{
    struct following *f = (struct following *)depth;

    f->flushed = true;
    return f->inner->ops->flush(f->inner, err);
}

static int following_pop(struct depth *depth, struct plane16 *out, bool *ready, struct err *err)
{
    struct following *f = (struct following *)depth;
    uint16_t middles[2 * SCREEN_REACH + 1];
    size_t row = (size_t)depth->width * sizeof(uint16_t);
    int64_t t = f->popped;
    int count = 0;
    struct shot shot;

    (void)err;
    *ready = t < f->shots.pushed && (f->flushed || t + LOOK_AHEAD < f->shots.pushed);
    if (!*ready)
        return 0;
    shot = shots_around(&f->shots, t, SCREEN_REACH);
    for (int64_t u = shot.first; u <= shot.last; u++)
        middles[count++] = f->middles[u % MIDDLES];
    depth->screen = screen_follow(depth, screen_mean(middles, count));
    for (int y = 0; y < depth->height; y++)
        memcpy((char *)out->px + y * out->stride, f->planes[t % KEPT] + y * depth->width, row);
    f->popped++;
    return 0;
}

static void following_free(struct depth *depth)
{
    struct following *f = (struct following *)depth;

    for (int i = 0; i < KEPT; i++)
        free(f->planes[i]);
    low_free(f->halves[0]);
    low_free(f->halves[1]);
    low_free(f->low);
    depth_free(f->inner);
    free(f);
}

static const struct depth_ops following_ops = { following_push, following_flush, following_pop,
                                                following_free };

uint32_t depth_following_support(void)
{
    return LOOK_AHEAD;
}

int depth_following_new(struct depth **out, struct depth *inner, int width, int height,
                        struct err *err)
{
    AUTO(depth) struct depth *owned = inner, *depth = NULL;
    struct following *f = calloc(1, sizeof(*f));
    size_t samples = (size_t)inner->width * (size_t)inner->height;

    if (!f)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    depth = &f->base;
    depth->ops = &following_ops;
    depth->width = inner->width;
    depth->height = inner->height;
    depth->look_ahead = LOOK_AHEAD;
    f->inner = TAKE(owned);
    for (int i = 0; i < KEPT; i++) {
        f->planes[i] = malloc(samples * sizeof(uint16_t));
        if (!f->planes[i])
            return err_set(err, ERR_NOMEM, "no memory for depth");
    }
    if (low_new(&f->low, width, height, err) < 0 || low_half_new(&f->halves[0], f->low, err) < 0 ||
        low_half_new(&f->halves[1], f->low, err) < 0)
        return -1;
    *out = TAKE(depth);
    return 0;
}
