/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/assemble/dts.h"

#include <stdlib.h>

#define MAX 600

static const struct row {
    const char *name;
    int depth;
    int64_t step, end;
    int count;
    struct dts_times want[12];
} rows[] = {
    { "no reordering: dts is pts", 0, 10, 40, 3, { { 0, 0, 10 }, { 10, 10, 20 }, { 30, 30, 10 } } },
    { "one B frame",
      1,
      10,
      50,
      5,
      { { 0, -10, 10 }, { 20, 0, 10 }, { 10, 10, 10 }, { 40, 20, 10 }, { 30, 30, 10 } } },
    { "pyramid of three",
      2,
      1,
      5,
      5,
      { { 0, -2, 1 }, { 4, -1, 1 }, { 2, 0, 1 }, { 1, 1, 1 }, { 3, 2, 1 } } },
    { "variable frame rate keeps each frame's own duration",
      1,
      7,
      100,
      4,
      { { 5, -2, 1 }, { 40, 5, 60 }, { 6, 6, 34 }, { 0 } } },
    { "a film shorter than the depth", 4, 3, 12, 2, { { 7, -5, 2 }, { 9, -2, 3 }, { 0 } } },
    { "one frame", 0, 1, 4, 1, { { 3, 3, 1 }, { 0 } } },
};

static void follows_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        AUTO(dts) struct dts *dts = NULL;
        struct dts_times got;
        struct err err;
        int at = 0;
        int count = i == 3 ? 3 : row->count;

        CHECK_OK(dts_new(&dts, row->depth, row->step, NULL, NULL, &err), err);
        for (int k = 0; k < count; k++) {
            CHECK_OK(dts_push(dts, row->want[k].pts, &err), err);
            for (; dts_pop(dts, &got); at++) {
                CHECK_INT(row->name, got.pts, row->want[at].pts);
                CHECK_INT(row->name, got.dts, row->want[at].dts);
                CHECK_INT(row->name, got.duration, row->want[at].duration);
            }
        }
        CHECK_OK(dts_finish(dts, row->end, &err), err);
        for (; dts_pop(dts, &got); at++) {
            CHECK_INT(row->name, got.pts, row->want[at].pts);
            CHECK_INT(row->name, got.dts, row->want[at].dts);
            CHECK_INT(row->name, got.duration, row->want[at].duration);
        }
        CHECK_INT(row->name, at, count);
    }
}

struct sorted {
    int64_t pts[MAX];
    int count;
};

static int note(void *ctx, int64_t pts, struct err *err)
{
    struct sorted *sorted = ctx;

    (void)err;
    sorted->pts[sorted->count++] = pts;
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* An anchor first, then what is shown before it: groups of random size, gaps of random length. */
static int random_film(int64_t *pts, int *depth, unsigned *seed)
{
    int count = 0, most = 0;
    int64_t at = rand_r(seed) % 2000 - 1000;

    while (count < MAX - 20) {
        int group = rand_r(seed) % 8;

        for (int k = 1; k <= group; k++)
            pts[count + k] = at += 1 + rand_r(seed) % 5000;
        pts[count] = at += 1 + rand_r(seed) % 5000;
        count += group + 1;
        most = group > 0 ? 1 : most;
        if (rand_r(seed) % 64 == 0)
            break;
    }
    *depth = most + rand_r(seed) % 3; /* more than is needed does no harm */
    return count;
}

static void ascends_and_never_passes_the_pts(void **state)
{
    unsigned seed = 7;

    (void)state;
    for (int film = 0; film < 400; film++) {
        int64_t pts[MAX], sorted_pts[MAX], last_dts = INT64_MIN, end;
        struct sorted sorted = { .count = 0 };
        struct dts_times got;
        AUTO(dts) struct dts *dts = NULL;
        struct err err;
        int depth, count = random_film(pts, &depth, &seed), at = 0;

        memcpy(sorted_pts, pts, sizeof(pts));
        qsort(sorted_pts, (size_t)count, sizeof(*pts), compare);
        end = sorted_pts[count - 1] + 1 + rand_r(&seed) % 100;
        CHECK_OK(dts_new(&dts, depth, 1 + rand_r(&seed) % 100, note, &sorted, &err), err);
        for (int k = 0; k <= count; k++) {
            if (k < count)
                CHECK_OK(dts_push(dts, pts[k], &err), err);
            else
                CHECK_OK(dts_finish(dts, end, &err), err);
            for (; dts_pop(dts, &got); at++) {
                const int64_t *place =
                    bsearch(&got.pts, sorted_pts, (size_t)count, sizeof(*pts), compare);
                int64_t next = place == sorted_pts + count - 1 ? end : place[1];

                CHECK_INT("order", got.pts, pts[at]);
                CHECK_INT("duration", got.duration, next - got.pts);
                assert_true(got.dts > last_dts && got.dts <= got.pts);
                if (at >= depth)
                    CHECK_INT("dts", got.dts, sorted_pts[at - depth]);
                last_dts = got.dts;
            }
        }
        CHECK_INT("all came", at, count);
        CHECK_INT("all sorted", sorted.count, count);
        assert_memory_equal(sorted.pts, sorted_pts, (size_t)count * sizeof(*pts));
    }
}

static void a_wrong_depth_is_said(void **state)
{
    AUTO(dts) struct dts *dts = NULL, *none = NULL;
    struct err err;

    (void)state;
    CHECK_OK(dts_new(&dts, 1, 1, NULL, NULL, &err), err);
    CHECK_OK(dts_push(dts, 0, &err), err);
    CHECK_OK(dts_push(dts, 4, &err), err);
    CHECK_OK(dts_push(dts, 2, &err), err);
    CHECK_ERR(dts_push(dts, 1, &err), err, ERR_INTERNAL);
    CHECK_HAS("depth", err.msg, "reorder depth of 1");
    CHECK_ERR(dts_new(&none, DTS_MAX_DEPTH + 1, 1, NULL, NULL, &err), err, ERR_INTERNAL);
    CHECK_ERR(dts_new(&none, 1, 0, NULL, NULL, &err), err, ERR_INTERNAL);
}

static void a_frame_twice_is_said(void **state)
{
    AUTO(dts) struct dts *dts = NULL;
    struct err err;

    (void)state;
    CHECK_OK(dts_new(&dts, 0, 1, NULL, NULL, &err), err);
    CHECK_OK(dts_push(dts, 5, &err), err);
    CHECK_ERR(dts_push(dts, 5, &err), err, ERR_INTERNAL);
    CHECK_HAS("twice", err.msg, "two frames at pts 5");
}

static void an_end_before_the_last_frame_is_said(void **state)
{
    AUTO(dts) struct dts *dts = NULL;
    struct err err;

    (void)state;
    CHECK_OK(dts_new(&dts, 0, 1, NULL, NULL, &err), err);
    CHECK_OK(dts_push(dts, 5, &err), err);
    CHECK_ERR(dts_finish(dts, 5, &err), err, ERR_INTERNAL);
}

/* An anchor far ahead keeps its followers waiting: that is refused, not stored without end. */
static void waiting_is_bounded(void **state)
{
    AUTO(dts) struct dts *dts = NULL;
    struct err err;
    int rc = 0, i;

    (void)state;
    CHECK_OK(dts_new(&dts, 1, 1, NULL, NULL, &err), err);
    CHECK_OK(dts_push(dts, 1000000, &err), err);
    for (i = 0; rc == 0 && i < 2 * DTS_MAX_WAIT; i++)
        rc = dts_push(dts, i, &err);
    CHECK_INT("refused", rc, -1);
    CHECK_INT("code", err.code, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_its_table),
        cmocka_unit_test(ascends_and_never_passes_the_pts),
        cmocka_unit_test(a_wrong_depth_is_said),
        cmocka_unit_test(a_frame_twice_is_said),
        cmocka_unit_test(an_end_before_the_last_frame_is_said),
        cmocka_unit_test(waiting_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
