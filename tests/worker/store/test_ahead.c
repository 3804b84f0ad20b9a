/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "common/s3.h"
#include "tests/common/check.h"
#include "worker/store/ahead.h"
#include "worker/store/s3_parts.h"

#define SIZE (64u << 20)

struct world {
    struct ahead *ahead;
    unsigned fetches;
    uint64_t bytes, first, last_end;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static int fetch(void *ctx, uint64_t offset, void *out, size_t len, size_t *got, struct err *err)
{
    struct world *world = ctx;

    (void)err;
    assert_true(len > 0 && offset < SIZE && len <= SIZE - offset);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = byte_at(offset + i);
    *got = len;
    world->fetches++;
    world->bytes += len;
    world->last_end = offset + len;
    return 0;
}

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world->ahead = ahead_new(SIZE, fetch, world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    ahead_free(world->ahead);
    free(world);
    return 0;
}

static void read_at(struct world *world, uint64_t offset, size_t len)
{
    AUTO_FREE uint8_t *data = xmalloc(len + 1);
    size_t got, want = offset >= SIZE ? 0 : len < SIZE - offset ? len : (size_t)(SIZE - offset);
    struct err err;

    CHECK_OK(ahead_read(world->ahead, offset, data, len, &got, &err), err);
    assert_int_equal(got, want);
    for (size_t i = 0; i < got; i++)
        if (data[i] != byte_at(offset + i))
            fail_msg("wrong byte at %llu", (unsigned long long)(offset + i));
}

/* The heads of boxes all over a film cost their own bytes only. */
static void jumps_fetch_what_is_asked(void **state)
{
    struct world *world = *state;

    for (uint64_t at = 0; at < SIZE; at += SIZE / 16)
        read_at(world, at, 16);
    assert_int_equal(world->bytes, 16 * 16);
    read_at(world, SIZE - 8, 16);
    read_at(world, SIZE, 16);
    read_at(world, UINT64_MAX - 4, 16);
    assert_int_equal(world->bytes, 16 * 16 + 8);
}

static void reading_on_fetches_more_and_more(void **state)
{
    struct world *world = *state;

    for (uint64_t at = 0; at < SIZE; at += 65536)
        read_at(world, at, 65536);
    assert_int_equal(world->bytes, SIZE); /* nothing twice */
    assert_true(world->fetches < 6 + SIZE / AHEAD_MAX + 1);
}

static void the_window_starts_small_again_after_a_jump(void **state)
{
    struct world *world = *state;

    for (uint64_t at = 0; at < SIZE / 2; at += 65536)
        read_at(world, at, 65536);
    world->bytes = 0;
    read_at(world, SIZE - 1000000, 1000);
    assert_int_equal(world->bytes, 1000);
    read_at(world, SIZE - 999000, 1000);
    assert_int_equal(world->bytes, 1000 + AHEAD_FIRST);
}

static void nothing_is_fetched_behind_the_limit(void **state)
{
    struct world *world = *state;

    ahead_limit(world->ahead, 1000000);
    for (uint64_t at = 0; at < 1000000; at += 10000)
        read_at(world, at, 10000);
    assert_int_equal(world->bytes, 1000000);
    assert_int_equal(world->last_end, 1000000);
    read_at(world, 1000000, 10); /* asked for all the same */
    assert_int_equal(world->bytes, 1000010);
}

/* Sound far behind its picture: neither costs the other its window. */
static void some_places_are_followed_at_once(void **state)
{
    struct world *world = *state;

    for (uint64_t at = 0; at < SIZE / 4; at += 65536)
        for (uint64_t i = 0; i < AHEAD_SPOTS; i++)
            read_at(world, i * (SIZE / AHEAD_SPOTS) + at, 65536);
    assert_true(world->bytes <= SIZE + AHEAD_SPOTS * AHEAD_MAX);
    assert_true(world->fetches < AHEAD_SPOTS * 10);
}

static void parts_reach_the_largest_object(void **state)
{
    uint64_t at = 0;

    (void)state;
    for (uint32_t part = 0; part < S3_PARTS_MAX; part++) {
        assert_true(s3_part_start(part) == at);
        assert_true(s3_part_size(part) >= 8u << 20 && s3_part_size(part) <= 5ull << 30);
        assert_int_equal(s3_part_at(at), part);
        at += s3_part_size(part);
        assert_int_equal(s3_part_at(at - 1), part);
    }
    assert_true(at >= S3_OBJECT_MAX);
    assert_true(s3_part_at(S3_OBJECT_MAX - 1) < S3_PARTS_MAX);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(jumps_fetch_what_is_asked),
        T(reading_on_fetches_more_and_more),
        T(the_window_starts_small_again_after_a_jump),
        T(nothing_is_fetched_behind_the_limit),
        T(some_places_are_followed_at_once),
        cmocka_unit_test(parts_reach_the_largest_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
