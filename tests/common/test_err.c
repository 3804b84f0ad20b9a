/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include <errno.h>

static void set_reports_and_returns(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(err_set(&err, ERR_INPUT, "%s has %d frames", "a.mp4", 0), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.msg, "a.mp4 has 0 frames");
    assert_int_equal(err_set(&err, ERR_GPU, "again: %s", err.msg), -1); /* may read itself */
    assert_string_equal(err.msg, "again: a.mp4 has 0 frames");
}

static void errno_decides_the_class(void **state)
{
    static const struct {
        int errnum;
        enum err_code want;
    } rows[] = {
        { ENOSPC, ERR_SPACE },      { EDQUOT, ERR_SPACE }, { ENOENT, ERR_NOT_FOUND },
        { EEXIST, ERR_CONFLICT },   { ENOMEM, ERR_NOMEM }, { EIO, ERR_DEPENDENCY },
        { EACCES, ERR_DEPENDENCY },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err;
        char want[80];

        (void)snprintf(want, sizeof(want), "/f: %s", strerror(rows[i].errnum));
        assert_int_equal(err_errno(&err, ERR_DEPENDENCY, rows[i].errnum, "/%s", "f"), -1);
        CHECK_INT(want, err.code, rows[i].want);
        CHECK_STR(want, err.msg, want);
    }
}

static void wrap_puts_context_in_front(void **state)
{
    struct err err;

    (void)state;
    (void)err_set(&err, ERR_NOT_FOUND, "out.nut: no such file");
    assert_int_equal(err_wrap(&err, "segment %d", 7), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "segment 7: out.nut: no such file");
}

static void long_messages_are_cut_visibly(void **state)
{
    char text[2000];
    struct err err;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_CONFIG, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_string_equal(err.msg + sizeof(err.msg) - 5, "x...");
    (void)err_wrap(&err, "outer");
    assert_memory_equal(err.msg, "outer: xxx", 10);
    assert_string_equal(err.msg + strlen(err.msg) - 3, "...");
    (void)err_errno(&err, ERR_CONFIG, EIO, "%s", text);
    assert_string_equal(err.msg + strlen(err.msg) - 3, "...");
}

/* The cut never leaves half a character behind, wherever the limit falls. */
static void cuts_fall_between_characters(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        char text[1000] = "";
        struct err err;
        size_t end;

        memset(text, 'a', (size_t)shift);
        while (strlen(text) < sizeof(text) - 5)
            memcpy(text + strlen(text), "\xf0\x9f\x8e\xac", 5); /* U+1F3AC */
        (void)err_set(&err, ERR_CONFIG, "%s", text);
        end = strlen(err.msg) - 3;
        assert_string_equal(err.msg + end, "...");
        assert_int_equal((end - (size_t)shift) % 4, 0);
    }
}

static void the_longest_fitting_message_is_whole(void **state)
{
    char text[sizeof(((struct err *)0)->msg)];
    struct err err;

    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_CONFIG, "%s", text);
    assert_string_equal(err.msg, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_reports_and_returns),
        cmocka_unit_test(errno_decides_the_class),
        cmocka_unit_test(wrap_puts_context_in_front),
        cmocka_unit_test(long_messages_are_cut_visibly),
        cmocka_unit_test(cuts_fall_between_characters),
        cmocka_unit_test(the_longest_fitting_message_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
