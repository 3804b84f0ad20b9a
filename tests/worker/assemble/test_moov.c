/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/assemble/moov.h"

static const struct moov_track sound = { .packets = 3000, .bytes = 1 << 20 };
static const struct moov_track text = { .packets = 50, .bytes = 2000, .text = true };

static struct moov_film film(const struct moov_track *copies, size_t count)
{
    return (struct moov_film){ .fixed_bytes = 5000,
                               .duration_ms = 60000,
                               .video = { .packets = 1500, .bytes = 8 << 20 },
                               .copies = copies,
                               .copy_count = count };
}

/* What the boxes of this film come to when every table has one entry a packet or chunk. */
static void holds_every_table(void **state)
{
    struct moov_film alone = film(NULL, 0), with = film(&sound, 1);
    uint64_t video = 1500 * (8 + 8 + 4 + 4 + 1), runs = 60000 / 500;

    (void)state;
    assert_true(moov_bound(&alone) >= 5000 + video + 8 * 20);
    assert_true(moov_bound(&with) >= 5000 + video + 3000 * (8 + 4) + 2 * runs * 20);
    /* and wastes little: less than 64 bytes a frame of film here */
    assert_true(moov_bound(&alone) < 5000 + 1500 * 64);
}

/* Without sizes every packet may be a chunk of its own, in all tracks. */
static void expects_the_worst_of_what_is_not_known(void **state)
{
    struct moov_track unknown = { .packets = 3000 };
    struct moov_film film1 = film(&unknown, 1);

    (void)state;
    assert_true(moov_bound(&film1) >= 5000 + 1500 * 25 + 3000 * (12 + 20) + 1500 * 20);
}

static void text_may_double(void **state)
{
    struct moov_film one = film(&text, 1);
    struct moov_film none = film(NULL, 0);

    (void)state;
    assert_true(moov_bound(&one) >= moov_bound(&none) + 2 * 50 * (12 + 20));
}

static void grows_with_everything(void **state)
{
    struct moov_film base = film(&sound, 1);
    struct moov_track more_sound = sound, larger_sound = sound, opus = sound;
    struct moov_film more[8];

    (void)state;
    for (size_t i = 0; i < COUNT(more); i++)
        more[i] = base;
    more[0].fixed_bytes += 100;
    more[1].duration_ms *= 2;
    more[2].video.packets += 10;
    more[3].chapters = 1;
    more_sound.packets += 10;
    more[4].copies = &more_sound;
    larger_sound.bytes *= 100;
    more[5].copies = &larger_sound;
    opus.heavy = true;
    more[6].copies = &opus;
    more[7].video.bytes *= 100;
    for (size_t i = 0; i < COUNT(more); i++)
        if (moov_bound(&more[i]) <= moov_bound(&base))
            fail_msg("change %zu does not make it grow", i);
}

static void takes_nonsense(void **state)
{
    struct moov_track none = { .packets = -5 };
    struct moov_film odd = { .duration_ms = -1,
                             .video = { .packets = -1 },
                             .copies = &none,
                             .copy_count = 1,
                             .chapters = -3 };

    (void)state;
    assert_true(moov_bound(&odd) > 0 && moov_bound(&odd) < 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_every_table),
        cmocka_unit_test(expects_the_worst_of_what_is_not_known),
        cmocka_unit_test(text_may_double),
        cmocka_unit_test(grows_with_everything),
        cmocka_unit_test(takes_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
