/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "worker/sandbox/wire.h"

#include <stdlib.h>
#include <string.h>

static void what_is_put_comes_back(void **state)
{
    AUTO_WIRE struct wire_out out;
    struct wire_in in;
    char text[8];
    size_t len;

    (void)state;
    wire_out_init(&out);
    wire_put_i64(&out, INT64_MIN);
    wire_put_i64(&out, -1);
    wire_put_bytes(&out, "\0\1", 2);
    wire_put_text(&out, "one\ntwo too long");
    in = (struct wire_in){ .data = (const uint8_t *)out.buf.data, .len = out.buf.len };
    assert_true(wire_get_i64(&in) == INT64_MIN);
    assert_true(wire_get_range(&in, -1, 0) == -1);
    assert_memory_equal(wire_get_bytes(&in, &len), "\0\1", 2);
    assert_int_equal(len, 2);
    wire_get_text(&in, text, sizeof(text));
    assert_string_equal(text, "one two");
    assert_true(wire_is_done(&in));
    assert_int_equal(wire_get_i64(&in), 0);
    assert_false(wire_is_done(&in));
}

/* Every beginning of a message is too short, and no read leaves it. */
static void a_short_message_fails(void **state)
{
    AUTO_WIRE struct wire_out out;

    (void)state;
    wire_out_init(&out);
    wire_put_i64(&out, 7);
    wire_put_bytes(&out, "0123456789", 10);
    for (size_t len = 0; len < out.buf.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        struct wire_in in = { .data = copy, .len = len };
        size_t got;

        memcpy(copy, out.buf.data, len);
        (void)wire_get_i64(&in);
        (void)wire_get_bytes(&in, &got);
        CHECK_INT("failed", in.failed, true);
        free(copy);
    }
}

static void a_lie_about_a_length_fails(void **state)
{
    static const int64_t lies[] = { -1, 9, INT64_MAX, INT64_MIN, WIRE_MAX_BYTES, 1ll << 32 };

    (void)state;
    for (size_t i = 0; i < COUNT(lies); i++) {
        uint8_t bytes[16] = { 0 };
        struct wire_in in = { .data = bytes, .len = sizeof(bytes) };
        size_t got = 1;

        memcpy(bytes, &lies[i], sizeof(lies[i]));
        CHECK_INT("no bytes", wire_get_bytes(&in, &got) == NULL, true);
        assert_int_equal(got, 0);
        assert_true(in.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_back),
        cmocka_unit_test(a_short_message_fails),
        cmocka_unit_test(a_lie_about_a_length_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
