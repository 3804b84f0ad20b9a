/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/dts.h"

#include "common/mem.h"

#define UNKNOWN INT64_MIN

struct dts {
    int depth;
    int64_t step;
    dts_sorted_fn *sorted;
    void *ctx;
    int64_t heap[DTS_MAX_DEPTH + 1]; /* pts seen and not yet sorted out; least first */
    int heap_len;
    struct dts_times wait[DTS_MAX_WAIT]; /* ring, in decode order */
    unsigned head, count, undated;       /* undated: the last ones have no dts yet */
    int64_t last;                        /* of the sorted; UNKNOWN before the first */
};

int dts_new(struct dts **out, int depth, int64_t step, dts_sorted_fn *sorted, void *ctx,
            struct err *err)
{
    struct dts *dts;

    if (depth < 0 || depth > DTS_MAX_DEPTH || step < 1)
        return err_set(err, ERR_INTERNAL, "reorder depth %d, step %lld", depth, (long long)step);
    dts = xcalloc(1, sizeof(*dts));
    dts->depth = depth;
    dts->step = step;
    dts->sorted = sorted;
    dts->ctx = ctx;
    dts->last = UNKNOWN;
    *out = dts;
    return 0;
}

void dts_free(struct dts *dts)
{
    free(dts);
}

static void heap_add(struct dts *dts, int64_t pts)
{
    int at = dts->heap_len++;

    for (; at > 0 && dts->heap[(at - 1) / 2] > pts; at = (at - 1) / 2)
        dts->heap[at] = dts->heap[(at - 1) / 2];
    dts->heap[at] = pts;
}

static int64_t heap_take(struct dts *dts)
{
    int64_t least = dts->heap[0], moved = dts->heap[--dts->heap_len];
    int at = 0;

    for (;;) {
        int child = 2 * at + 1;

        if (child >= dts->heap_len)
            break;
        if (child + 1 < dts->heap_len && dts->heap[child + 1] < dts->heap[child])
            child++;
        if (dts->heap[child] >= moved)
            break;
        dts->heap[at] = dts->heap[child];
        at = child;
    }
    dts->heap[at] = moved;
    return least;
}

static struct dts_times *waiting(struct dts *dts, unsigned i)
{
    return &dts->wait[(dts->head + i) % DTS_MAX_WAIT];
}

/* The frame shown at pts lasts until `next`. */
static void set_duration(struct dts *dts, int64_t pts, int64_t next)
{
    for (unsigned i = 0; i < dts->count; i++) {
        struct dts_times *times = waiting(dts, i);

        if (times->pts == pts && times->duration == UNKNOWN) {
            times->duration = next - pts;
            return;
        }
    }
}

/* The next frame in play order is known: it dates one packet and ends the frame before. */
static int sort_one(struct dts *dts, struct err *err)
{
    int64_t pts = heap_take(dts);

    if (dts->last != UNKNOWN && pts <= dts->last)
        return err_set(err, ERR_INTERNAL,
                       pts == dts->last ? "two frames at pts %lld"
                                        : "the frame at pts %lld comes later than a reorder depth "
                                          "of %d allows",
                       (long long)pts, dts->depth);
    if (dts->last == UNKNOWN) /* the first `depth` packets: one step earlier each */
        for (unsigned i = 0; (int)i < dts->depth && dts->undated > 0; i++, dts->undated--)
            waiting(dts, i)->dts = pts - (dts->depth - (int64_t)i) * dts->step;
    else
        set_duration(dts, dts->last, pts);
    if (dts->undated > 0) {
        waiting(dts, dts->count - dts->undated)->dts = pts;
        dts->undated--;
    }
    dts->last = pts;
    return dts->sorted ? dts->sorted(dts->ctx, pts, err) : 0;
}

int dts_push(struct dts *dts, int64_t pts, struct err *err)
{
    if (dts->count == DTS_MAX_WAIT)
        return err_set(err, ERR_INTERNAL, "the frame after pts %lld does not come",
                       (long long)waiting(dts, 0)->pts);
    *waiting(dts, dts->count) = (struct dts_times){ pts, UNKNOWN, UNKNOWN };
    dts->count++;
    dts->undated++;
    heap_add(dts, pts);
    return dts->heap_len > dts->depth ? sort_one(dts, err) : 0;
}

int dts_finish(struct dts *dts, int64_t end, struct err *err)
{
    while (dts->heap_len > 0)
        if (sort_one(dts, err) < 0)
            return -1;
    if (dts->last == UNKNOWN)
        return 0;
    if (end <= dts->last)
        return err_set(err, ERR_INTERNAL, "the film ends at %lld, its last frame is at %lld",
                       (long long)end, (long long)dts->last);
    set_duration(dts, dts->last, end);
    return 0;
}

bool dts_pop(struct dts *dts, struct dts_times *out)
{
    const struct dts_times *times = waiting(dts, 0);

    if (dts->count == 0 || times->dts == UNKNOWN || times->duration == UNKNOWN)
        return false;
    *out = *times;
    dts->head = (dts->head + 1) % DTS_MAX_WAIT;
    dts->count--;
    return true;
}
