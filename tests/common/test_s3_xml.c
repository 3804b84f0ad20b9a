/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/s3_xml.h"

#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* Events as text: "+a +a/b a/b=text -a/b ..." */
static char *events_of(const char *xml_text, size_t len)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    struct buf out;
    struct err err;

    buf_init(&out, 1 << 20);
    s3_xml_init(xml, xml_text, len);
    while (event != S3_XML_END) {
        if (s3_xml_next(xml, &event, &err) < 0) {
            assert_int_equal(err.code, ERR_DEPENDENCY);
            (void)buf_printf(&out, &err, "! %s", err.msg);
            return buf_take(&out);
        }
        if (event == S3_XML_OPEN)
            (void)buf_printf(&out, &err, "+%s ", xml->path);
        else if (event == S3_XML_CLOSE)
            (void)buf_printf(&out, &err, "-%s=%s ", xml->path, xml->text);
    }
    return buf_take(&out);
}

static void documents_are_read(void **state)
{
    static const char *const rows[][2] = {
        { "<a/>", "+a -a= " },
        { " \n<?xml version=\"1.0\"?>\n<a>x</a>\n", "+a -a=x " },
        { "<a><b>1</b><b>2</b></a>", "+a +a/b -a/b=1 +a/b -a/b=2 -a= " },
        { "<n:a" NS "><n:b c='>' d=\"/>\">x</n:b></n:a>", "+a +a/b -a/b=x -a= " },
        { "<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x20ac;&#x1F600;</a>",
          "+a -a=<&>\"'A\xe2\x82\xac\xf0\x9f\x98\x80 " },
        { "<a>x<!-- <b> -->y<![CDATA[<&]]]>z</a>", "+a -a=xy<&]z " },
        { "<a>text<b/>more</a>", "+a +a/b -a/b= -a= " },
        { "<a ><b\n/></a\n>", "+a +a/b -a/b= -a= " },
        { "<a></a><!-- after --> ", "+a -a= " },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *events = events_of(rows[i][0], strlen(rows[i][0]));

        CHECK_STR(rows[i][0], events, rows[i][1]);
    }
}

static void broken_documents_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "text",
        "<a>",
        "<a",
        "<a b='",
        "<a></b>",
        "</a>",
        "<a/>x",
        "<a/><b/>",
        "<a>&no;</a>",
        "<a>&#0;</a>",
        "<a>&lt</a>",
        "<a>&#x110000;</a>",
        "<a>&#xd800;</a>",
        "<a>&#-1;</a>",
        "<a><![CDATA[x</a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<a><!-- </a>",
        "<a><b></a></b>",
        "<>",
        "<a <b>x</b></a>",
        "&amp;<a/>",
        "<a></a/>",
        "< a/>",
        "<![CDATA[x]]><a/>",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *events = events_of(rows[i], strlen(rows[i]));

        CHECK_HAS(rows[i], events, "! the server's XML");
    }
}

static void what_is_too_much_is_refused(void **state)
{
    AUTO_FREE char *deep = xcalloc(4096, 1), *longer = xcalloc(S3_XML_TEXT_MAX + 100, 1);
    AUTO_FREE char *events = NULL, *more = NULL, *nul = NULL;

    (void)state;
    for (int i = 0; i < 1000; i++)
        memcpy(deep + 3 * i, "<a>", 3);
    events = events_of(deep, strlen(deep));
    CHECK_HAS("deep", events, "nested too deep");
    (void)snprintf(longer, 4, "<a>");
    memset(longer + 3, 'x', S3_XML_TEXT_MAX);
    memcpy(longer + 3 + S3_XML_TEXT_MAX, "</a>", 4);
    more = events_of(longer, strlen(longer));
    CHECK_HAS("long", more, "too long");
    nul = events_of("<a>x\0y</a>", 10);
    CHECK_HAS("nul", nul, "NUL");
}

static void errors_of_s3_and_sts(void **state)
{
    static const char s3[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
        "<Message>The key\n is not there</Message><Key>k</Key>"
        "<Region>eu-west-1</Region></Error>";
    static const char sts[] = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                              "<Error><Type>Sender</Type><Code>ExpiredTokenException</Code>"
                              "<Message>m</Message></Error></ErrorResponse>";
    struct s3_xml_error error;

    (void)state;
    assert_true(s3_xml_error(&error, s3, strlen(s3)));
    assert_string_equal(error.code, "NoSuchKey");
    assert_string_equal(error.message, "The key? is not there");
    assert_string_equal(error.region, "eu-west-1");
    assert_true(s3_xml_error(&error, sts, strlen(sts)));
    assert_string_equal(error.code, "ExpiredTokenException");
    assert_true(s3_xml_error(&error, s3, strlen(s3) - 20)); /* cut off: what was there counts */
    assert_string_equal(error.code, "NoSuchKey");
    assert_false(s3_xml_error(&error, "<html>Bad Gateway</html>", 24));
    assert_string_equal(error.code, "");
    assert_false(s3_xml_error(&error, "", 0));
}

static void one_text_is_found(void **state)
{
    static const char text[] = "<R" NS "><A><B>deep</B></A><B>x</B><B>y</B></R>";
    char out[8];
    struct err err;

    (void)state;
    CHECK_OK(s3_xml_find(out, sizeof(out), text, strlen(text), "R/B", &err), err);
    assert_string_equal(out, "x");
    CHECK_ERR(s3_xml_find(out, sizeof(out), text, strlen(text), "R/C", &err), err, ERR_DEPENDENCY);
    CHECK_ERR(s3_xml_find(out, 4, text, strlen(text), "R/A/B", &err), err, ERR_DEPENDENCY);
    CHECK_ERR(s3_xml_find(out, sizeof(out), text, strlen(text) - 1, "R/B", &err), err,
              ERR_DEPENDENCY);
}

static int add_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    return buf_printf(ctx, err, "[%s %llu]", key, (unsigned long long)size);
}

static int add_upload(void *ctx, const char *key, const char *id, struct err *err)
{
    return buf_printf(ctx, err, "[%s %s]", key, id);
}

static void lists_of_objects(void **state)
{
    static const char text[] =
        "<ListBucketResult" NS "><Name>b</Name><Prefix>p</Prefix>"
        "<Contents><Key>a+b%2Bc%C3%A4</Key><Size>18446744073709551615</Size>"
        "<Owner><ID>x</ID></Owner></Contents>"
        "<Contents><Size>0</Size><Key>d</Key></Contents><EncodingType>url</EncodingType>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t+%41</NextContinuationToken>"
        "</ListBucketResult>";
    AUTO_FREE struct s3_xml_page *page = xmalloc(sizeof(*page));
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    CHECK_OK(s3_xml_list(page, text, strlen(text), add_key, &out, &err), err);
    assert_string_equal(out.data, "[a b+c\xc3\xa4 18446744073709551615][d 0]");
    assert_true(page->truncated);
    assert_string_equal(page->next, "t+%41"); /* a token is nobody's text */
}

static void lists_that_lie_are_refused(void **state)
{
    static const char *const rows[] = {
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>1x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>1</Size>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%00b</Key><Size>1</Size>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>1</Size></Contents>",
        "<ListBucketResults/>",
        "<Error/>",
    };
    AUTO_FREE struct s3_xml_page *page = xmalloc(sizeof(*page));

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_BUF struct buf out;
        struct err err;

        buf_init(&out, 4096);
        CHECK_ERR(s3_xml_list(page, rows[i], strlen(rows[i]), add_key, &out, &err), err,
                  ERR_DEPENDENCY);
        CHECK_STR(rows[i], out.data ? out.data : "", "");
    }
}

static void lists_of_uploads(void **state)
{
    static const char text[] =
        "<ListMultipartUploadsResult" NS "><EncodingType>url</EncodingType>"
        "<NextKeyMarker>m+1</NextKeyMarker><NextUploadIdMarker>i+1</NextUploadIdMarker>"
        "<IsTruncated>true</IsTruncated><Upload><Key>a%20b</Key><UploadId>id+1</UploadId>"
        "<Initiator><ID>Key</ID></Initiator></Upload></ListMultipartUploadsResult>";
    AUTO_FREE struct s3_xml_page *page = xmalloc(sizeof(*page));
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    CHECK_OK(s3_xml_uploads(page, text, strlen(text), add_upload, &out, &err), err);
    assert_string_equal(out.data, "[a b id+1]");
    assert_string_equal(page->next, "m 1");
    assert_string_equal(page->next_id, "i+1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read),
        cmocka_unit_test(broken_documents_are_refused),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(errors_of_s3_and_sts),
        cmocka_unit_test(one_text_is_found),
        cmocka_unit_test(lists_of_objects),
        cmocka_unit_test(lists_that_lie_are_refused),
        cmocka_unit_test(lists_of_uploads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
