/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/buf.h"

static void grows_and_ends_in_nul(void **state)
{
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 10000);
    assert_null(buf.data);
    for (size_t i = 0; i < 10000; i++) {
        CHECK_OK(buf_append(&buf, "z", 1, &err), err);
        assert_int_equal(buf.len, i + 1);
        assert_int_equal(buf.data[buf.len], '\0');
        assert_true(buf.cap > buf.len);
    }
    assert_int_equal(strspn(buf.data, "z"), 10000);
}

static void the_limit_is_kept_and_harmless(void **state)
{
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 5);
    CHECK_OK(buf_append(&buf, "12345", 5, &err), err);
    CHECK_ERR(buf_append(&buf, "6", 1, &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "larger than 5 bytes");
    CHECK_ERR(buf_printf(&buf, &err, "%d", 6), err, ERR_CONFIG);
    assert_string_equal(buf.data, "12345");
    CHECK_OK(buf_append(&buf, "", 0, &err), err);
    CHECK_OK(buf_printf(&buf, &err, "%s", ""), err);
    buf_clear(&buf);
    assert_null(buf.data);
    CHECK_ERR(buf_append(&buf, "123456", 6, &err), err, ERR_CONFIG); /* clear keeps the limit */
}

static void no_memory_is_an_error(void **state)
{
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, SIZE_MAX);
    CHECK_OK(buf_append(&buf, "x", 1, &err), err);
    CHECK_ERR(buf_append(&buf, "x", SIZE_MAX - 1, &err), err, ERR_NOMEM);
    assert_string_equal(buf.data, "x");
}

static void text_is_formatted_behind_what_is_there(void **state)
{
    AUTO_BUF struct buf buf;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    buf_init(&buf, 1000);
    CHECK_OK(buf_printf(&buf, &err, "%s", "a"), err);
    CHECK_OK(buf_printf(&buf, &err, "=%0100d;", 7), err);
    assert_int_equal(buf.len, 103);
    text = buf_take(&buf);
    assert_int_equal(strlen(text), 103);
    assert_string_equal(text + 100, "07;");
    assert_null(buf.data);
    assert_int_equal(buf.max, 1000);
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
    struct buf buf;
    AUTO_FREE char *text = NULL;

    (void)state;
    buf_init(&buf, 0);
    text = buf_take(&buf);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_ends_in_nul),
        cmocka_unit_test(the_limit_is_kept_and_harmless),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(text_is_formatted_behind_what_is_there),
        cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
