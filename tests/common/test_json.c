/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/json.h"
#include "common/json_pick.h"
#include "common/mem.h"

#include <math.h>

static cJSON *parse(const char *text)
{
    cJSON *doc = NULL;
    struct err err;

    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    return doc;
}

static void good_texts_come_back(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "-1.5",
        "\"\"",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
        "[\"\\\\u0000\",\"\\\"\",\"{[\"]",
        "9007199254740991",
        "{\"a\":1,\"A\":2}",
        "1e+300",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *doc = parse(rows[i]);
        AUTO_FREE char *text = json_print(doc);

        CHECK_STR(rows[i], text, rows[i]);
    }
}

static void bad_texts_are_refused(void **state)
{
    static const struct {
        const char *text, *part; /* of the message */
    } rows[] = {
        { "", "is not JSON" },
        { " ", "is not JSON" },
        { "{", "is not JSON" },
        { "{\"a\":}", "near byte 5" },
        { "nul", "is not JSON" },
        { "\"abc", "is not JSON" },
        { "\"abc\\", "is not JSON" },
        { "{a:1}", "is not JSON" },
        { "[1,]", "is not JSON" },
        { "{} {}", "more than one value: byte 3" },
        { "1 x", "more than one value" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "a: is there twice" },
        { "[{\"x\":{\"k\":1,\"k\":1}}]", "k: is there twice" },
        { "[1e999]", "too large" },
        { "[-1e999]", "too large" },
        { "\"a\\u0000b\"", "NUL character" },
        { "{\"a\\u0000\":1}", "NUL character" },
        { "\"\\\\\\u0000\"", "NUL character" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *doc = (cJSON *)&rows;
        struct err err;

        if (json_parse(&doc, rows[i].text, strlen(rows[i].text), &err) != -1)
            fail_msg("'%s' was taken", rows[i].text);
        CHECK_INT(rows[i].text, err.code, ERR_CONFIG);
        CHECK_HAS(rows[i].text, err.msg, rows[i].part);
        assert_ptr_equal(doc, &rows);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    cJSON *doc;
    struct err err;

    (void)state;
    CHECK_ERR(json_parse(&doc, "\"a\0b\"", 5, &err), err, ERR_CONFIG);
    CHECK_ERR(json_parse(&doc, "1\0", 2, &err), err, ERR_CONFIG);
}

static void only_len_bytes_are_read(void **state)
{
    AUTO(cJSON) cJSON *doc = NULL;
    char *exact = xmalloc(4); /* ASan watches the byte behind */
    struct err err;

    (void)state;
    memcpy(exact, "[12]", 4);
    CHECK_OK(json_parse(&doc, exact, 4, &err), err);
    for (size_t len = 0; len < 4; len++) {
        cJSON *none;

        CHECK_ERR(json_parse(&none, exact, len, &err), err, ERR_CONFIG);
    }
    free(exact);
}

static int parse_nested(int levels)
{
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *text = xcalloc(2 * (size_t)levels + 1, 1);
    struct err err;

    memset(text, '[', (size_t)levels);
    memset(text + levels, ']', (size_t)levels);
    return json_parse(&doc, text, 2 * (size_t)levels, &err);
}

static void levels_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(64), 0);
    assert_int_equal(parse_nested(65), -1);
    assert_int_equal(parse_nested(1000000), -1);
}

/* Quadratic work would take minutes here. */
static void many_names_are_checked_quickly(void **state)
{
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *text = xmalloc(200000 * 12 + 2);
    size_t len = 1;
    struct err err;

    (void)state;
    text[0] = '{';
    for (int i = 0; i < 200000; i++)
        len += (size_t)snprintf(text + len, 13, "%s\"%06d\":1", i ? "," : "", i);
    text[len++] = '}';
    CHECK_OK(json_parse(&doc, text, len, &err), err);
}

static const char OBJECT[] =
    "{\"n\":5,\"half\":2.5,\"s\":\"text\",\"big\":\"9223372036854775807\",\"low\":\"-"
    "9223372036854775808\","
    "\"huge\":\"9223372036854775808\",\"exact\":9007199254740992,\"inexact\":9007199254740994,"
    "\"t\":true,\"f\":false,\"z\":null,\"list\":[1,2,3],\"o\":{\"k\":1},\"neg\":-7,\"bad\":\" 5\","
    "\"plus\":\"+5\",\"empty\":\"\"}";

static void i64_reads_numbers_and_digits(void **state)
{
    static const struct {
        const char *key;
        int64_t min, max, want; /* want 99: refused */
        const char *message;
    } rows[] = {
        { "n", 0, 10, 5, NULL },
        { "n", 5, 5, 5, NULL },
        { "neg", -7, 0, -7, NULL },
        { "big", 0, INT64_MAX, INT64_MAX, NULL },
        { "low", INT64_MIN, 0, INT64_MIN, NULL },
        { "exact", 0, INT64_MAX, INT64_C(9007199254740992), NULL },
        { "n", 6, 10, 99, "n: must be 6..10" },
        { "n", 0, 4, 99, "n: must be 0..4" },
        { "half", 0, 10, 99, "half: must be 0..10" },
        { "s", 0, 10, 99, "s: must be 0..10" },
        { "t", 0, 10, 99, "t: must be 0..10" },
        { "z", 0, 10, 99, "z: must be 0..10" },
        { "huge", 0, INT64_MAX, 99, "huge: must be 0..9223372036854775807" },
        { "inexact", 0, INT64_MAX, 99, "inexact: must be 0..9223372036854775807" },
        { "bad", 0, 10, 99, "bad: must be 0..10" },
        { "plus", 0, 10, 99, "plus: must be 0..10" },
        { "empty", 0, 10, 99, "empty: must be 0..10" },
        { "absent", 0, 10, 99, "absent: is missing, must be 0..10" },
        { "N", 0, 10, 99, "N: is missing, must be 0..10" },
    };
    AUTO(cJSON) cJSON *doc = parse(OBJECT);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = 99;
        struct err err;
        int rc = json_i64(&got, doc, rows[i].key, rows[i].min, rows[i].max, &err);

        CHECK_INT(rows[i].key, got, rows[i].want);
        CHECK_INT(rows[i].key, rc, rows[i].message ? -1 : 0);
        if (rows[i].message) {
            CHECK_INT(rows[i].key, err.code, ERR_CONFIG);
            CHECK_STR(rows[i].key, err.msg, rows[i].message);
        }
    }
}

static void small_numbers_have_bounds(void **state)
{
    AUTO(cJSON) cJSON *doc = parse(OBJECT);
    uint32_t u = 77;
    int n = 77;
    double d = 77;
    struct err err;

    (void)state;
    CHECK_ERR(json_u32(&u, doc, "neg", 0, UINT32_MAX, &err), err, ERR_CONFIG);
    CHECK_ERR(json_u32(&u, doc, "exact", 0, UINT32_MAX, &err), err, ERR_CONFIG);
    CHECK_ERR(json_u32(&u, doc, "big", 0, UINT32_MAX, &err), err, ERR_CONFIG);
    CHECK_ERR(json_int(&n, doc, "half", 0, 10, &err), err, ERR_CONFIG);
    CHECK_ERR(json_int(&n, doc, "absent", 0, 10, &err), err, ERR_CONFIG);
    CHECK_ERR(json_double(&d, doc, "half", 3, 4, &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "half: must be a number 3..4");
    CHECK_ERR(json_double(&d, doc, "s", 0, 4, &err), err, ERR_CONFIG);
    CHECK_ERR(json_double(&d, NULL, "s", 0, 4, &err), err, ERR_CONFIG);
    assert_true(u == 77 && n == 77 && d == 77);
    CHECK_OK(json_u32(&u, doc, "n", 5, 5, &err), err);
    CHECK_OK(json_int(&n, doc, "neg", -7, 10, &err), err);
    CHECK_OK(json_double(&d, doc, "half", -INFINITY, INFINITY, &err), err);
    assert_true(u == 5 && n == -7 && d == 2.5);
}

static void other_types_are_read(void **state)
{
    AUTO(cJSON) cJSON *doc = parse(OBJECT);
    const cJSON *node = NULL;
    bool yes = false, no = true;
    char text[5] = "keep";
    struct err err;

    (void)state;
    CHECK_OK(json_bool(&yes, doc, "t", &err), err);
    CHECK_OK(json_bool(&no, doc, "f", &err), err);
    assert_true(yes && !no);
    CHECK_ERR(json_bool(&yes, doc, "n", &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "n: must be true or false");
    CHECK_OK(json_str(text, 5, doc, "s", &err), err);
    assert_string_equal(text, "text");
    CHECK_ERR(json_str(text, 4, doc, "s", &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "s: must have at most 3 bytes");
    CHECK_ERR(json_str(text, 5, doc, "n", &err), err, ERR_CONFIG);
    CHECK_ERR(json_str(text, 5, doc, "absent", &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "absent: is missing, must be a string");
    CHECK_OK(json_array(&node, doc, "list", 3, 3, &err), err);
    CHECK_ERR(json_array(&node, doc, "list", 4, 9, &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "list: must be a list of 4..9 items");
    CHECK_ERR(json_array(&node, doc, "list", 0, 2, &err), err, ERR_CONFIG);
    CHECK_ERR(json_array(&node, doc, "o", 0, 2, &err), err, ERR_CONFIG);
    CHECK_OK(json_object(&node, doc, "o", &err), err);
    CHECK_ERR(json_object(&node, doc, "list", &err), err, ERR_CONFIG);
    assert_true(json_has(doc, "z"));
    assert_false(json_has(doc, "Z"));
    assert_false(json_has(NULL, "z"));
}

static void paths_lead_to_values(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: none */
    } rows[] = {
        { "a.b.c", "1" },    { "a.b", "{\"c\":1}" },  { "list[1].k", "\"v\"" },
        { "list[0]", "7" },  { "list[2]", NULL },     { "list[-1]", NULL },
        { "list[x]", NULL }, { "list[", NULL },       { "list[0", NULL },
        { "a.x", NULL },     { "a.b.c.d", NULL },     { "A", NULL },
        { "list.k", NULL },  { "a[0]", NULL },        { "list[18446744073709551616]", NULL },
        { "m[0][1]", "2" },  { "a.b.", "{\"c\":1}" },
    };
    AUTO(cJSON)
    cJSON *doc = parse("{\"a\":{\"b\":{\"c\":1}},\"list\":[7,{\"k\":\"v\"}],\"m\":[[1,2]]}");

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const cJSON *found = json_path(doc, rows[i].path);
        AUTO_FREE char *text = found ? json_print(found) : xstrdup("none");

        CHECK_STR(rows[i].path, text, rows[i].want ? rows[i].want : "none");
    }
    assert_ptr_equal(json_path(doc, ""), doc);
    assert_null(json_path(NULL, "a"));
}

static void texts_are_never_null(void **state)
{
    AUTO(cJSON) cJSON *doc = NULL;
    const char *text = "{\"a\": {\"b\": \"x\", \"n\": 1}, \"l.d\": \"y\"}";
    struct err err;

    (void)state;
    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    assert_string_equal(json_text(doc, "a.b"), "x");
    assert_string_equal(json_text(doc, "a.n"), ""); /* no string */
    assert_string_equal(json_text(doc, "a.none.c"), "");
    assert_string_equal(json_text(doc, "l.d"), "");
    assert_string_equal(json_member(doc, "l.d"), "y"); /* a key, not a path */
    assert_string_equal(json_member(NULL, "l.d"), "");
}

static void a_member_is_left_out(void **state)
{
    static const struct row {
        const char *text, *rest;
    } rows[] = {
        { "{\"x\":1}", "{\"x\":1}" },
        { "{\"cut\":1}", "{}" },
        { "{\"cut\":[1,{\"a\":\"]}\"}],\"x\":2}", "{\"x\":2}" },
        { "{\"x\":2 , \"cut\" : {\"a\":[]} }", "{\"x\":2}" },
        { "{\"x\":2,\"cut\":\"a,b\",\"y\":3}", "{\"x\":2,\"y\":3}" },
        { "[{\"cut\":true},{\"b\":{\"cut\":null}}]", "[{},{\"b\":{}}]" },
        { "{\"x\":\"cut\",\"y\":[\"cut\"]}", "{\"x\":\"cut\",\"y\":[\"cut\"]}" }, /* no names */
        { "{\"say \\\"cut\":1}", "{\"say \\\"cut\":1}" }, /* another's end */
        { "{\"cut\":{\"cut\":1},\"x\":{\"cut\":2,\"y\":0}}", "{\"x\":{\"y\":0}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO(cJSON) cJSON *doc = NULL;
        AUTO_FREE char *text = NULL;
        struct err err;

        CHECK_OK(json_parse_without(&doc, rows[i].text, strlen(rows[i].text), "cut", &err), err);
        text = json_print(doc);
        assert_string_equal(text, rows[i].rest);
    }
}

static void what_is_cut_short_is_refused(void **state)
{
    static const char *const texts[] = { "{\"cut\":", "{\"cut\":[1", "{\"cut\":\"a",
                                         "{\"a\":1,\"cut\":{" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cJSON *doc = NULL;
        struct err err;

        assert_int_equal(json_parse_without(&doc, texts[i], strlen(texts[i]), "cut", &err), -1);
        assert_null(doc);
    }
}

static const struct json_pick picked_in[] = { { "x", NULL }, { "y", NULL }, { NULL, NULL } };
static const struct json_pick picked[] = { { "whole", NULL }, { "in", picked_in }, { NULL, NULL } };

static void only_what_is_wanted_is_there(void **state)
{
    static const struct row {
        const char *text, *rest;
    } rows[] = {
        { "{}", "{}" },
        { " {\"a\":1 , \"whole\" : [1, {\"b\":2}] } ", "{\"whole\":[1,{\"b\":2}]}" },
        { "{\"whole\":null,\"a\":{\"whole\":1}}", "{\"whole\":null}" },
        { "{\"in\":{\"a\":\"}\",\"y\":2,\"b\":[\"]\"],\"x\":1}}", "{\"in\":{\"y\":2,\"x\":1}}" },
        { "{\"in\":[{\"x\":1,\"a\":0},{\"a\":1},[{\"a\":1}],7,\"a\"]}",
          "{\"in\":[{\"x\":1},{},[{\"a\":1}],7,\"a\"]}" },
        { "{\"in\":[],\"whole\":\"in\"}", "{\"in\":[],\"whole\":\"in\"}" },
        { "{\"in\":3,\"inner\":{\"x\":1},\"i\":0}", "{\"in\":3}" },
        { "{\"a\\\"in\":{\"x\":1},\"b\":\"\\\\\",\"in\":{\"x\":\"\\\"}\"}}",
          "{\"in\":{\"x\":\"\\\"}\"}}" },
        { "[1]", "[1]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO(cJSON) cJSON *doc = NULL;
        AUTO_FREE char *text = NULL;
        struct err err;

        CHECK_OK(json_parse_picked(&doc, rows[i].text, strlen(rows[i].text), picked, &err), err);
        text = json_print(doc);
        assert_string_equal(text, rows[i].rest);
    }
}

static void what_is_picked_from_no_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "{\"in\":",
        "{\"a\":[1",
        "{\"a\":1",
        "{\"in\":{\"x\":1}",
        "{\"in\":{\"x\":}}",
        "{\"a\" 1}",
        "{\"in\":[{\"x\":1} {}]}",
        "{\"x\":1}}",
        "{\"a\":\"b",
        "{\"whole\":1,\"whole\":2}",
        "{,}",
        "{\"a\":1,}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cJSON *doc = NULL;
        struct err err;

        if (json_parse_picked(&doc, texts[i], strlen(texts[i]), picked, &err) == 0)
            fail_msg("taken: %s", texts[i]);
        assert_null(doc);
        assert_true(err.msg[0]);
    }
}

static void path_set_makes_and_replaces(void **state)
{
    AUTO(cJSON) cJSON *doc = parse("{\"a\":1,\"b\":{\"keep\":true}}");
    AUTO_FREE char *text = NULL;

    (void)state;
    json_path_set(doc, "x", cJSON_CreateNumber(1));
    json_path_set(doc, "x", cJSON_CreateNumber(2));
    json_path_set(doc, "a.b.c", cJSON_CreateString("deep"));
    json_path_set(doc, "b.more", cJSON_CreateNull());
    text = json_print(doc);
    assert_string_equal(
        text, "{\"b\":{\"keep\":true,\"more\":null},\"x\":2,\"a\":{\"b\":{\"c\":\"deep\"}}}");
}

static void i64_survives_the_round_trip(void **state)
{
    static const int64_t rows[] = {
        0,
        -1,
        INT64_MAX,
        INT64_MIN,
        INT64_C(1) << 53,
        (INT64_C(1) << 53) + 1,
        -(INT64_C(1) << 53),
        -(INT64_C(1) << 53) - 1,
        INT64_C(1795341600123),
        123456789012345,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *doc = cJSON_CreateObject(), *back = NULL;
        AUTO_FREE char *text = NULL;
        int64_t got = 1;
        struct err err;

        json_add_i64(doc, "v", rows[i]);
        text = json_print(doc);
        CHECK_OK(json_parse(&back, text, strlen(text), &err), err);
        CHECK_OK(json_i64(&got, back, "v", INT64_MIN, INT64_MAX, &err), err);
        CHECK_INT(text, got, rows[i]);
        assert_true(cJSON_IsString(json_path(doc, "v")) ==
                    (rows[i] > INT64_C(1) << 53 || rows[i] < -(INT64_C(1) << 53)));
    }
}

/* Every double comes back as itself; cJSON's own printer loses the last digits. */
static void numbers_print_exactly_and_shortly(void **state)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        { 0, "0" },
        { -0.0, "0" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 9007199254740991, "9007199254740991" },
        { -9007199254740992, "-9007199254740992" },
        { 1e15, "1000000000000000" },
        { 1e300, "1e+300" },
        { 1.0 / 3, "0.3333333333333333" },
        { 5e-324, "4.94065645841247e-324" },
        { NAN, "null" },
        { INFINITY, "null" },
        { 23.976, "23.976" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *node = cJSON_CreateNumber(rows[i].value);
        AUTO_FREE char *text = json_print(node);

        CHECK_STR(rows[i].want, text, rows[i].want);
    }
}

static void strings_are_escaped(void **state)
{
    AUTO(cJSON)
    cJSON *node = cJSON_CreateString("\"\\/\b\f\n\r\t\x01\x1f\x7f gr\xc3\xbcn"), *back = NULL;
    AUTO_FREE char *text = json_print(node);
    struct err err;

    (void)state;
    assert_string_equal(text, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f gr\xc3\xbcn\"");
    CHECK_OK(json_parse(&back, text, strlen(text), &err), err);
    assert_string_equal(back->valuestring, node->valuestring);
}

static void adders_and_the_pretty_printer(void **state)
{
    AUTO(cJSON)
    cJSON *doc = parse("{\"list\":[1,{}],\"none\":[],\"o\":{\"k\":\"{[,:\\\"\"}}"), *back = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    json_add_str(doc, "s", "v");
    json_add_str(doc, "nothing", NULL);
    json_add_bool(doc, "b", true);
    text = json_print_pretty(doc);
    assert_string_equal(text, "{\n"
                              "  \"list\": [\n"
                              "    1,\n"
                              "    {}\n"
                              "  ],\n"
                              "  \"none\": [],\n"
                              "  \"o\": {\n"
                              "    \"k\": \"{[,:\\\"\"\n"
                              "  },\n"
                              "  \"s\": \"v\",\n"
                              "  \"b\": true\n"
                              "}\n");
    CHECK_OK(json_parse(&back, text, strlen(text), &err), err);
    assert_true(cJSON_Compare(doc, back, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_come_back),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(only_len_bytes_are_read),
        cmocka_unit_test(levels_have_a_limit),
        cmocka_unit_test(many_names_are_checked_quickly),
        cmocka_unit_test(i64_reads_numbers_and_digits),
        cmocka_unit_test(small_numbers_have_bounds),
        cmocka_unit_test(other_types_are_read),
        cmocka_unit_test(paths_lead_to_values),
        cmocka_unit_test(texts_are_never_null),
        cmocka_unit_test(a_member_is_left_out),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(only_what_is_wanted_is_there),
        cmocka_unit_test(what_is_picked_from_no_json_is_refused),
        cmocka_unit_test(path_set_makes_and_replaces),
        cmocka_unit_test(i64_survives_the_round_trip),
        cmocka_unit_test(numbers_print_exactly_and_shortly),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(adders_and_the_pretty_printer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
