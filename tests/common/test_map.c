/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/map.h"
#include "common/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 400, STEPS = 200000 };

static void count(void *ctx, const char *key, void *value)
{
    assert_int_equal(strtoul(key + 4, NULL, 10) + 1, (uintptr_t)value % 1000);
    ++*(int *)ctx;
}

/* Against a plain array, with many removals: removed slots must not hide others, nor pile up. */
static void it_holds_what_was_put(void **state)
{
    uintptr_t held[KEYS] = { 0 };
    struct map map = { 0 };
    uint32_t draw = 1;
    size_t held_count = 0;
    int seen = 0;

    (void)state;
    assert_null(map_get(&map, "none"));
    assert_null(map_remove(&map, "none"));
    for (int i = 0; i < STEPS; i++) {
        unsigned at = (draw = draw * 1664525 + 1013904223) >> 8 & 0x7fffff, what = at / KEYS % 3;
        uintptr_t value = at % KEYS + 1 + (uintptr_t)(i % 7) * 1000;
        char key[16];

        at %= KEYS;
        (void)snprintf(key, sizeof(key), "key-%u", at);
        assert_int_equal((uintptr_t)map_get(&map, key), held[at]);
        if (what == 0) {
            map_put(&map, key, (void *)value);
            held_count += !held[at];
            held[at] = value;
        } else if (what == 1) {
            assert_int_equal((uintptr_t)map_remove(&map, key), held[at]);
            held_count -= held[at] != 0;
            held[at] = 0;
        }
        assert_int_equal(map.count, held_count);
    }
    map_each(&map, count, &seen);
    assert_int_equal(seen, held_count);
    assert_true(map.cap <= 4 * KEYS);
    map_clear(&map);
    assert_null(map_get(&map, "key-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(it_holds_what_was_put) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
