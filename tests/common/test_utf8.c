/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/utf8.h"

#include <stdbool.h>

/* The rule by its other end: what the bytes stand for, written the shortest way, is those bytes. */
static size_t encode(char out[5], uint32_t c)
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    out[len] = '\0';
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[len] | c);
    return len;
}

static bool is_character(uint32_t c)
{
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void every_character_is_one(void **state)
{
    char text[5];

    (void)state;
    for (uint32_t c = 0; c < 0x1fffff; c++) {
        size_t len = encode(text, c);

        if (utf8_bytes(text) != (is_character(c) ? len : 0))
            fail_msg("U+%04X: %zu", c, utf8_bytes(text));
    }
}

static uint32_t decode(const unsigned char *s, size_t len)
{
    uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

static void other_bytes_are_none(void **state)
{
    static const unsigned char later[] = { 0x00, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };

    (void)state;
    for (unsigned i = 0; i < 256u * 256 * COUNT(later) * COUNT(later); i++) {
        unsigned char s[5] = { (unsigned char)(i >> 14), (unsigned char)(i >> 6), later[i >> 3 & 7],
                               later[i & 7] };
        size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        uint32_t c = decode(s, len);
        char again[5];
        bool whole = is_character(c) && encode(again, c) == len && memcmp(again, s, len) == 0;

        if (utf8_bytes((const char *)s) != (whole ? len : 0))
            fail_msg("%02x %02x %02x %02x: %zu", s[0], s[1], s[2], s[3],
                     utf8_bytes((const char *)s));
    }
}

/* However two characters are cut: what is left is the first, or both, and other bytes stay. */
static void a_cut_leaves_whole_characters(void **state)
{
    static const uint32_t some[] = { 'x', 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0x10000, 0x10ffff };

    (void)state;
    for (size_t i = 0; i < COUNT(some) * COUNT(some); i++) {
        char text[9];
        size_t first = encode(text, some[i / COUNT(some)]);
        size_t both = first + encode(text + first, some[i % COUNT(some)]);

        for (size_t len = 0; len <= both; len++)
            CHECK_INT("cut", utf8_whole(text, len), len == both ? both : len >= first ? first : 0);
    }
    assert_int_equal(utf8_whole("\x80\x80\x80\x80", 4), 4);
    assert_int_equal(utf8_whole("\xff\xff", 2), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_one),
        cmocka_unit_test(other_bytes_are_none),
        cmocka_unit_test(a_cut_leaves_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
