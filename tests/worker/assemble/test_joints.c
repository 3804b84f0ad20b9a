/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/assemble/joints.h"

/* Segments of the given sizes with a keyframe every `gop` packets. */
static struct joints *film(const int *sizes, int segments, int gop)
{
    struct joints *joints = joints_new((uint32_t)segments);

    for (int s = 0; s < segments; s++)
        for (int i = 0; i < sizes[s]; i++)
            joints_packet(joints, i % gop == 0, i == 0);
    return joints;
}

static const struct row {
    const char *name;
    int segments, sizes[6], gop;
    size_t count;
    struct media_window want[4];
} rows[] = {
    { "one segment has no joint", 1, { 500 }, 50, 0, { { 0, 0, 0 } } },
    { "the last group's first, and a few behind",
      2,
      { 120, 100 },
      50,
      2,
      { { 100, 8, 0 }, { 120, 8, 1 } } },
    { "a group as long as the lead", 2, { 108, 100 }, 50, 1, { { 100, 16, 0 } } },
    { "a keyframe just before the joint", 2, { 101, 100 }, 50, 1, { { 100, 9, 0 } } },
    { "a short last segment ends the window",
      2,
      { 100, 3 },
      50,
      2,
      { { 50, 8, 0 }, { 100, 3, 1 } } },
    { "one group a segment: one decoder",
      3,
      { 400, 100, 100 },
      1000,
      3,
      { { 0, 8, 0 }, { 400, 8, 1 }, { 500, 8, 1 } } },
    { "short segments share a window", 4, { 5, 5, 5, 100 }, 50, 1, { { 0, 23, 0 } } },
    { "windows that touch stay apart",
      3,
      { 50, 58, 60 },
      50,
      3,
      { { 0, 8, 0 }, { 50, 8, 1 }, { 100, 16, 0 } } },
    { "one frame each", 6, { 1, 1, 1, 1, 1, 1 }, 1, 1, { { 0, 6, 0 } } },
};

static void follows_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(joints) struct joints *joints = film(rows[i].sizes, rows[i].segments, rows[i].gop);
        size_t count;
        const struct media_window *windows = joints_windows(joints, &count);

        CHECK_INT(rows[i].name, count, rows[i].count);
        for (size_t k = 0; k < count; k++) {
            CHECK_INT(rows[i].name, windows[k].first, rows[i].want[k].first);
            CHECK_INT(rows[i].name, windows[k].count, rows[i].want[k].count);
            CHECK_INT(rows[i].name, windows[k].goes_on, rows[i].want[k].goes_on);
        }
    }
}

/* Ascending, disjoint, inside the film, every joint inside one, whatever the sizes. */
static void every_joint_is_covered(void **state)
{
    unsigned seed = 3;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        int sizes[20], segments = 1 + rand_r(&seed) % 20, gop = 1 + rand_r(&seed) % 40;
        int64_t total = 0, at = 0;
        size_t count, w = 0;
        const struct media_window *windows;
        AUTO(joints) struct joints *joints = NULL;

        for (int i = 0; i < segments; i++)
            total += sizes[i] = 1 + rand_r(&seed) % 60;
        joints = film(sizes, segments, gop);
        windows = joints_windows(joints, &count);
        assert_true(count <= 2 * (size_t)segments);
        for (size_t i = 0; i < count; i++) {
            int64_t before = i ? windows[i - 1].first + windows[i - 1].count : 0;

            assert_true(windows[i].count > 0);
            assert_true(windows[i].first + windows[i].count <= total);
            assert_true(windows[i].first >= before);
            assert_true(i > 0 || !windows[i].goes_on);
        }
        for (int i = 0; i + 1 < segments; i++) {
            at += sizes[i];
            while (w < count && windows[w].first + windows[w].count <= at)
                w++;
            assert_true(w < count && windows[w].first <= at);
            assert_true(windows[w].first < at || windows[w].goes_on);
        }
    }
}

/* What one decoder gets before a joint goes from a keyframe on without a hole. */
static void a_decoder_starts_at_the_last_keyframe(void **state)
{
    unsigned seed = 5;

    (void)state;
    for (int round = 0; round < 500; round++) {
        int sizes[3], gop = 1 + rand_r(&seed) % 40;
        int64_t at = 0;
        AUTO(joints) struct joints *joints = NULL;
        const struct media_window *windows;
        size_t count;

        for (int i = 0; i < 3; i++)
            sizes[i] = 1 + rand_r(&seed) % 60;
        joints = film(sizes, 3, gop);
        windows = joints_windows(joints, &count);
        for (int i = 0; i < 2; i++) {
            int64_t key = at + (sizes[i] - 1) / gop * gop, lead = key + JOINT_LEAD;
            size_t w = 0;

            at += sizes[i];
            while (w < count && windows[w].first + windows[w].count <= key)
                w++;
            assert_true(w < count && windows[w].first <= key);
            assert_true(windows[w].first + windows[w].count >= (lead < at ? lead : at));
            if (windows[w].first + windows[w].count <= at && at > lead)
                assert_true(windows[w + 1].first == at && windows[w + 1].goes_on);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_its_table),
        cmocka_unit_test(every_joint_is_covered),
        cmocka_unit_test(a_decoder_starts_at_the_last_keyframe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
