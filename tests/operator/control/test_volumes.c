/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/control/volumes.h"

#include <stdio.h>
#include <string.h>

static cJSON *parsed(const char *text)
{
    cJSON *doc;
    struct err err;

    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    return doc;
}

static void claims_are_named_once(void **state)
{
    AUTO(cJSON)
    cJSON *job =
        parsed("{\"spec\":{\"source\":{\"uri\":\"pvc://films/in.mp4\"},\"output\":{\"uri\":"
               "\"pvc://out/a/b.mp4\"},\"work\":{\"uri\":\"pvc://films/w\"},\"depth\":{\"uri\":"
               "\"s3://b/depth.mkv\"}}}");
    struct volume_claim claims[VOLUMES_MAX];

    (void)state;
    assert_int_equal(volumes_of(claims, job), 2);
    CHECK_STR("first", claims[0].name, "films");
    assert_true(claims[0].written); /* the work is there too */
    CHECK_STR("second", claims[1].name, "out");
    assert_true(claims[1].written);
}

static void modes_are_judged(void **state)
{
    static const struct {
        const char *name, *modes;
        bool written;
        int64_t parallelism;
        const char *why; /* NULL: it fits */
    } rows[] = {
        { "shared", "\"ReadWriteMany\"", true, 8, NULL },
        { "one node, one worker", "\"ReadWriteOnce\"", true, 1, NULL },
        { "one pod", "\"ReadWriteOncePod\"", true, 1, NULL },
        { "one node, two workers", "\"ReadWriteOnce\"", true, 2, "ReadWriteMany" },
        { "read by one node, two workers", "\"ReadWriteOnce\"", false, 2, "ReadWriteMany" },
        { "read by many", "\"ReadOnlyMany\"", false, 8, NULL },
        { "written, only to be read", "\"ReadOnlyMany\"", true, 1, "can only be read" },
        { "several modes", "\"ReadWriteOnce\",\"ReadWriteMany\"", true, 8, NULL },
        { "none", NULL, true, 1, "there is no PersistentVolumeClaim data" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *text =
            xasprintf("{\"spec\":{\"accessModes\":[%s]}}", rows[i].modes ? rows[i].modes : "");
        AUTO(cJSON) cJSON *claim = rows[i].modes ? parsed(text) : NULL;
        const struct volume_claim wanted = { "data", rows[i].written };
        char why[300] = "";
        int rc = volumes_judge(why, sizeof(why), &wanted, claim, rows[i].parallelism);

        CHECK_INT(rows[i].name, rc, rows[i].why ? -1 : 0);
        if (rows[i].why)
            CHECK_HAS(rows[i].name, why, rows[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_named_once),
        cmocka_unit_test(modes_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
