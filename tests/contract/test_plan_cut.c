/* SPDX-License-Identifier: Apache-2.0
 *
 * Random films (constant and variable frame rate, closed and open GOPs, B-frames, gaps, a start in
 * the middle of a GOP) are cut, and what the header promises is checked by looking at every frame.
 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/contract/plan.h"
#include "common/mem.h"

#include <stdlib.h>

struct film {
    struct plan_frame *frames; /* owned, by pts */
    size_t count;
    int64_t end;
};

static void film_auto_(struct film *film)
{
    free(film->frames);
}
#define AUTO_FILM __attribute__((cleanup(film_auto_)))

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % n;
}

struct film_opts {
    size_t count, gop; /* gop 0: only the first frame is a keyframe */
    int bframes;       /* between two anchors */
    bool is_open;      /* B-frames before a keyframe are decoded behind it */
    bool is_vfr;
    size_t headless; /* so many frames before the first keyframe */
    int64_t start, duration;
};

/* The order of decoding: each anchor before the B-frames that come before it in time, but those
 * before the keyframe of a closed GOP refer to nothing behind them. */
static void set_dts(struct film *film, const struct film_opts *opts)
{
    size_t anchor_step = (size_t)opts->bframes + 1;
    int64_t decode = 0;

    for (size_t i = 0; i < film->count;) {
        size_t end = i + anchor_step < film->count ? i + anchor_step : film->count;
        size_t anchor = end - 1;

        if (i == 0) {
            anchor = 0;
            end = 1;
        }
        if (!opts->is_open && film->frames[anchor].key) {
            for (size_t b = i; b < anchor; b++)
                film->frames[b].dts = decode++;
            film->frames[anchor].dts = decode++;
        } else {
            film->frames[anchor].dts = decode++;
            for (size_t b = i; b < anchor; b++)
                film->frames[b].dts = decode++;
        }
        i = end;
    }
    for (size_t i = 0; i < film->count; i++)
        film->frames[i].dts = opts->start + (film->frames[i].dts - 4) * opts->duration;
}

static struct film film_new(const struct film_opts *opts)
{
    size_t step = (size_t)opts->bframes + 1, gop = opts->gop / step * step;
    struct film film = { xcalloc(opts->count, sizeof(*film.frames)), opts->count, 0 };
    int64_t pts = opts->start;

    if (opts->gop && !gop)
        gop = step;
    for (size_t i = 0; i < opts->count; i++) {
        film.frames[i].pts = pts;
        film.frames[i].key = i >= opts->headless && (gop ? i % gop == 0 : i == opts->headless);
        pts += opts->duration;
        if (opts->is_vfr)
            pts += (int64_t)random_below((uint64_t)opts->duration * 3 + 1) +
                   (random_below(200) == 0 ? 500 * opts->duration : 0);
    }
    film.end = pts;
    set_dts(&film, opts);
    return film;
}

static size_t index_of(const struct film *film, int64_t pts)
{
    size_t i = 0;

    while (i < film->count && film->frames[i].pts < pts)
        i++;
    return i;
}

/* Owned frames, the window, and the CRC of the owned pts. */
static void check_owned(const struct film *film, const struct plan_segment *s, uint32_t window)
{
    size_t first = index_of(film, s->start_pts), behind = index_of(film, s->end_pts);
    size_t lead = first > window ? first - window : 0;
    size_t tail = behind + window < film->count ? behind + window : film->count;
    int64_t tail_pts = tail < film->count ? film->frames[tail].pts : film->end;
    uint32_t crc = 0;

    CHECK_INT("frames", s->frames, behind - first);
    CHECK_INT("lead", s->lead_pts, film->frames[lead].pts);
    CHECK_INT("tail", s->tail_pts, tail_pts);
    for (size_t i = first; i < behind; i++) {
        int64_t pts = film->frames[i].pts; /* tests run on little-endian machines */

        crc = hash_crc32(crc, &pts, sizeof(pts));
    }
    CHECK_INT("crc", s->pts_crc, crc);
}

static bool decodes_from(const struct film *film, size_t key, size_t lead)
{
    for (size_t i = lead; i < film->count; i++) {
        if (film->frames[i].dts < film->frames[key].dts)
            return false;
    }
    return true;
}

/* The last keyframe that will do, by trying all. */
static void check_seek(const struct film *film, const struct plan_segment *s)
{
    size_t lead = index_of(film, s->lead_pts);
    int64_t first_dts = INT64_MAX;

    for (size_t key = lead + 1; key-- > 0;) {
        if (film->frames[key].key && decodes_from(film, key, lead)) {
            CHECK_INT("seek", s->seek_pts, film->frames[key].pts);
            CHECK_INT("seek dts", s->seek_dts, film->frames[key].dts);
            return;
        }
    }
    for (size_t i = 0; i < film->count; i++)
        first_dts = film->frames[i].dts < first_dts ? film->frames[i].dts : first_dts;
    CHECK_INT("seek from the start", s->seek_pts, film->frames[0].pts);
    CHECK_INT("seek dts from the start", s->seek_dts, first_dts);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* With all parts there, boundary k belongs to the place start + length * k / count. */
static void check_boundaries(const struct film *film, const struct plan_segment *segments,
                             uint32_t count)
{
    int64_t start = film->frames[0].pts, length = film->end - start, slack = length / count / 4;

    for (uint32_t k = 1; k < count; k++) {
        int64_t wanted = start + (int64_t)((__int128)length * k / count);
        int64_t got = segments[k].start_pts, nearest = INT64_MAX;

        for (size_t i = 0; i < film->count; i++) {
            if (film->frames[i].key && distance(film->frames[i].pts, wanted) < nearest)
                nearest = distance(film->frames[i].pts, wanted);
        }
        if (nearest <= slack) {
            assert_true(film->frames[index_of(film, got)].key);
            CHECK_INT("nearest keyframe", distance(got, wanted), nearest);
        } else {
            CHECK_INT("any frame", got, film->frames[index_of(film, wanted)].pts);
        }
    }
}

static void check_cut(const struct film *film, const struct plan_segment *segments, uint32_t count,
                      uint32_t window)
{
    int64_t at = film->frames[0].pts, frames = 0;

    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT("contiguous", segments[i].start_pts, at);
        assert_true(segments[i].end_pts > segments[i].start_pts);
        assert_true(segments[i].frames >= 1);
        check_owned(film, &segments[i], window);
        check_seek(film, &segments[i]);
        at = segments[i].end_pts;
        frames += segments[i].frames;
    }
    CHECK_INT("covers all", at, film->end);
    CHECK_INT("counts add up", frames, film->count);
}

/* Frames decoded before the window begins. */
static int64_t preroll(const struct film *film, const struct plan_segment *segments, uint32_t count)
{
    int64_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += (int64_t)index_of(film, segments[i].lead_pts) -
                 (int64_t)index_of(film, segments[i].seek_pts);
    return total;
}

static uint32_t cut(struct plan_segment **out, const struct film *film, int64_t target,
                    uint32_t window)
{
    const struct plan_cut_opts opts = { .target = target, .window = window };
    struct err err;
    uint32_t count = 0;

    CHECK_OK(plan_cut(out, &count, film->frames, film->count, film->end, &opts, &err), err);
    return count;
}

/* How many parts the wanted length asks for: a rest of a quarter or less is shared out. */
static uint32_t parts_wanted(const struct film *film, int64_t target)
{
    int64_t length = film->end - film->frames[0].pts;
    int64_t parts = length / target;

    if (length - parts * target > target / 4)
        parts++;
    if (parts > (int64_t)film->count)
        parts = (int64_t)film->count;
    return parts < 1 ? 1 : (uint32_t)parts;
}

static struct film_opts random_opts(void)
{
    struct film_opts opts = {
        .count = 1 + random_below(1200),
        .gop = random_below(4) == 0 ? 0 : 1 + random_below(250),
        .bframes = (int)random_below(4),
        .is_open = random_below(2),
        .is_vfr = random_below(2),
        .start = (int64_t)random_below(100000) - 50000,
        .duration = 1 + (int64_t)random_below(4000),
    };

    if (random_below(5) == 0)
        opts.headless = random_below(opts.count);
    return opts;
}

static void random_films_are_cut_as_promised(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct film_opts opts;
        AUTO_FREE struct plan_segment *segments = NULL;
        uint32_t window, count;
        int64_t target;

        random_state = seed;
        opts = random_opts();
        {
            AUTO_FILM struct film film = film_new(&opts);

            window = (uint32_t)random_below(100);
            target = 1 + (int64_t)random_below((uint64_t)(film.end - film.frames[0].pts) * 2);
            if (parts_wanted(&film, target) > 300)
                target = (film.end - film.frames[0].pts) / 50 + 1;
            count = cut(&segments, &film, target, window);
            check_cut(&film, segments, count, window);
            assert_true(count <= parts_wanted(&film, target));
            if (count == parts_wanted(&film, target))
                check_boundaries(&film, segments, count);
            else
                assert_true(opts.is_vfr || count > film.count / 2); /* gaps, or near one a frame */
        }
    }
}

static void lengths_become_parts(void **state)
{
    static const struct {
        const char *name;
        size_t frames;
        int64_t target; /* frames of 10 */
        uint32_t want;
    } rows[] = {
        { "shorter than asked", 100, 5000, 1 },
        { "exactly one", 100, 1000, 1 },
        { "a quarter more is one", 125, 1000, 1 },
        { "more than a quarter more is two", 126, 1000, 2 },
        { "exactly five", 500, 1000, 5 },
        { "a rest of a half is a part", 550, 1000, 6 },
        { "shorter than a frame", 10, 1, 10 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct film_opts opts = { .count = rows[i].frames, .gop = 1, .duration = 10 };
        AUTO_FILM struct film film = film_new(&opts);
        AUTO_FREE struct plan_segment *segments = NULL;

        CHECK_INT(rows[i].name, cut(&segments, &film, rows[i].target, 0), rows[i].want);
    }
}

static void a_film_of_one_frame_is_one_segment(void **state)
{
    const struct film_opts opts = { .count = 1, .gop = 1, .start = 7, .duration = 40 };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;

    (void)state;
    CHECK_INT("segments", cut(&segments, &film, 1, 48), 1);
    CHECK_INT("start", segments[0].start_pts, 7);
    CHECK_INT("end", segments[0].end_pts, 47);
    CHECK_INT("lead", segments[0].lead_pts, 7);
    CHECK_INT("tail", segments[0].tail_pts, 47);
}

static void a_film_of_one_keyframe_still_splits(void **state)
{
    const struct film_opts opts = { .count = 1000, .gop = 0, .bframes = 2, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;

    (void)state;
    CHECK_INT("segments", cut(&segments, &film, 1000, 48), 10);
    for (int i = 0; i < 10; i++) {
        CHECK_INT("start", segments[i].start_pts, 1000 * i);
        CHECK_INT("seek", segments[i].seek_pts, 0);
    }
}

/* Keyframes at 0, 90, 180, ...; wanted at 100, 200, 300: 90 is near, 270 is 30 away, not near. */
static void a_keyframe_within_a_quarter_is_taken(void **state)
{
    const struct film_opts opts = { .count = 40, .gop = 9, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;

    (void)state;
    CHECK_INT("segments", cut(&segments, &film, 100, 0), 4);
    CHECK_INT("near", segments[1].start_pts, 90);
    CHECK_INT("near", segments[2].start_pts, 180);
    CHECK_INT("too far", segments[3].start_pts, 300);
    CHECK_INT("its keyframe", segments[3].seek_pts, 270);
}

/* The keyframe at 60 is decoded before the B-frames at 40 and 50, which are shown before it and
 * need the GOP before. */
static void an_open_gop_is_entered_at_the_keyframe_before(void **state)
{
    const struct film_opts opts = {
        .count = 30, .gop = 6, .bframes = 2, .is_open = true, .duration = 10
    };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;
    uint32_t count;

    (void)state;
    assert_true(film.frames[6].dts < film.frames[5].dts);
    count = cut(&segments, &film, 150, 2);
    CHECK_INT("segments", count, 2);
    CHECK_INT("boundary", segments[1].start_pts, 120);
    CHECK_INT("lead", segments[1].lead_pts, 100);
    CHECK_INT("seek", segments[1].seek_pts, 60);
}

/* The frame at 50 calls itself a keyframe, but the one at 60 was decoded before it: whoever begins
 * at 50 never gets it. */
static void a_keyframe_that_is_none_is_not_entered(void **state)
{
    const struct film_opts opts = { .count = 10, .gop = 0, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;
    int64_t dts = film.frames[5].dts;

    (void)state;
    film.frames[5].key = true;
    film.frames[5].dts = film.frames[6].dts;
    film.frames[6].dts = dts;
    CHECK_INT("segments", cut(&segments, &film, 50, 0), 2);
    CHECK_INT("boundary", segments[1].start_pts, 50);
    CHECK_INT("seek", segments[1].seek_pts, 0);
}

/* Pictures shown before the first keyframe and decoded behind it. */
static void a_film_that_begins_with_leading_pictures_is_entered_at_its_start(void **state)
{
    const struct plan_frame frames[] = { { 0, 1, false }, { 10, 2, false }, { 20, 0, true } };
    const struct plan_cut_opts opts = { .target = 1000 };
    AUTO_FREE struct plan_segment *segments = NULL;
    struct err err;
    uint32_t count;

    (void)state;
    CHECK_OK(plan_cut(&segments, &count, frames, COUNT(frames), 30, &opts, &err), err);
    CHECK_INT("seek", segments[0].seek_pts, 0);
    CHECK_INT("seek dts", segments[0].seek_dts, 0);
}

static void the_cap_is_only_for_long_films_that_were_not_asked(void **state)
{
    const struct film_opts opts = { .count = 20000, .gop = 0, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);

    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct plan_cut_opts cut_opts = {
            .target = 2000, .window = 48, .capped = i & 1, .asked = i & 2
        };
        AUTO_FREE struct plan_segment *segments = NULL;
        struct err err;
        uint32_t count;

        CHECK_OK(plan_cut(&segments, &count, film.frames, film.count, film.end, &cut_opts, &err),
                 err);
        if (cut_opts.capped && !cut_opts.asked) {
            CHECK_INT("capped", count, 2);
            assert_true(preroll(&film, segments, count) <= (int64_t)film.count / 2);
        } else {
            CHECK_INT("not capped", count, 100);
        }
    }
}

/* Cheap pre-roll is no reason for fewer segments; dear pre-roll is, but for no fewer than needed.
 */
static void the_cap_takes_no_more_than_it_must(void **state)
{
    static const size_t gops[] = { 1, 24, 250, 3000, 7001 };

    (void)state;
    for (size_t i = 0; i < COUNT(gops); i++) {
        const struct film_opts opts = { .count = 30000, .gop = gops[i], .duration = 10 };
        const struct plan_cut_opts cut_opts = { .target = 6000, .window = 48, .capped = true };
        AUTO_FILM struct film film = film_new(&opts);
        AUTO_FREE struct plan_segment *segments = NULL, *more = NULL;
        struct err err;
        uint32_t count, more_count;

        CHECK_OK(plan_cut(&segments, &count, film.frames, film.count, film.end, &cut_opts, &err),
                 err);
        assert_true(preroll(&film, segments, count) <= (int64_t)film.count / 2);
        if (gops[i] <= 250)
            CHECK_INT("as many as wanted", count, 50);
        if (count == 50)
            continue;
        more_count =
            cut(&more, &film, (film.end - film.frames[0].pts) / (count + count / 8 + 1), 48);
        assert_true(more_count > count);
        assert_true(preroll(&film, more, more_count) > (int64_t)film.count / 2);
    }
}

static void too_many_segments_are_refused(void **state)
{
    const struct film_opts opts = { .count = 50000, .gop = 1, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);
    struct plan_cut_opts cut_opts = { .target = 10, .window = 0 };
    struct plan_segment *segments = NULL;
    struct err err;
    uint32_t count = 77;

    (void)state;
    CHECK_ERR(plan_cut(&segments, &count, film.frames, film.count, film.end, &cut_opts, &err), err,
              ERR_INPUT);
    CHECK_STR("message", err.msg,
              "the film would have 50000 segments, at most 20000; make segments at least 3 times "
              "as long");
    assert_null(segments);
    CHECK_INT("untouched", count, 77);
    cut_opts.target = 25;
    CHECK_OK(plan_cut(&segments, &count, film.frames, film.count, film.end, &cut_opts, &err), err);
    CHECK_INT("most", count, 20000);
    free(segments);
}

static void broken_input_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct plan_frame frames[3];
        size_t count;
        int64_t end, target;
        enum err_code want;
    } rows[] = {
        { "no frames", { { 0 } }, 0, 10, 10, ERR_INTERNAL },
        { "no length", { { 0, 0, true } }, 1, 10, 0, ERR_INTERNAL },
        { "equal pts", { { 0, 0, true }, { 0, 1, false } }, 2, 10, 10, ERR_INTERNAL },
        { "descending", { { 5, 0, true }, { 0, 1, false } }, 2, 10, 10, ERR_INTERNAL },
        { "end at the last frame", { { 0, 0, true }, { 10, 1, false } }, 2, 10, 10, ERR_INTERNAL },
        { "no pts", { { INT64_MIN, 0, true }, { 10, 1, false } }, 2, 20, 10, ERR_INPUT },
        { "far too late", { { 0, 0, true } }, 1, INT64_MAX, 10, ERR_INPUT },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct plan_cut_opts opts = { .target = rows[i].target };
        struct plan_segment *segments = NULL;
        struct err err;
        uint32_t count;

        CHECK_ERR(
            plan_cut(&segments, &count, rows[i].frames, rows[i].count, rows[i].end, &opts, &err),
            err, rows[i].want);
        assert_null(segments);
    }
}

/* Without any dts the pts is what can be sought. */
static void unknown_dts_are_survived(void **state)
{
    const struct film_opts opts = { .count = 100, .gop = 10, .duration = 10 };
    AUTO_FILM struct film film = film_new(&opts);
    AUTO_FREE struct plan_segment *segments = NULL;

    (void)state;
    for (size_t i = 0; i < film.count; i++)
        film.frames[i].dts = INT64_MIN;
    CHECK_INT("segments", cut(&segments, &film, 250, 3), 4);
    for (int i = 0; i < 4; i++)
        CHECK_INT("dts", segments[i].seek_dts, segments[i].seek_pts);
    CHECK_INT("seek", segments[2].seek_pts, 470 / 100 * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_films_are_cut_as_promised),
        cmocka_unit_test(lengths_become_parts),
        cmocka_unit_test(a_film_of_one_frame_is_one_segment),
        cmocka_unit_test(a_film_of_one_keyframe_still_splits),
        cmocka_unit_test(a_keyframe_within_a_quarter_is_taken),
        cmocka_unit_test(an_open_gop_is_entered_at_the_keyframe_before),
        cmocka_unit_test(a_keyframe_that_is_none_is_not_entered),
        cmocka_unit_test(a_film_that_begins_with_leading_pictures_is_entered_at_its_start),
        cmocka_unit_test(the_cap_is_only_for_long_films_that_were_not_asked),
        cmocka_unit_test(the_cap_takes_no_more_than_it_must),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(broken_input_is_refused),
        cmocka_unit_test(unknown_dts_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
