/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "common/yaml.h"

/* Each plain scalar as the value of "k", printed as JSON. */
static const struct {
    const char *text, *want;
} scalar_rows[] = {
    { "", "null" },
    { "~", "null" },
    { "null", "null" },
    { "Null", "null" },
    { "NULL", "null" },
    { "nULL", "\"nULL\"" },
    { "true", "true" },
    { "True", "true" },
    { "TRUE", "true" },
    { "false", "false" },
    { "False", "false" },
    { "FALSE", "false" },
    { "yes", "\"yes\"" },
    { "on", "\"on\"" },
    { "0", "0" },
    { "-0", "0" },
    { "12", "12" },
    { "+12", "12" },
    { "-12", "-12" },
    { "0012", "12" },
    { "0o17", "15" },
    { "0o18", "\"0o18\"" },
    { "0x1F", "31" },
    { "0xg", "\"0xg\"" },
    { "0x", "\"0x\"" },
    { "-0x1", "\"-0x1\"" },
    { "1_000", "\"1_000\"" },
    { "9007199254740992", "9007199254740992" },
    { "-9007199254740992", "-9007199254740992" },
    { "9007199254740993", "\"9007199254740993\"" },
    { "+9007199254740993", "\"9007199254740993\"" },
    { "-0009007199254740993", "\"-9007199254740993\"" },
    { "9223372036854775807", "\"9223372036854775807\"" },
    { "123456789012345678901234567890", "\"123456789012345678901234567890\"" },
    { "0xffffffffffffffff", "\"18446744073709551615\"" },
    { "0x1fffffffffffff", "9007199254740991" },
    { "1.5", "1.5" },
    { "-1.5e3", "-1500" },
    { "1e3", "1000" },
    { "1E+3", "1000" },
    { ".5", "0.5" },
    { "5.", "5" },
    { "1.5e", "\"1.5e\"" },
    { "1e+-3", "\"1e+-3\"" },
    { "1e--3", "\"1e--3\"" },
    { ".", "\".\"" },
    { "-.", "\"-.\"" },
    { "+", "\"+\"" },
    { "1.2.3", "\"1.2.3\"" },
    { "12:30", "\"12:30\"" },
    { "2026-11-22", "\"2026-11-22\"" },
    { "nan", "\"nan\"" },
    { "inf", "\"inf\"" },
    { "8Gi", "\"8Gi\"" },
    { "a b c", "\"a b c\"" },
    { "'12'", "\"12\"" },
    { "\"true\"", "\"true\"" },
    { "''", "\"\"" },
    { "\"~\"", "\"~\"" },
    { "|\n  12\n", "\"12\\n\"" },
    { ">-\n  a\n  b\n", "\"a b\"" },
    { "[1, 'x', ]", "[1,\"x\"]" },
    { "{a: 1, b: {c: }}", "{\"a\":1,\"b\":{\"c\":null}}" },
    { "&anchor 5", "5" },
    { "gr\xc3\xbcn # comment", "\"gr\xc3\xbcn\"" },
    { "\n  - 1\n  - - 2\n", "[1,[2]]" },
};

static void plain_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scalar_rows); i++) {
        AUTO(cJSON) cJSON *doc = NULL;
        AUTO(yaml_places) struct yaml_places *places = NULL;
        AUTO_FREE char *text = xasprintf("k: %s\n", scalar_rows[i].text), *got = NULL;
        struct err err;

        CHECK_OK(yaml_parse(&doc, &places, text, strlen(text), &err), err);
        got = json_print(json_path(doc, "k"));
        CHECK_STR(scalar_rows[i].text, got, scalar_rows[i].want);
    }
}

static void bad_documents_say_where(void **state)
{
    static const struct {
        const char *text, *want; /* the begin of the message */
    } rows[] = {
        { "", "line 1, column 1: there is no document" },
        { "# only a comment\n", "line 2, column 1: there is no document" },
        { "a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' is there twice" },
        { "a:\n  x: 1\n  y: 2\n  x: 1\n  y: 1\n", "line 4, column 3: key 'x' is there twice" },
        { "{a: 1, a: 2}", "line 1, column 8: key 'a' is there twice" },
        { "\"a\": 1\na: 2\n", "line 2, column 1: key 'a' is there twice" },
        { "a: &x 1\nb: *x\n", "line 2, column 4: aliases are not supported" },
        { "a: &x {k: 1}\nb:\n  <<: *x\n", "line 3, column 7: aliases are not supported" },
        { "a: &x 1\n*x : 2\n", "line 2, column 1: aliases are not supported" },
        { "a: !!str 5\n", "line 1, column 4: tags are not supported" },
        { "a: !mine [1]\n", "line 1, column 4: tags are not supported" },
        { "a: ! x\n", "line 1, column 4: tags are not supported" },
        { "!!map {a: 1}\n", "line 1, column 1: tags are not supported" },
        { "!!str a: 1\n", "line 1, column 1: tags are not supported" },
        { "a: 1\n---\nb: 2\n", "line 2, column 1: a second document begins" },
        { "a: 1\n...\n---\n", "line 3, column 1: a second document begins" },
        { "[1]: 2\n", "line 1, column 1: a key must be text" },
        { "? {a: 1}\n: 2\n", "line 1, column 3: a key must be text" },
        { "a: .inf\n", "line 1, column 4: the number cannot be held" },
        { "a: -.Inf\n", "line 1, column 4: the number cannot be held" },
        { "a: .nan\n", "line 1, column 4: the number cannot be held" },
        { "a: 1e999\n", "line 1, column 4: the number cannot be held" },
        { "a: 0x10000000000000000\n", "line 1, column 4: the number cannot be held" },
        { "a: \"x\\0y\"\n", "line 1, column 4: has a NUL character" },
        { "\"x\\0y\": 1\n", "line 1, column 1: has a NUL character" },
        { "a: [1, 2\n", "line 2, column 1: " },
        { "a: 1\n b: 2\n", "line 2, column 3: " },
        { "a: 'x\n", "line 2, column 1: " },
        { "a:\n\tb: 1\n", "line 2, column 1: " },
        { "a: b\nc: \xff\n", "line 2, column 4: " },
        { "a: @x\n", "line 1, column 4: " },
        { "a: *nobody\n", "line 1, column 4: aliases are not supported" },
        { "gr\xc3\xbc\xc3\x9f"
          "e: !x 1\n",
          "line 1, column 8: tags" }, /* characters, not bytes */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *doc = NULL;
        struct yaml_places *places = NULL;
        struct err err = { 0 };

        if (yaml_parse(&doc, &places, rows[i].text, strlen(rows[i].text), &err) != -1)
            fail_msg("'%s' was taken", rows[i].text);
        assert_null(doc);
        assert_null(places);
        CHECK_INT(rows[i].text, err.code, ERR_CONFIG);
        err.msg[strnlen(rows[i].want, sizeof(err.msg) - 1)] = '\0';
        CHECK_STR(rows[i].text, err.msg, rows[i].want);
    }
}

static const char JOB[] = "# a job\n"
                          "apiVersion: stereojob.io/v1\n"
                          "metadata:\n"
                          "  name: film\n"
                          "  annotations:\n"
                          "    stereojob.io/retry: once\n"
                          "spec:\n"
                          "  segment: { seconds: 60 }\n"
                          "  tolerations:\n"
                          "  - key: gpu\n"
                          "    operator: Exists\n"
                          "  -   key: spot\n"
                          "  args: [a,\n"
                          "    [b, c]]\n"
                          "  \"quoted\": x\n";

static void places_are_known(void **state)
{
    static const struct {
        const char *path;
        int line, column;
    } rows[] = {
        { "", 2, 1 },
        { "apiVersion", 2, 1 },
        { "metadata", 3, 1 },
        { "metadata.name", 4, 3 },
        { "metadata.annotations.stereojob.io/retry", 6, 5 },
        { "spec.segment", 8, 3 },
        { "spec.segment.seconds", 8, 14 },
        { "spec.tolerations[0]", 10, 5 },
        { "spec.tolerations[0].key", 10, 5 },
        { "spec.tolerations[0].operator", 11, 5 },
        { "spec.tolerations[1].key", 12, 7 },
        { "spec.args[0]", 13, 10 },
        { "spec.args[1]", 14, 5 },
        { "spec.args[1][1]", 14, 9 },
        { "spec.quoted", 15, 3 },
        { "spec.segment.second", 0, 0 },
        { "spec.segment.seconds.more", 0, 0 },
        { "spec.tolerations[2]", 0, 0 },
        { "spec.tolerations[x]", 0, 0 },
        { "spec.tolerations", 9, 3 },
        { "spec.args[1]x", 0, 0 },
        { "spe", 0, 0 },
        { "specs", 0, 0 },
        { ".", 0, 0 },
        { "[0]", 0, 0 },
    };
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO(yaml_places) struct yaml_places *places = NULL;
    struct err err;

    (void)state;
    CHECK_OK(yaml_parse(&doc, &places, JOB, sizeof(JOB) - 1, &err), err);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int line = -1, column = -1;

        yaml_place(places, rows[i].path, &line, &column);
        CHECK_INT(rows[i].path, line, rows[i].line);
        CHECK_INT(rows[i].path, column, rows[i].column);
        yaml_place(NULL, rows[i].path, &line, &column);
        CHECK_INT(rows[i].path, line + column, 0);
    }
}

static void dotted_keys_do_not_hide_others(void **state)
{
    static const char text[] = "a.b: { x: 1 }\na:\n  b:\n    y: 2\n";
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO(yaml_places) struct yaml_places *places = NULL;
    int line, column;
    struct err err;

    (void)state;
    CHECK_OK(yaml_parse(&doc, &places, text, sizeof(text) - 1, &err), err);
    yaml_place(places, "a.b.x", &line, &column);
    assert_int_equal(line, 1);
    yaml_place(places, "a.b.y", &line, &column);
    assert_int_equal(line, 4);
}

static int parse_only(const char *text, size_t len, struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO(yaml_places) struct yaml_places *places = NULL;

    return yaml_parse(&doc, &places, text, len, err);
}

static void sizes_have_limits(void **state)
{
    AUTO_FREE char *text = xcalloc((1u << 20) + 2, 1);
    struct err err = { 0 };

    (void)state;
    memset(text, '#', (1u << 20) + 1);
    text[0] = 'a';
    text[1] = '\n';
    assert_int_equal(parse_only(text, 1u << 20, &err), 0);
    assert_int_equal(parse_only(text, (1u << 20) + 1, &err), -1);
    assert_string_equal(err.msg, "line 1, column 1: more than 1 MiB of YAML");
    for (size_t levels = 30; levels < 36; levels++) {
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        assert_int_equal(parse_only(text, 2 * levels, &err), levels > 32 ? -1 : 0);
    }
    assert_string_equal(err.msg, "line 1, column 33: more than 32 levels");
    memset(text, '[', 1u << 20);
    assert_int_equal(parse_only(text, 1u << 20, &err), -1);
}

/* A megabyte of keys, or of list items below a long key, stays small and quick. */
static void big_documents_are_read_quickly(void **state)
{
    AUTO_FREE char *text = xcalloc((1u << 20) + 20, 1);
    size_t len = 0;
    struct err err;

    (void)state;
    for (int i = 0; len < (1u << 20) - 20; i++)
        len += (size_t)snprintf(text + len, 16, "k%d: \n", i);
    CHECK_OK(parse_only(text, len, &err), err);
    len = (size_t)snprintf(text, 20, "a: [");
    while (len < (1u << 20) - 20)
        len += (size_t)snprintf(text + len, 16, "1,");
    text[len++] = ']';
    CHECK_OK(parse_only(text, len, &err), err);
}

static void the_text_needs_no_end(void **state)
{
    char *exact = xmalloc(4); /* ASan watches the byte behind */
    struct err err;

    (void)state;
    memcpy(exact, "a: 1", 4);
    for (size_t len = 1; len <= 4; len++)
        CHECK_OK(parse_only(exact, len, &err), err);
    free(exact);
}

/* Printed and read again: the same document, strings that look like something else included. */
static void what_is_printed_reads_back(void **state)
{
    static const char text[] =
        "{\"a\":{\"b\":[1,-2.5,0.1,1e300,true,null,{}, [],[[1],{\"c\":\"d\"}]]},"
        "\"on\":\"yes\",\"n\":\"NO\",\"x\":\"\",\"1\":\"1.5\",\"t\":\"true\",\"z\":\"~\",\"q\":"
        "\"it's: #1\","
        "\"d\":\"2026-01-01\",\"lines\":\"a\\nb\\n\\n c \",\"tab\":\"\\ta\",\"u\":\"\xc3\xa4 "
        "\xf0\x9f\x8e\xac\","
        "\"rule\":\"!has(self.a) || self['b'] in [1, 2] # no comment\",\"colon\":\"a: b\","
        "\"long\":\"one two three four five six seven eight nine ten eleven twelve thirteen "
        "fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty\",\"dash\":\"- "
        "a\",\"big\":9007199254740992}";
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO(cJSON) cJSON *again = NULL;
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO_FREE char *printed = NULL;
    struct err err;

    (void)state;
    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    printed = yaml_print(doc);
    CHECK_OK(yaml_parse(&again, &places, printed, strlen(printed), &err), err);
    if (!cJSON_Compare(doc, again, true))
        fail_msg("%s", printed);
    CHECK_HAS("number", printed, "- -2.5\n");
    CHECK_HAS("exact", printed, "big: 9007199254740992\n");
    CHECK_HAS("word", printed, "'on': 'yes'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(bad_documents_say_where),
        cmocka_unit_test(places_are_known),
        cmocka_unit_test(dotted_keys_do_not_hide_others),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(big_documents_are_read_quickly),
        cmocka_unit_test(the_text_needs_no_end),
        cmocka_unit_test(what_is_printed_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
