/* SPDX-License-Identifier: Apache-2.0
 *
 * The film is divided evenly into as many parts as the wanted length asks for (a rest of a quarter
 * of it or less makes no part of its own); each inner boundary then moves to the nearest keyframe
 * within a quarter of a part. Windows around wanted places do not touch, so boundaries stay in
 * order.
 */
#include "common/contract/members.h"
#include "common/contract/plan.h"

#include <stdlib.h>

#define NO_DTS     INT64_MIN
#define SEEK_STEPS 256 /* keyframes looked back over: a sound film needs one or two */

struct film {
    const struct plan_frame *frames; /* borrowed */
    size_t count;
    int64_t start, end;
    size_t *keys; /* owned: indexes of keyframes, ascending */
    size_t key_count;
    int64_t *min_dts;   /* owned: the least dts of frame i and all later ones */
    size_t *boundaries; /* owned: first frame of each segment, and `count` behind the last */
};

static void film_auto_(struct film *film)
{
    free(film->keys);
    free(film->min_dts);
    free(film->boundaries);
}

static int check(const struct plan_frame *frames, size_t count, int64_t end,
                 const struct plan_cut_opts *opts, struct err *err)
{
    if (count == 0 || opts->target < 1)
        return err_set(err, ERR_INTERNAL, "cut: no frames or no length");
    for (size_t i = 0; i < count; i++) {
        int64_t next = i + 1 < count ? frames[i + 1].pts : end;

        if (frames[i].pts < PTS_MIN || next > PTS_MAX)
            return err_set(err, ERR_INPUT, "the film's timestamps are out of range at frame %zu",
                           i);
        if (next <= frames[i].pts)
            return err_set(err, ERR_INTERNAL, "cut: pts do not ascend at frame %zu", i);
    }
    return 0;
}

static int film_init(struct film *film, const struct plan_frame *frames, size_t count, int64_t end,
                     struct err *err)
{
    int64_t least = INT64_MAX;

    film->frames = frames;
    film->count = count;
    film->start = frames[0].pts;
    film->end = end;
    film->keys = calloc(count, sizeof(*film->keys));
    film->min_dts = calloc(count, sizeof(*film->min_dts));
    film->boundaries = calloc(PLAN_MAX_SEGMENTS + 1, sizeof(*film->boundaries));
    if (!film->keys || !film->min_dts || !film->boundaries)
        return err_set(err, ERR_NOMEM, "no memory to cut %zu frames", count);
    for (size_t i = 0; i < count; i++) {
        if (frames[i].key)
            film->keys[film->key_count++] = i;
    }
    for (size_t i = count; i-- > 0;) {
        if (frames[i].dts != NO_DTS && frames[i].dts < least)
            least = frames[i].dts;
        film->min_dts[i] = least;
    }
    return 0;
}

/* First frame at or behind pts; count when there is none. */
static size_t frame_at(const struct film *film, int64_t pts)
{
    size_t low = 0, high = film->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (film->frames[mid].pts < pts)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* How many keyframes are before frame i. */
static size_t keys_before(const struct film *film, size_t i)
{
    size_t low = 0, high = film->key_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (film->keys[mid] < i)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The nearest keyframe within slack of the wanted place, else the first frame from there on. */
static size_t boundary_near(const struct film *film, int64_t wanted, int64_t slack)
{
    size_t any = frame_at(film, wanted), key = keys_before(film, any), best = any;
    int64_t near = slack + 1;

    if (key > 0) {
        int64_t distance = wanted - film->frames[film->keys[key - 1]].pts;

        if (distance < near) {
            near = distance;
            best = film->keys[key - 1];
        }
    }
    if (key < film->key_count && film->frames[film->keys[key]].pts - wanted < near)
        best = film->keys[key];
    return best;
}

/* Where the film has gaps, several wanted places may fall on one frame: fewer parts come out. */
static uint32_t divide(struct film *film, uint32_t parts)
{
    int64_t length = film->end - film->start, part = length / parts, rest = length % parts;
    uint32_t made = 0;

    film->boundaries[made++] = 0;
    for (uint32_t k = 1; k < parts; k++) {
        int64_t wanted = film->start + part * k + rest * k / parts;
        size_t at = boundary_near(film, wanted, part / 4);

        if (at > film->boundaries[made - 1] && at < film->count)
            film->boundaries[made++] = at;
    }
    film->boundaries[made] = film->count;
    return made;
}

static size_t lead_of(const struct film *film, uint32_t segment, uint32_t window)
{
    size_t first = film->boundaries[segment];

    return first > window ? first - window : 0;
}

/* The last keyframe from which every frame from `lead` on is decoded: none of those comes before it
 * in decode order. 0 when there is none, as when the film begins in the middle of a GOP. */
static size_t seek_of(const struct film *film, size_t lead)
{
    size_t keys = keys_before(film, lead + 1);

    for (size_t step = 1; step <= keys && step <= SEEK_STEPS; step++) {
        size_t key = film->keys[keys - step];

        if (film->frames[key].dts <= film->min_dts[lead])
            return key;
    }
    return 0;
}

static int64_t seek_dts(const struct film *film, size_t seek)
{
    int64_t dts = seek > 0 ? film->frames[seek].dts : film->min_dts[0];

    return dts == NO_DTS || dts == INT64_MAX ? film->frames[seek].pts : dts;
}

/* Frames decoded only to get to the window of the first owned frame. */
static size_t preroll(const struct film *film, uint32_t segments, uint32_t window)
{
    size_t total = 0;

    for (uint32_t i = 0; i < segments; i++) {
        size_t lead = lead_of(film, i, window);

        total += lead - seek_of(film, lead);
    }
    return total;
}

static int parts_wanted(uint32_t *out, const struct film *film, int64_t target, struct err *err)
{
    int64_t length = film->end - film->start;
    int64_t parts = length / target + (length % target > target / 4);

    if (parts > (int64_t)film->count)
        parts = (int64_t)film->count;
    if (parts > PLAN_MAX_SEGMENTS)
        return err_set(err, ERR_INPUT,
                       "the film would have %lld segments, at most %d; make segments at least "
                       "%lld times as long",
                       (long long)parts, PLAN_MAX_SEGMENTS,
                       (long long)((parts + PLAN_MAX_SEGMENTS - 1) / PLAN_MAX_SEGMENTS));
    *out = parts < 1 ? 1 : (uint32_t)parts;
    return 0;
}

static uint32_t crc_of(const struct film *film, size_t first, size_t end)
{
    uint32_t crc = 0;

    for (size_t i = first; i < end; i++) {
        uint64_t pts = (uint64_t)film->frames[i].pts;
        uint8_t bytes[8];

        for (int b = 0; b < 8; b++)
            bytes[b] = (uint8_t)(pts >> (8 * b));
        crc = hash_crc32(crc, bytes, sizeof(bytes));
    }
    return crc;
}

static void fill(struct plan_segment *out, const struct film *film, uint32_t segment,
                 uint32_t window)
{
    size_t first = film->boundaries[segment], behind = film->boundaries[segment + 1];
    size_t lead = lead_of(film, segment, window), seek = seek_of(film, lead);

    out->start_pts = film->frames[first].pts;
    out->end_pts = behind < film->count ? film->frames[behind].pts : film->end;
    out->frames = (int64_t)(behind - first);
    out->lead_pts = film->frames[lead].pts;
    out->tail_pts = film->count - behind > window ? film->frames[behind + window].pts : film->end;
    out->seek_pts = film->frames[seek].pts;
    out->seek_dts = seek_dts(film, seek);
    out->pts_crc = crc_of(film, first, behind);
}

int plan_cut(struct plan_segment **out, uint32_t *count, const struct plan_frame *frames,
             size_t frame_count, int64_t end, const struct plan_cut_opts *opts, struct err *err)
{
    __attribute__((cleanup(film_auto_))) struct film film = { 0 };
    struct plan_segment *segments;
    uint32_t parts = 1, made;

    if (check(frames, frame_count, end, opts, err) < 0 ||
        film_init(&film, frames, frame_count, end, err) < 0 ||
        parts_wanted(&parts, &film, opts->target, err) < 0)
        return -1;
    made = divide(&film, parts);
    while (opts->capped && !opts->asked && parts > 1 &&
           preroll(&film, made, opts->window) > frame_count / 2) {
        parts -= parts > 16 ? parts / 16 : 1;
        made = divide(&film, parts);
    }
    segments = calloc(made, sizeof(*segments));
    if (!segments)
        return err_set(err, ERR_NOMEM, "no memory for %u segments", made);
    for (uint32_t i = 0; i < made; i++)
        fill(&segments[i], &film, i, opts->window);
    *out = segments;
    *count = made;
    return 0;
}
